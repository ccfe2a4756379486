"""No legal stream costs much more than an ordinary one, byte by byte: work, counted.

Bytecode instructions, which no busy machine moves. What regular expressions do is not
among them: ``make bench`` tells the time that the same streams take.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.decoder import MAX_EVENT_BYTES, EventStreamDecoder
from reconnecting_sse.core.documents import LineDecoder
from tests.core.test_budget import Instructions, in_a_thread

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12),
    reason="some releases of Python 3.12 crash when instructions are traced",
)

SIZE = 3_000

# For each byte. Line by line, as most of these were once read, it is 20 to 70.
MOST = {"unheard": 16, "heard": 24}

BLOCKS = [
    *(b"id\n\n", b"id:1\n\n", b"id: \n\n", b"id:\0\n\n", b"event\n\n", b"event:e\n\n"),
    *(b"data\n\n", b"data:\n\n", b"data: \n\n", b"data:x\n\n", b"data:\xff\n\n"),
    *(b"retry\n\n", b"retry:1\n\n", b"retry:x\n\n", b":\n\n", b": x\n\n", b"x\n\n"),
    *(b"\n", b":\n", b"x\n", b"id\n", b"data\n", b"event\n", b"retry:1\n", b"datax\n"),
    *(b"event:e\n" * 17 + b"\n", b"retry:1\n" * 17 + b"\n", b"id:1\n" * 17 + b"\n"),
    *(b"data\n" * 10 + b"\n", b"data:x\n" * 300 + b"\n", b"data\nid\ndata\n\n"),
    *(b"data\nid\n", b"x\nid\n", b":\nid\n", b":\n:\n:\nx\n", b":\ndata\n\n"),
    b":\n" * 40 + b"\n",
    *(b"x\ndata\n\n", b"data\nx\n\n", b"id\n\nid:1\n\n", b"id\nevent\ndata\n\n"),
    *(b"data:" + b"x" * 5000 + b"\n\n" + b"id\n\n" * 100, b"id\n\n" + b"x" * 5000),
]

# Of which none is like another.
NUMBERED = [
    *(b"id\n\nid:%d\n\n", b"data\n\ndata:%d\n\n", b"x%d\n\nid\n\n", b"id\nid:%d\n\n"),
    *(b":%d\ndata\n\n", b":\n\n:%d\n\n", b"id:%d\nevent\n\n", b"id:%d\n"),
]

LINES = [
    *(b"id", b"id:1", b"id: 12", b"id:\0", b"data", b"data:", b"data: ", b"data:x"),
    *(b"event", b"event:e", b"retry:1", b"retry:x", b":", b": x", b"x", b"x:", b"idx"),
    *(b"", b"data:\xff", b":\xff"),
]


def instructions_for_each_byte(stream, hearing):
    decoder = EventStreamDecoder(on_comment=[].append if hearing == "heard" else None)
    # Some of it is read before: what there is to do once for a stream is done.
    decoder.feed(stream[: SIZE // 10])
    counted = Instructions()
    with counted:
        decoder.feed(stream)
    return counted.total / len(stream)


@pytest.mark.parametrize("line", [b"\n", b"\r\n", b"1\n"], ids=repr)
def test_lines_of_json_cost_little_before_they_are_parsed(line):
    def instructions():
        with Instructions() as counted:
            LineDecoder(MAX_EVENT_BYTES).feed(line * SIZE)
        return counted.total

    assert in_a_thread(instructions) < SIZE


def repeated(block, newline):
    return (block * (SIZE // len(block) + 1)).replace(b"\n", newline)


@pytest.mark.parametrize("hearing", list(MOST))
@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: repr(block[:20])[1:])
def test_odd_blocks_cost_little_for_each_byte(block, newline, hearing):
    cost = in_a_thread(instructions_for_each_byte, repeated(block, newline), hearing)
    assert cost <= MOST[hearing]


@pytest.mark.parametrize("hearing", list(MOST))
@pytest.mark.parametrize("block", NUMBERED, ids=repr)
def test_blocks_cost_little_though_each_is_another(block, hearing):
    stream = b"".join(block % number for number in range(SIZE // 10))
    assert in_a_thread(instructions_for_each_byte, stream, hearing) <= MOST[hearing]


@pytest.mark.parametrize("hearing", list(MOST))
@given(block=st.lists(st.sampled_from(LINES), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_mixture_of_lines_costs_more(hearing, block):
    stream = repeated(b"\n".join([*block, b""]), b"\n")
    assert in_a_thread(instructions_for_each_byte, stream, hearing) <= MOST[hearing]
