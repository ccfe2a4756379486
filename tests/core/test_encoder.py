"""An event becomes the bytes that are read as that event, or is refused."""

from __future__ import annotations

import math

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse import EventStreamDecoder, encode

UTF_8 = st.characters(exclude_categories=["Cs"])
NO_END = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
NO_END_NO_NUL = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
DATA = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))

CARRIED = st.builds(
    ServerSentEvent,
    event=st.text(NO_END, min_size=1),
    data=DATA,
    id=st.text(NO_END_NO_NUL),
    retry=st.none() | st.integers(0, 10**100),
)
ANY = st.builds(
    ServerSentEvent,
    event=st.text(),
    data=st.text(),
    id=st.text(),
    retry=st.none() | st.integers(),
)


def fields(event):
    return event.event, event.data, event.id, event.retry


@given(CARRIED)
def test_an_event_is_read_as_it_was(event):
    (read,) = EventStreamDecoder().feed(encode(event))
    assert fields(read) == fields(event)


@given(st.lists(CARRIED.filter(lambda event: event.id)))
def test_events_with_ids_are_read_as_they_were_one_after_the_other(events):
    read = EventStreamDecoder().feed(b"".join(map(encode, events)))
    assert list(map(fields, read)) == list(map(fields, events))


@given(ANY)
def test_whatever_is_not_refused_is_read_as_it_was(event):
    try:
        encoded = encode(event)
    except ValueError:
        return
    (read,) = EventStreamDecoder().feed(encoded)
    assert fields(read) == fields(event)


@pytest.mark.parametrize("name", ["data", "id", "event"])
@pytest.mark.parametrize("value", ["\r", "a\nb\r\nc", "\ud800", "a\udfffb"])
def test_what_no_stream_can_carry_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        encode(ServerSentEvent(**{name: value}))


@pytest.mark.parametrize("retry", [-1, 10**100 + 1, 1.5, math.nan, math.inf])
def test_a_retry_that_is_read_as_another_is_refused(retry):
    with pytest.raises(ValueError, match="from 0 to"):
        encode(ServerSentEvent(data="a", retry=retry))


@pytest.mark.parametrize("new_id", ["a\nb", "a\0b"])
def test_an_id_that_is_ignored_or_cut_is_refused(new_id):
    with pytest.raises(ValueError, match="id cannot have"):
        encode(ServerSentEvent(data="a", id=new_id))


def test_no_type_is_refused():
    event = ServerSentEvent(data="a")
    event.event = ""
    with pytest.raises(ValueError, match="'message'"):
        encode(event)


def test_the_bytes_are_as_short_as_a_reader_would_write_them():
    event = ServerSentEvent(event="tick", data="a\n b\n", id="7", retry=5)
    assert encode(event) == (
        b"retry: 5\nid: 7\nevent: tick\ndata: a\ndata:  b\ndata: \n\n"
    )
    assert encode(ServerSentEvent()) == b"data: \n\n"
