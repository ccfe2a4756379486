from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.fastpath import read_simple_blocks
from tests.streams import seen

SIMPLE = [b"id: 1\n", b"event:e\n", b"data: x\n", b"retry: 5\n", b": note\n", b":\n"]
MORE_LINES = [b"data: y\n", b"data: \n", b"data:  data: z\n", b"data: data: \n"]
UNUSUAL = [
    *(b"data:y\n", b"data\n", b"data:\n", b"event:\n", b"event: \n", b"id\n"),
    *(b"id:\n", b"id: \n", b"id: a\0\n", b"retry:\n", b"retry: -1\n", b"retry:  1\n"),
    *(b"retry: 1234567890\n", b"odd: x\n", b" \n", b"Data: x\n"),
    b"\xef\xbb\xbfdata: x\n",
]


class LineByLine(EventStreamDecoder):
    """The general decoder alone."""

    def _may_be_simple(self, lines):
        return False


def read(lines, last_event_id=""):
    blocks = read_simple_blocks(lines, last_event_id)
    assert type(blocks.rest) is bytes
    return list(map(seen, blocks.events)), *blocks[1:]


@pytest.mark.parametrize("order", list(itertools.permutations(SIMPLE[:5])))
def test_simple_blocks_are_read_in_any_order_of_fields(order):
    block = b"".join(order) + b"\n"
    assert read(block * 3) == ([("e", "x", "1", 5)] * 3, "1", 5, b"")


@pytest.mark.parametrize(
    "block", [b"data:  \xc3\xa9\n\n", b"data:  \xc3\xa9\n: note\n\n\n\n"]
)
def test_a_block_of_data_alone_carries_the_id_in_force(block):
    assert read(block, "7") == ([("message", " é", "7", None)], "7", None, b"")


def test_blocks_without_data_are_read_too():
    blocks = b": beat\n\n\n\nid: 2\n\nevent: e\n\nretry: 20\n\n:\n\n"
    assert read(blocks, "1") == ([], "2", 20, b"")


def test_an_event_carries_its_own_retry_only():
    blocks = b"retry: 10\n\ndata: a\n\nretry: 20\ndata: b\nretry: 030\n\ndata: c\n\n"
    events = [("message", "a", "", None), ("message", "b", "", 30)]
    assert read(blocks) == ([*events, ("message", "c", "", None)], "", 30, b"")


def test_lines_of_data_are_joined_wherever_they_say_data_again():
    block = b"id: 1\n" + b"data: x\n" + b"".join(MORE_LINES) + b"event: e\n\n"
    data = "x\ny\n\n data: z\ndata: "
    assert read(block) == ([("e", data, "1", None)], "1", None, b"")


@pytest.mark.parametrize("unusual", [*MORE_LINES, *UNUSUAL])
def test_everything_from_the_first_unusual_block_on_is_left(unusual):
    block = b"data: w\nid: 3\n" + unusual
    # More of data after another field, and whatever is unusual in itself.
    for rest in (block + b"\ndata: z\n\n", block):
        blocks = b"id: 2\ndata: a\n\n: note\n\n"
        expected = ([("message", "a", "2", None)], "2", None, rest)
        assert read(blocks + rest, "1") == expected


@pytest.mark.parametrize(
    "lines",
    [
        *(b"", b"data: x\n", b"id: 1\n" * 1000, b":\n" * 17 + b"\n"),
        *(b"data: x\n" * 257 + b"\n", b"data: \xff\n\n"),
    ],
    ids=["nothing", "unfinished", "endless", "long", "many-lines", "not-utf-8"],
)
def test_what_is_no_simple_block_is_left_alone(lines):
    assert read(lines, "1") == ([], "1", None, lines)


@given(
    st.lists(
        st.sampled_from(
            [
                *(*SIMPLE * 4, *MORE_LINES * 2, *[b"\n"] * 24, *UNUSUAL),
                *(b"data: \xff\n", b"x", b"id: 1\nevent: e\ndata: x\n\n"),
            ]
        ),
        max_size=60,
    ).map(b"".join),
    st.lists(st.integers(0, 200), max_size=3).map(sorted),
)
@settings(max_examples=1200, deadline=None)
def test_the_fast_path_cannot_be_told_from_the_general_one(stream, cuts):
    fast, general = EventStreamDecoder("0"), LineByLine("0")
    edges = [0, *cuts, len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    for chunk in (*chunks, b"\n\ndata: end\n\n"):
        assert list(map(seen, fast.feed(chunk))) == list(map(seen, general.feed(chunk)))
        assert fast.last_event_id == general.last_event_id
        assert fast.retry_ms == general.retry_ms


def test_long_lines_are_cut_out_and_not_walked_over():
    stream = b"id: 1\nevent: e\ndata: " + b"x" * 5000 + b"\n\ndata: y\n\n"
    expected = [("e", "x" * 5000, "1", None), ("message", "y", "1", None)]
    assert list(map(seen, EventStreamDecoder().feed(stream))) == expected


@given(st.lists(st.sampled_from([*SIMPLE, b"\n", b"data: x\n\n"]), max_size=40))
@settings(max_examples=300, deadline=None)
def test_who_listens_to_comments_gets_the_same_events(lines):
    heard, deaf, comments = EventStreamDecoder(on_comment=str), LineByLine(), []
    listening = EventStreamDecoder(on_comment=comments.append)
    for chunk in (b"".join(lines), b"\n\ndata: end\n\n"):
        expected = list(map(seen, deaf.feed(chunk)))
        assert list(map(seen, heard.feed(chunk))) == expected
        assert list(map(seen, listening.feed(chunk))) == expected
    assert comments == [line[1:].decode().strip() for line in lines if line[:1] == b":"]
