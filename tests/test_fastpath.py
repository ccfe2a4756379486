from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse._decoder import EventStreamDecoder
from reconnecting_sse._fastpath import read_simple_blocks
from tests.streams import seen

SIMPLE = [b"id: 1\n", b"event:e\n", b"data: x\n", b": note\n", b":\n"]
UNUSUAL = [
    *(b"data: y\n", b"data\n", b"data:\n", b"data: \n", b"event:\n", b"event: \n"),
    *(b"id\n", b"id:\n", b"id: \n", b"id: a\0\n", b"retry: 1\n", b"odd: x\n", b" \n"),
    *(b"Data: x\n", b"\xef\xbb\xbfdata: x\n"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(SIMPLE[:4])))
def test_simple_blocks_are_read_in_any_order_of_fields(order):
    block = b"".join(order) + b"\n"
    events, last_event_id, rest = read_simple_blocks(block * 3, "")
    assert list(map(seen, events)) == [("e", "x", "1", None)] * 3
    assert (last_event_id, rest) == ("1", b"")


@pytest.mark.parametrize(
    "block", [b"data:  \xc3\xa9\n\n", b"data:  \xc3\xa9\n: note\n\n\n\n"]
)
def test_a_block_of_data_alone_carries_the_id_in_force(block):
    ((event,), last_event_id, rest) = read_simple_blocks(block, "7")
    assert seen(event) == ("message", " é", "7", None)
    assert (last_event_id, rest) == ("7", b"")


def test_blocks_without_data_are_read_too():
    blocks = b": beat\n\n\n\nid: 2\n\nevent: e\n\n:\n\n"
    assert read_simple_blocks(blocks, "1") == ([], "2", b"")


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_everything_from_the_first_unusual_block_on_is_left(unusual):
    rest = b"id: 3\ndata: x\n" + unusual + b"\n" + b"data: z\n\n"
    events, last_event_id, left = read_simple_blocks(b"id: 2\ndata: a\n\n" + rest, "1")
    assert list(map(seen, events)) == [("message", "a", "2", None)]
    assert (last_event_id, left) == ("2", rest)


@pytest.mark.parametrize(
    "lines",
    [b"", b"data: x\n", b"id: 1\n" * 1000, b":\n" * 17 + b"\n", b"data: \xff\n\n"],
    ids=["nothing", "unfinished", "endless", "long", "not-utf-8"],
)
def test_what_is_no_simple_block_is_left_alone(lines):
    assert read_simple_blocks(lines, "1") == ([], "1", lines)


@given(
    st.lists(
        st.sampled_from([*SIMPLE * 4, *[b"\n"] * 24, *UNUSUAL, b"data: \xff\n", b"x"]),
        max_size=60,
    ).map(b"".join),
    st.integers(0, 100),
)
@settings(max_examples=800, deadline=None)
def test_the_fast_path_cannot_be_told_from_the_general_one(stream, cut_at):
    fast = EventStreamDecoder("0")
    general = EventStreamDecoder("0", on_comment=str)
    for chunk in (stream[:cut_at], stream[cut_at:], b"\n\ndata: end\n\n"):
        assert list(map(seen, fast.feed(chunk))) == list(map(seen, general.feed(chunk)))
        assert fast.last_event_id == general.last_event_id
        assert fast.retry_ms == general.retry_ms
