from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.errors import EventTooLarge
from tests.conformance.sse_cases import cut
from tests.reference import interpret
from tests.streams import cut_streams, data_of, huge_lines, seen, with_huge_lines

KIB = 1024
MIB = 1024 * KIB

# --------------------------------------------------------------------- size limit


def is_too_large(stream, limit):
    """Section 1.10, literally: the bytes held before a field line, and the line."""
    text = stream.removeprefix(b"\xef\xbb\xbf")
    *ended, unended = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    data, event, last_id = b"", b"", b""
    for line in ended:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        held = len(data) + len(event) + len(last_id)
        if name in (b"data", b"event", b"id", b"retry") and held + len(line) > limit:
            return True
        if name == b"data":
            data += value + b"\n"
        elif name == b"event":
            event = value
        elif name == b"id" and b"\0" not in value:
            last_id = value
        elif not line:
            data, event, last_id = b"", b"", b""
    is_field = unended.startswith((b"data:", b"event:", b"id:", b"retry:"))
    held = len(data) + len(event) + len(last_id)
    return is_field and held + len(unended) > limit


def fatal_length(stream, limit):
    """How many bytes it takes until the stream is known to be too large."""
    lengths = range(len(stream) + 1)
    return next((n for n in lengths if is_too_large(stream[:n], limit)), None)


@given(cut_streams(), st.integers(0, 24), huge_lines)
@example((b"data: 1\n\ndata: 12\n\n", [b"data: 1\n\nda", b"ta: 12\n\n"]), 7, 6)
@settings(max_examples=800, deadline=None)
def test_the_size_limit_falls_on_the_same_byte_for_every_chunking(
    cut_stream, limit, huge
):
    stream, chunks = cut_stream
    fatal = fatal_length(stream, limit)
    decoder = EventStreamDecoder(max_event_bytes=limit)
    events, fed, failed_at = [], 0, None
    for chunk in [*chunks, b""]:
        try:
            with with_huge_lines(huge):
                events += map(seen, decoder.feed(chunk))
        except EventTooLarge:
            failed_at = fed + len(chunk)
            break
        fed += len(chunk)
    assert events == interpret(stream[:fatal]).events
    assert (failed_at is None) == (fatal is None)
    assert fatal is None or failed_at >= fatal


def test_a_limit_met_exactly_is_not_exceeded():
    decoder = EventStreamDecoder(max_event_bytes=20)
    # event "typed" 5 + id "1" 1 + data "ab" and its LF 3, and the line "data: 56789".
    stream = b"event:typed\nid:1\ndata:ab\ndata: 56789\n\n"
    assert data_of(decoder.feed(stream)) == ["ab\n56789"]
    with pytest.raises(EventTooLarge):
        decoder.feed(stream.replace(b"9", b"90"))


def test_each_held_part_counts():
    for field in (b"data:123456\n", b"event:1234567\n", b"id:1234567\n"):
        decoder = EventStreamDecoder(max_event_bytes=13)
        decoder.feed(field + b"data:1")
        with pytest.raises(EventTooLarge):
            decoder.feed(b"2")


def test_an_id_type_or_retry_is_counted_once_however_often_it_comes():
    decoder = EventStreamDecoder(max_event_bytes=40)
    decoder.feed(b"id: 12345678\nevent: 12345678\nretry: 12345678\n" * 100)
    (event,) = decoder.feed(b"data: x\n\n")
    assert seen(event) == ("12345678", "x", "12345678", 12345678)


def test_comments_and_unknown_fields_never_count():
    decoder = EventStreamDecoder(max_event_bytes=8)
    for chunk in cut(b": beat\ndatabase: large\nunknown\n" * 50, 9):
        decoder.feed(chunk)
    assert data_of(decoder.feed(b"data: a\n\n")) == ["a"]


def test_the_default_limit_is_16_mib_and_none_lifts_it():
    value = b"x" * (16 * MIB)
    with pytest.raises(EventTooLarge, match="16777216"):
        EventStreamDecoder().feed(b"data:" + value + b"\n\n")
    allowed = value[5:]
    (event,) = EventStreamDecoder().feed(b"data:" + allowed + b"\n\n")
    assert len(event.data) == len(allowed)
    lifted = EventStreamDecoder(max_event_bytes=None)
    (event,) = lifted.feed(b"data:" + value + b"\ndata\n\n")
    assert len(event.data) == len(value) + 1


