"""FEEDS.toml: what it says, and that all its mistakes are told at once."""

from __future__ import annotations

import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.cli.feeds.lines import TOMLLines
from reconnecting_sse.cli.feeds.reading import read_feeds
from reconnecting_sse.cli.feeds.values import FeedsFileError, Mistake

HANDLERS = """
async def handle(event): ...

def plain(event): ...

def by_kind(event): return event.event

number = 3
"""


@pytest.fixture(autouse=True)
def _handlers(tmp_path, monkeypatch):
    """A module of handlers in the working directory."""
    (tmp_path / "feed_handlers.py").write_text(HANDLERS)
    (tmp_path / "broken_handlers.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")


@pytest.fixture
def read(tmp_path):
    def read(text, **environment):
        file = tmp_path / "FEEDS.toml"
        file.write_text(textwrap.dedent(text), "utf-8")
        return read_feeds(file, environment)

    return read


@pytest.fixture
def mistakes(read):
    """What is wrong with a text, line by line."""

    def mistakes(text, **environment):
        with pytest.raises(FeedsFileError) as caught:
            read(text, **environment)
        return [str(mistake) for mistake in caught.value.mistakes]

    return mistakes


ONE = """\
[[feed]]
name = "prices"
url = "https://example.com/prices"
handler = "feed_handlers:handle"
"""


# ------------------------------------------------------------------ what it says


def test_a_feed_has_a_name_a_url_and_a_handler(read):
    (feed,) = read(ONE).feeds
    assert (feed.name, feed.url) == ("prices", "https://example.com/prices")
    assert feed.handler.__name__ == "handle"
    assert (feed.method, feed.data, feed.idle_timeout) == (None, None, 300.0)
    assert feed.headers == feed.params == feed.worker == {}
    assert feed.line == 1


def test_defaults_are_every_feeds_unless_it_says_otherwise(read):
    first, second = read(
        """
        [fleet]
        lease = 15
        max_feeds = 100

        [defaults]
        handler = "feed_handlers:handle"
        concurrency = 4
        headers = { Authorization = "all", "X-Team" = "trade" }
        params = { v = 1, a = true }

        [[feed]]
        name = "prices"
        url = "https://example.com/prices"

        [[feed]]
        name = "orders.eu"
        url = "https://example.com/orders"
        concurrency = 1
        transactional = true
        key = "feed_handlers:by_kind"
        idle_timeout = 0
        method = "POST"
        data = "all of them"
        [feed.headers]
        authorization = "mine"
        [feed.params]
        A = 0.5
        v = "2"
        """
    ).feeds
    assert first.worker == {"concurrency": 4}
    assert first.headers == {"Authorization": "all", "X-Team": "trade"}
    assert first.params == {"v": "1", "a": "true"}
    assert second.worker.keys() == {"concurrency", "transactional", "key"}
    assert second.headers == {"X-Team": "trade", "authorization": "mine"}
    assert second.params == {"v": "2", "a": "true", "A": "0.5"}
    assert (second.method, second.data) == ("POST", "all of them")
    assert second.idle_timeout == 0
    assert (first.line, second.line) == (12, 16)


def test_what_is_the_whole_fleets_is_said_once(read):
    assert (read(ONE).lease, read(ONE).max_feeds) == (None, None)
    found = read(f"[fleet]\nlease = 2.5\nmax_feeds = 7\n{ONE}")
    assert (found.lease, found.max_feeds) == (2.5, 7)


def test_variables_are_put_into_headers_and_parameters(read):
    (feed,) = read(
        f"""{ONE}
headers = {{ Authorization = "Bearer ${{TOKEN}}", X = "$1 $${{A}} {{}}" }}
params = {{ key = "${{A}}-${{TOKEN}}" }}
""",
        TOKEN="s3cret",
        A="a",
    ).feeds
    assert feed.headers == {"Authorization": "Bearer s3cret", "X": "$1 ${A} {}"}
    assert feed.params == {"key": "a-s3cret"}
    assert "s3cret" not in repr(feed)


# ------------------------------------------------------------------ what is wrong


