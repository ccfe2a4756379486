"""Streams and chunkings for hypothesis, and how events are compared."""

from __future__ import annotations

import itertools
from unittest import mock

from hypothesis import strategies as st

from reconnecting_sse.core import decoder

PIECES = [
    *(b"data", b"event", b"id", b"retry", b"dat", b"Data", b"datax", b"x"),
    *(b":", b": ", b" ", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"),
    *(b"\xef\xbb\xbf", b"\xef", b"\xbb\xbf", b"\0", b"\xe2\x82", b"\xac", b"\xff"),
    *("\u2028\u0085\x0b\x0c\x1c".encode(), "é€🦊".encode(), b"\xed\xa0\x80"),
    *(b"0", b"15", b"007", b"-1", "٣".encode()),
]
LINES = [
    *(b"data: a\n", b"data:b\n", b"data\n", b"data:\n", b"data: \n", b"data:  c\n"),
    *(b"event: e\n", b"event:\n", b"event\n", b"id: 1\n", b"id:2\n", b"id:\n", b"id\n"),
    *(b"id: \0\n", b"retry: 5\n", b"retry:\n", b": note\n", b":\n", b"odd: x\n"),
    *(b"\n", b"\n", b"\n", "data: é\n".encode(), b"data: \xff\n", b"data: d\r\n"),
]
anything = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)).map(b"".join)
feeds = st.lists(st.sampled_from(LINES), max_size=40).map(b"".join)
streams = anything | feeds | st.tuples(feeds, anything, feeds).map(b"".join)


@st.composite
def cut_streams(draw):
    """A stream, and the chunks it arrives in; some of them empty."""
    stream = draw(streams)
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *cuts, len(stream)]
    return stream, [stream[a:b] for a, b in itertools.pairwise(edges)]


# From how many bytes on the decoder treats a data line as a huge one: as it comes, and
# so few that the shortest lines are.
huge_lines = st.sampled_from([decoder._HUGE_LINE, len(b"data: ")])


def with_huge_lines(length):
    """Let the decoder treat a data line of ``length`` bytes as a huge one."""
    return mock.patch.object(decoder, "_HUGE_LINE", length)


def decoded(decoder, chunks):
    return [seen(event) for chunk in chunks for event in decoder.feed(chunk)]


def seen(event):
    return event.event, event.data, event.id, event.retry


def data_of(events):
    return [event.data for event in events]
