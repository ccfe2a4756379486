from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings

from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.fields import RETRY_CEILING_MS
from tests.conformance.sse_cases import cut, load, variants
from tests.reference import interpret
from tests.streams import (
    cut_streams,
    data_of,
    decoded,
    huge_lines,
    seen,
    streams,
    with_huge_lines,
)

CASES = load()
PROMPT = [case for case in CASES if "prompt" in case.tags]
KIB = 1024
MIB = 1024 * KIB


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


# ------------------------------------------------------------------ conformance


@by_name(CASES)
def test_every_chunking_gives_the_events_of_the_case(case):
    for label, chunks in variants(case):
        decoder = EventStreamDecoder()
        events = [event for chunk in chunks for event in decoder.feed(chunk)]
        got = [{"event": e.event, "data": e.data, "id": e.id} for e in events]
        assert got == case.expect, label
        assert decoder.last_event_id == case.last_event_id, label
        if case.check_retry and case.level != "soft":
            assert decoder.retry_ms == case.retry_ms, label


@by_name(PROMPT)
def test_an_event_is_out_before_the_next_chunk_comes(case):
    decoder = EventStreamDecoder()
    counts = itertools.accumulate(len(decoder.feed(chunk)) for chunk in case.chunks)
    assert list(counts) == case.after


@by_name([case for case in CASES if "gen" not in case.tags])
def test_the_reference_agrees_with_the_case(case):
    outcome = interpret(b"".join(case.chunks))
    expected = [(e["event"], e["data"], e["id"]) for e in case.expect]
    assert [event[:3] for event in outcome.events] == expected
    assert outcome.last_event_id == case.last_event_id


# ------------------------------------------------------------ any bytes, any cuts


@given(cut_streams(), huge_lines)
@settings(max_examples=1500, deadline=None)
def test_any_bytes_cut_anywhere_mean_what_the_standard_says(cut_stream, huge):
    stream, chunks = cut_stream
    decoder = EventStreamDecoder("before")
    with with_huge_lines(huge):
        events = decoded(decoder, chunks)
    outcome = interpret(stream, "before")
    assert events == outcome.events
    assert decoder.last_event_id == outcome.last_event_id
    assert decoder.retry_ms == outcome.retry_ms


@given(streams, huge_lines)
@settings(max_examples=300, deadline=None)
def test_every_event_is_out_with_its_last_byte(stream, huge):
    decoder = EventStreamDecoder()
    for i, byte in enumerate(cut(stream, 1)):
        due = interpret(stream[: i + 1]).events[len(interpret(stream[:i]).events) :]
        with with_huge_lines(huge):
            assert decoded(decoder, [byte]) == due


# ------------------------------------------------------------------- id and retry


def test_an_event_carries_the_id_in_force_and_its_own_retry():
    decoder = EventStreamDecoder("7")
    events = decoder.feed(
        b"data: a\n\nretry: 20\nid: 8\ndata: b\n\nevent: e\ndata: c\n\n"
    )
    assert list(map(seen, events)) == [
        ("message", "a", "7", None),
        ("message", "b", "8", 20),
        ("e", "c", "8", None),
    ]


@pytest.mark.parametrize("first", [b"id:\n", b"retry: 0\n", b"event: e\n", b"data\n"])
def test_a_block_goes_on_in_the_next_chunk(first):
    (expected,) = interpret(first + b"data: x\n\n", "7").events
    decoder = EventStreamDecoder("7")
    assert decoded(decoder, [first, b"data: x\n\n"]) == [expected]


def test_an_id_is_committed_by_its_blank_line_only():
    decoder = EventStreamDecoder("7")
    decoder.feed(b"id: 8\n")
    assert decoder.last_event_id == "7"
    assert decoder.feed(b"\n") == []
    assert decoder.last_event_id == "8"


def test_retry_takes_effect_with_its_own_line():
    decoder = EventStreamDecoder()
    decoder.feed(b"retry: 25")
    assert decoder.retry_ms is None
    decoder.feed(b"0\n")
    assert decoder.retry_ms == 250


@pytest.mark.parametrize(
    ("digits", "milliseconds"),
    [
        (b"0", 0),
        (b"0" * 10_000 + b"12", 12),
        (b"9" * 30, 10**30 - 1),
        (b"1" + b"0" * 100, RETRY_CEILING_MS),
        (b"2" + b"0" * 100, RETRY_CEILING_MS),
        (b"9" * 1_000_000, RETRY_CEILING_MS),
    ],
    ids=["zero", "leading-zeros", "large", "ceiling", "above", "endless"],
)
def test_a_retry_of_any_length_is_taken_and_clamped(digits, milliseconds):
    decoder = EventStreamDecoder()
    (event,) = decoder.feed(b"retry:" + digits + b"\ndata\n\n")
    assert event.retry == decoder.retry_ms == milliseconds


# ----------------------------------------------------------------------- comments


def test_comments_are_handed_out_in_order_before_feed_returns():
    comments = []
    decoder = EventStreamDecoder(on_comment=comments.append)
    decoder.feed(b": one\n:two\n:  three\n:\ndata: x\n: fo")
    assert comments == ["one", "two", " three", ""]
    events = decoder.feed(b"ur\xff\r\n\n:five")
    assert data_of(events) == ["x"]
    assert comments[4:] == ["four\ufffd"]


@given(cut_streams())
@settings(max_examples=300, deadline=None)
def test_comments_are_the_same_for_every_chunking(cut_stream):
    stream, chunks = cut_stream
    whole, pieces = [], []
    EventStreamDecoder(on_comment=whole.append).feed(stream)
    decoded(EventStreamDecoder(on_comment=pieces.append), chunks)
    assert pieces == whole


@pytest.mark.parametrize("size", [1, 7, 64 * KIB, MIB])
@pytest.mark.parametrize("space", [b"", b" "])
def test_of_one_comment_64_kib_are_handed_out(space, size):
    comments = []
    decoder = EventStreamDecoder(on_comment=comments.append)
    for length in (64 * KIB, 64 * KIB + 1, 80 * KIB):
        for chunk in cut(b":" + space + b"c" * length + b"\n", size):
            decoder.feed(chunk)
    assert comments == ["c" * 64 * KIB] * 3


def test_a_character_cut_by_the_comment_limit_is_left_out():
    comments = []
    decoder = EventStreamDecoder(on_comment=comments.append)
    decoder.feed(b":" + "€".encode() * 30_000 + b"\n")
    assert comments == ["€" * (64 * KIB // 3)]


def test_what_on_comment_raises_passes_through():
    def refuse(text):
        raise LookupError(text)

    with pytest.raises(LookupError, match="beat"):
        EventStreamDecoder(on_comment=refuse).feed(b": beat\n")


# --------------------------------------------------------------------- size limit


def test_events_before_a_large_one_are_returned_and_the_next_call_raises():
    decoder = EventStreamDecoder("0", max_event_bytes=10)
    events = decoder.feed(b"id: 1\ndata: a\n\nid: 2\ndata: 1234567890\n\ndata: c\n\n")
    assert data_of(events) == ["a"]
    assert decoder.last_event_id == "1"
    for chunk in (b"", b"data: d\n\n", b"\n"):
        with pytest.raises(EventTooLarge):
            decoder.feed(chunk)


def test_a_large_event_raises_at_once_where_none_precedes_it():
    decoder = EventStreamDecoder(max_event_bytes=10)
    assert decoder.feed(b"data: 1234") == []
    with pytest.raises(EventTooLarge, match=r"than 10 bytes.*raise max_event_bytes="):
        decoder.feed(b"5")
