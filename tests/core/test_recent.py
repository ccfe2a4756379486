"""Duplicates: by the IDs that events had themselves."""

from __future__ import annotations

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.inline import InlineDecoder
from reconnecting_sse.core.recent import IdentifiedEvent, RecentIds, identified, own_id


def plain(id_):
    return ServerSentEvent("message", "data", id_, None)


def own(id_):
    return identified(plain(id_))


def test_an_id_that_was_handed_over_is_a_duplicate():
    recent = RecentIds(3)
    assert [recent.is_duplicate(own(each)) for each in "1221"] == [
        *(False, False),
        *(True, True),
    ]


def test_an_event_without_an_id_of_its_own_never_is():
    recent = RecentIds(3)
    assert not recent.is_duplicate(own("1"))
    assert not recent.is_duplicate(plain("1"))
    assert not recent.is_duplicate(own(""))
    assert not recent.is_duplicate(own(""))


def test_only_the_last_ones_are_remembered():
    recent = RecentIds(2)
    for each in "123":
        assert not recent.is_duplicate(own(each))
    assert not recent.is_duplicate(own("1"))
    assert recent.is_duplicate(own("3"))


def test_those_of_the_last_life_come_first():
    recent = RecentIds(2)
    assert not recent.is_duplicate(own("3"))
    recent.restore(("1", "2"))
    assert recent.is_duplicate(own("2"))
    assert recent.is_duplicate(own("3"))
    assert not recent.is_duplicate(own("1"))


def test_what_is_kept_is_what_was_passed():
    recent = RecentIds(2)
    recent.restore(("1",))
    recent.passed(own("2"))
    recent.passed(plain("2"))
    recent.passed(None)
    assert recent.after(()) == ("1", "2")
    assert recent.after([own("3"), plain("3"), None, own("4")]) == ("3", "4")


def test_nothing_is_kept_where_nothing_is_asked_for():
    recent = RecentIds(0)
    assert not recent.is_duplicate(own("1"))
    assert not recent.is_duplicate(own("1"))
    recent.passed(own("1"))
    assert recent.after([own("2")]) is None


STREAM = (
    b"id: 1\ndata: a\n\n"
    b"data: b\n\n"
    b": heartbeat\n\n"
    b"data: c\nid: 1\n\n"
    b"id: 2\n\n"
    b"data: d\n\n"
    b"id\ndata: e\n\n"
)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("hears", [True, False])
def test_a_decoder_tells_who_had_one(size, hears):
    decoder = InlineDecoder(
        "", max_event_bytes=None, hears=hears, passes_over=False, identifies=True
    )
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    items = [item for piece in pieces for item in decoder.feed(piece)]
    events = [item for item in items if isinstance(item, ServerSentEvent)]
    assert [(e.data, e.id, own_id(e)) for e in events] == [
        ("a", "1", "1"),
        ("b", "1", None),
        ("c", "1", "1"),
        ("d", "2", None),
        ("e", "", None),
    ]
    assert isinstance(events[0], IdentifiedEvent)
    assert (len(items) - len(events)) == hears


def test_one_that_is_passed_over_leaves_no_mark():
    decoder = InlineDecoder(
        "", max_event_bytes=20, hears=False, passes_over=True, identifies=True
    )
    (error,) = decoder.feed(b"id: 1\ndata: " + b"x" * 50 + b"\n\n")
    assert "larger" in str(error)
    (event,) = decoder.feed(b"data: y\n\n")
    assert (event.id, own_id(event)) == ("1", None)
