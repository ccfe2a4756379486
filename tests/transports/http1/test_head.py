"""The head's reader: held to h11 and to http.client, and lenient where devices are."""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.head import HEAD_LIMIT, Head, HeadReader
from tests.transports.http1.answers import cut, fault_of, headed, places

OK = b"HTTP/1.1 200 OK\r\n"


def fields_of(*lines):
    head, _ = headed(OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    assert isinstance(head, Head), head
    return head.fields


# Held to others

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~09azAZ"
VALUE_BYTES = bytes(b for b in range(0x21, 0x100) if b != 0x7F)

versions = st.sampled_from([b"HTTP/1.0", b"HTTP/1.1"])
statuses = st.integers(200, 999)
reasons = st.sampled_from([b"", b"OK", b"Not  so \xe9", b"a\tb", b"200"])
ends = st.sampled_from([b"\r\n", b"\n"])
names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8).map(str.encode)
words = st.lists(st.sampled_from(VALUE_BYTES), max_size=8).map(bytes)
values = st.lists(words, max_size=3).map(b" ".join)
blanks = st.sampled_from([b"", b" ", b"\t", b"  \t"])
folds = st.lists(st.tuples(st.sampled_from([b" ", b"\t", b"  "]), words), max_size=2)
fields = st.lists(st.tuples(names, blanks, values, blanks), max_size=6)
interims = st.lists(st.sampled_from([b"100 Continue", b"103 Hints", b"199"]))


@st.composite
def heads(draw, *, with_folds=True):
    """A head that is right, or wrong only where everybody is lenient."""
    end = draw(ends)
    lines = [b"%b %d %b" % (draw(versions), draw(statuses), draw(reasons))]
    for name, before, value, behind in draw(fields):
        lines.append(name + b":" + before + value + behind)
        if with_folds and value:
            # What is blank before a fold is kept by some, and stripped by others.
            lines[-1] = lines[-1].rstrip(b" \t")
            lines.extend(blank + word for blank, word in draw(folds) if word)
    return end.join([*lines, b"", b""])


@given(heads(), interims, places)
def test_a_head_is_what_it_is_for_h11(wire, interims, places):
    before = b"".join(b"HTTP/1.1 %b\r\nLink: a\r\n\r\n" % line for line in interims)
    reference = h11.Connection(h11.CLIENT)
    reference.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    reference.receive_data(before + wire)
    while isinstance(expected := reference.next_event(), h11.InformationalResponse):
        pass
    head, rest = headed(*cut(before + wire + b"rest", places))
    assert isinstance(head, Head)
    assert (head.status, head.reason) == (expected.status_code, expected.reason)
    assert head.version == b"HTTP/" + expected.http_version
    assert head.fields == expected.headers.raw_items()
    assert rest == b"rest"


class Wire:
    """What http.client needs of a socket."""

    def __init__(self, data):
        self.data = data

    def makefile(self, mode):
        return io.BytesIO(self.data)


@given(heads(with_folds=False), places)
def test_a_head_is_what_it_is_for_http_client(wire, places):
    reference = HTTPResponse(Wire(wire))
    reference.begin()
    head, rest = headed(*cut(wire + b"rest", places))
    assert isinstance(head, Head)
    assert (head.status, head.reason.decode("latin-1")) == (
        reference.status,
        reference.reason,
    )
    assert head.version == (b"HTTP/1.0" if reference.version == 10 else b"HTTP/1.1")
    assert head.fields == [
        (name.encode("latin-1"), value.strip(" \t").encode("latin-1"))
        for name, value in reference.headers.items()
    ]
    assert rest == b"rest"
    reference.close()


@given(st.binary(max_size=80) | heads().map(lambda wire: wire[:-5]), places)
def test_however_it_is_cut_anything_comes_to_the_same(data, places):
    data = b"HTTP/1.1 200" + data
    assert headed(*cut(data, places))[0] == headed(data)[0]


# What a head is


def test_the_fields_are_bytes_in_order_in_their_own_case():
    head, rest = headed(
        b"HTTP/1.0 299 Not \xe9\r\nB: \xff\r\nb:\r\nA: \t1 2 \r\n\r\nrest"
    )
    fields = [(b"B", b"\xff"), (b"b", b""), (b"A", b"1 2")]
    assert (head, rest) == (Head(b"HTTP/1.0", 299, b"Not \xe9", fields), b"rest")


