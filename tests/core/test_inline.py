"""What a subscription's decoder gives besides events, and where among them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.inline import InlineDecoder
from reconnecting_sse.core.recent import own_id
from tests.core.test_decoder_limits import Memory
from tests.reference import name_and_value
from tests.streams import cut_streams, huge_lines, seen, streams, with_huge_lines

MIB = 1024 * 1024
OVER = "passed over"


def inline(limit, *, hears=True, passes_over=True, identifies=False):
    return InlineDecoder(
        "",
        max_event_bytes=limit,
        hears=hears,
        passes_over=passes_over,
        identifies=identifies,
    )


def named(item):
    """An item so that it can be compared."""
    if isinstance(item, EventTooLarge):
        return OVER
    return item if isinstance(item, str) else seen(item)


def items_of(decoder, chunks):
    return [named(item) for chunk in chunks for item in decoder.feed(chunk)]


class Model:
    """The same, line by line and as slow as it reads; for streams in ASCII and LF."""

    def __init__(self, limit):
        self.limit, self.items, self.last_event_id = limit, [], ""
        self._forget()

    def _forget(self):
        self.data, self.event, self.id = b"", b"", None
        self.retry, self.is_passing = None, False

    def read(self, stream):
        for line in stream.split(b"\n")[:-1]:
            if not line:
                self._end_block()
            elif line.startswith(b":"):
                value = name_and_value(line.decode())[1]
                self.items.append(value)
            else:
                self._read_field(line)
        return self.items

    def _read_field(self, line):
        name, value = name_and_value(line.decode())
        if name not in ("data", "event", "id", "retry"):
            return
        held = len(self.data) + len(self.event) + len(self.id or b"")
        if held + len(line) > self.limit:
            if not self.is_passing:
                self.items.append(OVER)
            self.data, self.event, self.is_passing = b"", b"", True
        elif name == "data":
            self.data += value.encode() + b"\n"
        elif name == "event":
            self.event = value.encode()
        elif name == "id" and "\0" not in value:
            self.id = value.encode()
        elif name == "retry" and value.isdigit():
            self.retry = int(value)

    def _end_block(self):
        if self.id is not None:
            self.last_event_id = self.id.decode()
        if self.data and not self.is_passing:
            kind, data = self.event.decode() or "message", self.data[:-1].decode()
            self.items.append((kind, data, self.last_event_id, self.retry))
        self._forget()


LINES = [b"data: a", b"data", b"data:bcdefg", b"event: e", b"id: 1", b"id:2345"]
LINES += [b"retry: 5", b": c", b":", b"odd: x", b"dat", b"", b"", b"data: 12345678"]
feeds = st.lists(st.sampled_from(LINES), max_size=30).map(
    lambda lines: b"".join(line + b"\n" for line in lines)
)


@given(feeds, st.lists(st.integers(0, 200), max_size=8), st.integers(0, 24), huge_lines)
@settings(max_examples=600, deadline=None)
def test_what_is_too_large_is_passed_over_wherever_the_bytes_are_cut(
    feed, cuts, limit, huge
):
    edges = [0, *sorted(min(cut, len(feed)) for cut in cuts), len(feed)]
    chunks = [feed[a:b] for a, b in itertools.pairwise(edges)]
    model, decoder = Model(limit), inline(limit)
    with with_huge_lines(huge):
        assert items_of(decoder, chunks) == model.read(feed)
    assert decoder.last_event_id == model.last_event_id


@given(cut_streams(), st.integers(0, 24), huge_lines)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_passed_over_alike_however_they_are_cut(cut_stream, limit, huge):
    stream, chunks = cut_stream
    whole, pieces = inline(limit), inline(limit)
    items = items_of(whole, [stream])
    with with_huge_lines(huge):
        assert items_of(pieces, chunks) == items
    assert pieces.last_event_id == whole.last_event_id


@given(streams)
@settings(max_examples=200, deadline=None)
def test_events_are_those_of_the_bare_decoder(stream):
    events = [seen(event) for event in EventStreamDecoder().feed(stream)]
    items = inline(None).feed(stream)
    assert [seen(i) for i in items if not isinstance(i, str)] == events
    assert items_of(inline(None, hears=False), [stream]) == events


@given(cut_streams(), st.integers(0, 24), huge_lines, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_where_events_are_identified_everything_else_is_the_same(
    cut_stream, limit, huge, hears, passes_over
):
    _, chunks = cut_stream
    options = {"hears": hears, "passes_over": passes_over}
    plain = inline(limit, **options)
    decoder = inline(limit, identifies=True, **options)
    with with_huge_lines(huge):
        for chunk in chunks:
            assert until_too_large(decoder, chunk) == until_too_large(plain, chunk)
            assert decoder.last_event_id == plain.last_event_id
            assert decoder.retry_ms == plain.retry_ms


def until_too_large(decoder, chunk):
    try:
        return items_of(decoder, [chunk])
    except EventTooLarge:
        return OVER


@pytest.mark.parametrize(
    ("block", "own"),
    [
        (b"id: 7\ndata: a\n\n", "7"),
        (b"data: a\nid:7\n\n", "7"),
        (b"data: a\n\n", None),
        (b"id: \0\ndata: a\n\n", None),
        (b"id\ndata: a\n\n", None),
        (b"id: 7\n\ndata: a\n\n", None),
        (b":c\nid: 7\ndata: 123456789012345\n\ndata: a\n\n", None),
    ],
)
@given(cuts=st.lists(st.integers(0, 50), max_size=5))
def test_an_event_had_its_id_itself_if_its_block_had_one(block, own, cuts):
    edges = [0, *sorted(min(cut, len(block)) for cut in cuts), len(block)]
    chunks = [block[a:b] for a, b in itertools.pairwise(edges)]
    decoder = inline(16, identifies=True)
    *_, event = [item for chunk in chunks for item in decoder.feed(chunk)]
    assert event.data == "a"
    assert own_id(event) == own


def test_an_event_that_is_not_passed_over_is_raised_after_those_before_it():
    decoder = inline(10, passes_over=False)
    stream = b":c\ndata: a\n\ndata: 1234567890\n\ndata: b\n\n"
    assert items_of(decoder, [stream]) == ["c", ("message", "a", "", None)]
    with pytest.raises(EventTooLarge):
        decoder.feed(b"")


def test_the_id_of_what_is_passed_over_counts_before_and_after_the_large_line():
    for block in (b"id: 7\ndata: 1234567890\n\n", b"data: 1234567890\nid: 7\n\n"):
        decoder = inline(12)
        assert items_of(decoder, [block + b"data: b\n\n"]) == [
            OVER,
            ("message", "b", "7", None),
        ]


def test_no_more_is_held_of_what_is_passed_over_than_of_any_event():
    decoder = inline(64 * 1024)
    with Memory() as memory:
        for _ in range(64):
            decoder.feed(b"data: " + b"x" * 65536)
            decoder.feed(b"\ndata: y\nid: " + b"z" * 65536)
        decoder.feed(b"\nid: 1\n\n")
    assert memory.peak < MIB
    assert decoder.last_event_id == "1"


# ------------------------------------------------------------------ unfinished bytes


@pytest.mark.parametrize(
    ("stream", "held"),
    [
        (b"", 0),
        (b"data: a\n\n", 0),
        (b"data: a\n\n: beat\n", 0),
        (b"data: a\n\n: bea", 0),
        (b"unknown: u\nunkno", 0),
        (b"retry: 5\n", 0),
        (b"da", 2),
        (b"data: b", 7),
        (b"data: b\n", 2),
        (b"id: 7\nevent: e\ndata: b\ndata: c", 11),
        (b"id: 7\n", 1),
    ],
)
def test_the_bytes_of_an_unfinished_event_are_counted(stream, held):
    decoder = EventStreamDecoder()
    decoder.feed(stream)
    assert decoder.unfinished_bytes == held
    decoder.feed(b"\n\n")
    assert decoder.unfinished_bytes == 0