def test_all_mistakes_are_told_at_once_each_with_its_line(mistakes):
    assert mistakes(
        """\
        [fleet]
        leese = 10
        max_feeds = 0
        [defaults]
        concurrency = "four"
        handlr = "feed_handlers:handle"
        [[feed]]
        name = "prices"
        url = "ftp://example.com/"
        handler = "feed_handlers:plain"
        [[feed]]
        name = "prices"
        handler = "nowhere:handle"
        batch = 2.5
        [feed.headers]
        "Bad name" = "x"
        Authorization = "Bearer ${TOKEN}"
        [other]
        """
    ) == [
        "line 2: [fleet] has an unknown key 'leese'; did you mean 'lease'?",
        "line 3: [fleet]: max_feeds: it is 0; write a number from 1",
        "line 5: [defaults]: concurrency: it is a string; write a whole number",
        "line 6: [defaults] has an unknown key 'handlr'; did you mean 'handler'?",
        "line 9: feed 'prices': url: its scheme is not http or https",
        (
            "line 10: feed 'prices': handler: 'feed_handlers:plain' is a plain"
            " function: write it with async def"
        ),
        "line 11: feed 'prices' has no url",
        "line 12: feed 'prices' is in line 8 already",
        (
            "line 13: feed 'prices': handler: there is no module 'nowhere' here, nor"
            " installed"
        ),
        "line 14: feed 'prices': batch: it is a number; write a whole number",
        (
            "line 16: feed 'prices': headers: Bad name: 'Bad name' cannot be a header's"
            " name"
        ),
        "line 17: feed 'prices': headers: Authorization: the variable TOKEN is not set",
        (
            "line 18: the file has an unknown key 'other'; it may have fleet, defaults,"
            " feed"
        ),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("name = 3", "it is a whole number; write a string"),
        ('name = ""', "'' is no name: write some text without blanks around"),
        ('name = " a"', "' a' is no name: write some text without blanks around"),
        (r'name = "a\nb"', r"'a\nb' is no name: write some text without blanks around"),
        ("url = false", "it is a boolean; write a string"),
        ('url = "example.com"', "the scheme is missing; write https://example.com, or"),
        ('url = "https://${HOST}/"', "variables are put into headers and params only"),
        ("handler = []", "it is an array; write a string"),
        ('handler = "handle"', "'handle' names no function: write it as package"),
        ('handler = "feed_handlers:no"', "there is no 'no' in 'feed_handlers'"),
        ('handler = "feed_handlers:number"', "'feed_handlers:number' is no function"),
        ('handler = "broken_handlers:a"', "'broken_handlers' cannot be imported: Zero"),
        ('key = "feed_handlers:handle"', "'feed_handlers:handle' is a coroutine"),
        ('method = "GET /"', "'GET /' cannot be a method"),
        ("data = {}", "it is a table; write a string"),
        ("idle_timeout = -1", "it is -1.0; write seconds"),
        ("idle_timeout = nan", "it is nan; write seconds"),
        ("drain_timeout = 12:00:00", "it is a date or time; write a number"),
        ("transactional = 1", "it is a whole number; write a boolean"),
        ("deduplicate = -1", "it is -1; write a number from 0"),
        ("concurrency = true", "it is a boolean; write a whole number"),
        ('headers = "A: b"', "it is a string; write a table"),
        ("params = [1]", "it is an array; write a table"),
        ("params = { a = [1] }", "a: it is an array; write a string"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_right(mistakes, line, said):
    key = line.partition(" ")[0]
    lines = [*ONE.splitlines(), line] if key not in ONE else ONE.splitlines()
    lines = [line if old.startswith(f"{key} ") else old for old in lines]
    (found,) = mistakes("\n".join(lines))
    where = lines.index(line) + 1
    assert re.fullmatch(rf"line {where}: feed .+: {key}: .*", found), found
    assert said in found


@pytest.mark.parametrize("lease", ["0", "inf", "-3"])
def test_a_lease_is_more_than_none_and_ends(mistakes, lease):
    (found,) = mistakes(f"[fleet]\nlease = {lease}\n{ONE}")
    assert found.startswith("line 2: [fleet]: lease: it is ")


@pytest.mark.parametrize("text", ["", "feed = []", "feed = 3", "[feed]\nname = 'a'"])
def test_a_file_without_feeds_is_one(mistakes, text):
    assert mistakes(text) == ["line 1: there is no feed: write [[feed]], and its keys"]


def test_what_is_no_table_is_told(mistakes):
    assert mistakes("fleet = 1\ndefaults = [2]\nfeed = [3]\n") == [
        "line 1: it is a whole number; write [fleet]",
        "line 2: it is an array; write [defaults]",
        "line 3: it is a whole number; write [[feed]]",
    ]


def test_a_wrong_default_is_told_once_whatever_needs_it(mistakes):
    feeds = "".join(f'[[feed]]\nname = "{n}"\nurl = "http://a/"\n' for n in "abc")
    (found,) = mistakes(f'[defaults]\nhandler = "feed_handlers:plain"\n{feeds}')
    assert found.startswith("line 2: [defaults]: handler: ")


def test_a_feed_without_a_name_is_told_by_its_number(mistakes):
    assert mistakes(f"{ONE}[[feed]]\nname = 3\n[[feed]]\n") == [
        "line 5: feed 2 has no handler",
        "line 5: feed 2 has no url",
        "line 6: feed 2: name: it is a whole number; write a string",
        "line 7: feed 3 has no handler",
        "line 7: feed 3 has no name",
        "line 7: feed 3 has no url",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{ONE}url = 'twice'\n", 5),
        (f"{ONE}batch =\n", 5),
        (f'{ONE}data = """\n\n', 5),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(mistakes, text, line):
    (found,) = mistakes(text)
    assert re.fullmatch(rf"line [{line}-7]: it is not TOML: .+", found)
    assert "(at" not in found


def test_what_is_no_text_is_told_with_its_line(tmp_path):
    file = tmp_path / "FEEDS.toml"
    file.write_bytes(b"# a\n# \xff\n")
    with pytest.raises(FeedsFileError) as caught:
        read_feeds(file, {})
    assert caught.value.mistakes == [Mistake(2, "it is not UTF-8")]


@pytest.mark.parametrize(
    "value",
    [
        '"${NOBODY} s3cret"',
        '"s3cret\\u0000"',
        '"s3cret ${A"',
        '"s3cret ${A-B}"',
        '"${CONTROL} s3cret"',
        '["s3cret"]',
        '"${BYTES} s3cret"',
    ],
)
def test_a_secret_is_in_no_message(mistakes, value):
    text = f"{ONE}[feed.headers]\nAuthorization = {value}\n"
    variables = {"CONTROL": "s3cret\r\n", "BYTES": "s3cret\udcff"}
    (found,) = mistakes(text, A="s3cret", **variables)
    assert found.startswith("line 6: feed 'prices': headers: Authorization: ")
    assert "s3cret" not in found


# ------------------------------------------------------------------ the lines

TRICKY = r'''# a comment with [brackets] and "quotes
a = 1  # another = one
"b c" = """
x = "no key"
[[no.table]]
"""""
'd'.e . "f\"" = ['[', "#]",  # within
  { g = "}" },
]

[ one . "two" ]
h = !!!
i = 1
!!!'
j = { k = 1, l.m = [1, 2] }
[[many]]
n = 1
[[many.inner]]
o = 1
[[many.inner]]
o = 2
[many.table]
p = "\\\\"
[[many]]
n = 2
[[many.inner]]
o = 3
'''.replace("!!!", "'" * 3)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("b c",), 3),
        (("d", "e", 'f"'), 7),
        (("one", "two"), 11),
        (("one", "two", "h"), 12),
        (("one", "two", "j"), 15),
        (("one", "two", "j", "k"), 15),
        (("many", 0), 16),
        (("many", 0, "n"), 17),
        (("many", 0, "inner", 0, "o"), 19),
        (("many", 0, "inner", 1, "o"), 21),
        (("many", 0, "table", "p"), 23),
        (("many", 1), 24),
        (("many", 1, "n"), 25),
        (("many", 1, "inner", 0, "o"), 27),
        (("missing",), 1),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_is_found_in_its_line(path, line, newline):
    assert TOMLLines(TRICKY.replace("\n", newline)).line_of(path) == line


keys = st.text("ab-_1", min_size=1, max_size=3) | st.text("a .#[]='\"\\", max_size=3)
strings = st.text("a\"'#[]{}=\\\n", max_size=6)


def quoted(text):
    return '"' + text.translate({ord(c): f"\\u{ord(c):04x}" for c in '"\\\n'}) + '"'


def multiline(text):
    body = text.replace("\\", "\\\\").replace('"""', '""\\"')
    return f'"""\n{body}"""' if not body.endswith('"""') else quoted(text)


@given(st.lists(st.tuples(keys, strings, st.sampled_from([quoted, multiline]))))
def test_whatever_the_strings_hold_the_keys_are_found(pairs):
    text, expected = "", {}
    for number, (key, string, form) in enumerate(pairs):
        expected[number] = text.count("\n") + 1
        text += f"{quoted(f'{number} {key}')} = [{form(string)}, # ]\n 1]\n"
    lines = TOMLLines(text)
    found = {n: lines.line_of((f"{n} {key}",)) for n, (key, *_) in enumerate(pairs)}
    assert found == expected