def test_values_are_found_in_any_case_and_lists_are_one():
    fields = [(b"A", b"X, y"), (b"B", b"z"), (b"a", b",\tq \xe9,,")]
    head = Head(b"HTTP/1.1", 200, b"", fields)
    assert head.values(b"a") == [b"X, y", b",\tq \xe9,,"]
    assert head.members(b"A") == ["x", "y", "q \xe9"]
    assert head.values(b"c") == head.members(b"c") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"HTTP/1.1 200", (b"HTTP/1.1", 200, b"")),
        (b"HTTP/1.1 200 ", (b"HTTP/1.1", 200, b"")),
        (b"HTTP/1.1 200\tOK", (b"HTTP/1.1", 200, b"OK")),
        (b"HTTP/1.1  200  OK ", (b"HTTP/1.1", 200, b"OK")),
        (b"HTTP/1.0 999 \xff", (b"HTTP/1.0", 999, b"\xff")),
        (b"HTTP/1.00 200 OK", (b"HTTP/1.0", 200, b"OK")),
        (b"HTTP/1.2 200 OK", (b"HTTP/1.1", 200, b"OK")),
        (b"HTTP/1.15 200 OK", (b"HTTP/1.1", 200, b"OK")),
        (b"HTTP/1.1 200 HTTP/1.1 200", (b"HTTP/1.1", 200, b"HTTP/1.1 200")),
    ],
)
def test_the_status_line_is_read_leniently(line, expected):
    head, _ = headed(line + b"\r\n\r\n")
    assert (head.version, head.status, head.reason) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"A : 1"], [(b"A", b"1")]),
        ([b"A\t \t:1"], [(b"A", b"1")]),
        ([b"A: b\x01\x7fc"], [(b"A", b"b\x01\x7fc")]),
        ([b"A: 1", b" 2"], [(b"A", b"1 2")]),
        ([b"A: 1 ", b"\t \t2 ", b" 3"], [(b"A", b"1 2 3")]),
        ([b"A:", b" 1"], [(b"A", b"1")]),
        ([b"A: 1", b"  "], [(b"A", b"1")]),
        ([b"A: 1", b" B: 2", b"C: 3"], [(b"A", b"1 B: 2"), (b"C", b"3")]),
        ([b"A: 1:2"], [(b"A", b"1:2")]),
    ],
)
def test_fields_are_read_leniently(lines, expected):
    assert fields_of(*lines) == expected


def test_lf_alone_ends_a_line():
    head, rest = headed(b"HTTP/1.1 200 OK\nA: 1\r\nB: 2\n\nrest")
    assert head.fields == [(b"A", b"1"), (b"B", b"2")]
    assert rest == b"rest"


@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n\n"])
def test_blank_lines_before_the_status_line_are_passed_over(blank):
    for pieces in [blank + OK + b"\r\n"], cut(blank + OK + b"\r\n", range(9)):
        assert headed(*pieces)[0] == Head(b"HTTP/1.1", 200, b"OK", [])


def test_interim_responses_are_passed_over_and_101_is_not_one():
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 199 Odd\r\nA: b\r\n\r\n"
    head, rest = headed(interim * 3 + b"\r\n" + OK + b"C: d\r\n\r\nrest")
    assert (head, rest) == (Head(b"HTTP/1.1", 200, b"OK", [(b"C", b"d")]), b"rest")
    head, rest = headed(interim + b"HTTP/1.1 101 Switching\r\n\r\nrest")
    assert (head.status, rest) == (101, b"rest")


def test_whether_anything_has_come_is_known():
    reader = HeadReader()
    assert not reader.has_begun
    for part in b"H", b"TTP/1.1 100 \r\n\r\n":
        assert reader.receive(part) is None
        assert reader.has_begun


def test_a_fault_within_the_body_is_none_of_the_heads():
    assert headed(OK + b"\r\n" + b"\0: no colon" * 9000)[0].status == 200


# What is none