# ------------------------------------------------------------------ time and memory


class Memory:
    """Bytes allocated over what there was, at the highest."""

    def __enter__(self):
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *exc):
        self.held, self.peak = (
            n - self._before for n in tracemalloc.get_traced_memory()
        )
        tracemalloc.stop()


def bytes_allocated(decoder, chunk, feeds):
    """What the feeds allocate altogether: work that shows where time may not."""
    total = 0
    with Memory():
        for _ in range(feeds):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            decoder.feed(chunk)
            total += tracemalloc.get_traced_memory()[1] - before
    return total


@pytest.mark.parametrize(
    ("begin", "chunk"),
    [
        (b"data: " + b"x" * MIB, b"x"),
        (b"id: " + b"x" * MIB, b"x"),
        (b"unknown: " + b"x" * MIB, b"x"),
        (b": " + b"x" * MIB, b"x"),
        (b"data: x\n" * (MIB // 8), b"data: x\n"),
        (b"data: " + b"x" * MIB + b"\nevent: ", b"e"),
        (b"data: " + b"x" * MIB + b"\n", b": beat\n"),
    ],
    ids=["data", "id", "unknown", "comment", "lines", "after-data", "beats"],
)
def test_the_cost_of_a_chunk_does_not_grow_with_what_is_held(begin, chunk):
    fresh = EventStreamDecoder(on_comment=str)
    fresh.feed(begin[:9])
    full = EventStreamDecoder(on_comment=str)
    full.feed(begin)
    # Room for a buffer to grow in place, once; copying what is held takes 2,000 MiB.
    allowed = bytes_allocated(fresh, chunk, 2000) + 2 * MIB
    assert bytes_allocated(full, chunk, 2000) < allowed


def test_a_long_line_may_trickle_in():
    decoder = EventStreamDecoder()
    decoder.feed(b"data: ")
    for _ in range(MIB // 2):
        decoder.feed(b"xyz")
    (event,) = decoder.feed(b"\n\n")
    assert event.data == "xyz" * (MIB // 2)


@pytest.mark.parametrize("on_comment", [None, str], ids=["unheard", "heard"])
@pytest.mark.parametrize(
    ("begin", "chunk"),
    [
        (b": ", b"c" * KIB),
        (b"unknown: ", b"u" * KIB),
        (b"unknown", b"u" * KIB),
        (b"", b"\n" * KIB),
        (b"", b"\r" * KIB),
        (b"", b": beat\n\n" * 128),
        (b"data: x\n", b"unknown: u\n: c\n" * 64),
        (b"data: x\n", b"event: e\nid: i\nretry: 1\n" * 64),
        (b"", b"data: x\n\n" * 128),
    ],
    ids=[
        *("comment", "unknown", "nameless", "lf", "cr"),
        *("beats", "ignored", "replaced", "events"),
    ],
)
def test_an_endless_stream_holds_flat_memory(begin, chunk, on_comment):
    decoder = EventStreamDecoder(on_comment=on_comment)
    decoder.feed(begin)
    with Memory() as memory:
        for _ in range(200):
            decoder.feed(chunk)
    assert memory.peak < 128 * KIB


def test_an_unfinished_event_costs_little_more_than_its_bytes():
    decoder = EventStreamDecoder()
    with Memory() as memory:
        for _ in range(30_000):
            decoder.feed(b"data:\n")
        decoder.feed(b"data: ")
        for _ in range(30_000):
            decoder.feed(b"xy")
    assert memory.peak < 128 * KIB


def test_nothing_is_held_after_too_large():
    decoder = EventStreamDecoder(max_event_bytes=MIB)
    with Memory() as memory:
        decoder.feed(b"event: e\nid: i\ndata: " + b"x" * (MIB - 20) + b"\n")
        with pytest.raises(EventTooLarge):
            decoder.feed(b"data: " + b"x" * MIB)
    assert memory.held < 64 * KIB