NO_STATUS_LINE = "its first line is no status line of HTTP/1"


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 OK",
        b"HTTP/1.1200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1 2\xb20 OK",
        b"HTTP/1. 200 OK",
        b"HTTP/1.x 200 OK",
        b"HTTP/1.1 200 O\0K",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1\r200 OK",
        b"\r",
        b"\x15",
    ],
)
def test_a_first_line_that_is_no_status_line_is_a_fault_as_soon_as_it_ends(line):
    assert fault_of(line + b"\r\n") == NO_STATUS_LINE


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/2",
        b"HTTP/0",
        b"http/1",
        b"ICY",
        b" HTTP/1.1 200 OK",
        b"220 mail",
        b"SSH-2.0",
        b"\0\0\x12\x04",
        b"\x15\x04",
        b"\x16H",
        b"\rH",
        b"GET / HTTP/1.1",
        b"\r\n\xff",
        b"HTTP/1.1 100 \r\n\r\nX",
    ],
)
def test_what_no_status_line_begins_with_is_a_fault_at_once(start):
    assert fault_of(start) == NO_STATUS_LINE
    assert fault_of(*cut(start, range(len(start)))) == NO_STATUS_LINE


@pytest.mark.parametrize("start", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\n"])
def test_a_tls_record_is_told_apart(start):
    assert headed(start)[0] == Fault("it is a TLS record", is_tls=True)
    assert headed(start[:1], start[1:2])[0] == Fault("it is a TLS record", is_tls=True)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b"no colon"], "number 1 of its headers has no colon"),
        ([b"A: b", b"c"], "number 2 of its headers has no colon"),
        ([b": b"], "its header '' has a malformed name"),
        ([b"  : b"], "its first header line is a continuation"),
        ([b" A: b"], "its first header line is a continuation"),
        ([b"A B: c"], "its header 'A' has a malformed name"),
        ([b"A\0\xe9\r: c"], "its header 'A???' has a malformed name"),
        ([b"X" * 70 + b" : y", b"(: z"], "its header '(' has a malformed name"),
        ([b"(" * 70 + b": y"], f"its header '{'(' * 60}' has a malformed name"),
        ([b"A-B: \0"], "its header 'A-B' has a NUL or a lone CR"),
        ([b"A-B: c\rD: e"], "its header 'A-B' has a NUL or a lone CR"),
        ([b"A-B: c\r"], "its header 'A-B' has a NUL or a lone CR"),
        ([b"A: b", b" c\0"], "its header 'A' has a NUL or a lone CR"),
    ],
)
def test_a_malformed_field_is_a_fault_as_soon_as_its_line_ends(lines, words):
    wire = OK + b"".join(line + b"\r\n" for line in lines)
    assert fault_of(wire) == words
    assert len(words) <= 100


# How much of it

TOO_LARGE = f"its headers exceed {HEAD_LIMIT} bytes"


@pytest.mark.parametrize(
    "before", [b"", b"\r\n" * 9, b"HTTP/1.1 100 A\r\nB: c\r\n\r\n"]
)
def test_a_head_is_bounded_by_its_bytes(before):
    start = before + OK + b"X: "
    value = b"y" * (HEAD_LIMIT - len(start) - 4)
    wire = start + value + b"\r\n\r\n"
    for size in len(wire), 1000:
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        head, rest = headed(*pieces, b"rest")
        assert (head.fields, rest) == ([(b"X", value)], b"rest")
    assert fault_of(start + b"y" + value + b"\r\n\r\n") == TOO_LARGE


@pytest.mark.parametrize(
    "endless", [b"X: y\r\n", b" y\r\n", b"y", b"\r\n", b"HTTP/1.1 100 C\r\n\r\n"]
)
def test_a_head_without_end_is_refused(endless):
    start = b"" if endless.strip()[:1] in (b"", b"H") else OK + b"A: "
    wire = start + endless * (HEAD_LIMIT // len(endless) + 1)
    assert fault_of(wire) == TOO_LARGE
    reader = HeadReader()
    outcomes = {reader.receive(wire[at : at + 7]) for at in range(0, HEAD_LIMIT, 7)}
    assert outcomes <= {None, Fault(TOO_LARGE)}


def test_fields_are_not_counted():
    lines = [b"X-%d: v" % number for number in range(5000)]
    assert len(fields_of(*lines)) == 5000


@pytest.mark.parametrize("line", [b"X: y\r\n", b" y\n", b"y", b"\r"])
def test_a_head_that_drips_costs_no_more_than_its_bytes(line):
    wire = OK + b"A: b\r\n" + line * (HEAD_LIMIT // len(line))
    reader = HeadReader()
    began = time.process_time()
    for at in range(HEAD_LIMIT):
        reader.receive(wire[at : at + 1])
    # It is a tenth of a second; searched from the start, it is half a minute.
    assert time.process_time() - began < 5
