"""Which events had an ID themselves, and which of those came before."""

from __future__ import annotations

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.recent import (
    IdentifiedEvent,
    RecentIds,
    identified,
    own_id,
)


def event(number):
    return identified(ServerSentEvent("price", f"data {number}", str(number), 5))


def test_an_event_that_had_its_id_itself_is_the_same_event():
    plain = ServerSentEvent("price", "1", "7", 5)
    one = identified(plain)
    assert isinstance(one, IdentifiedEvent)
    assert repr(one) == repr(plain)
    assert not hasattr(one, "__dict__")
    assert own_id(one) == "7"


@pytest.mark.parametrize(
    "one", [None, ServerSentEvent(id="7"), identified(ServerSentEvent())]
)
def test_others_have_none(one):
    assert own_id(one) is None
    recent = RecentIds(5)
    recent.passed(one)
    assert recent.after([one]) == ()
    if one is not None:
        assert not recent.is_duplicate(one)
        assert not recent.is_duplicate(one)


def test_the_last_ones_are_remembered_and_no_more():
    recent = RecentIds(2)
    found = {n for n in (1, 2, 1, 3, 1, 2) if not recent.is_duplicate(event(n))}
    assert found == {1, 2, 3}
    assert [recent.is_duplicate(event(n)) for n in (1, 2, 3)] == [True, True, False]


def test_an_id_that_is_seen_again_is_kept_once():
    recent = RecentIds(3)
    for number in (1, 2, 3, 3, 2):
        recent.passed(event(number))
    assert recent.after([event(3)]) == ("1", "2", "3")


def test_nothing_is_a_duplicate_where_nothing_is_to_be_remembered():
    recent = RecentIds(0)
    assert not recent.is_duplicate(event(1))
    assert not recent.is_duplicate(event(1))
    recent.passed(event(1))
    assert recent.after([event(2)]) is None
    recent.restore(["8"])  # of a life that was to remember some
    assert not recent.is_duplicate(event(8))


def test_only_what_the_position_has_passed_is_kept():
    recent = RecentIds(3)
    for number in (1, 2, 3, 4):
        recent.is_duplicate(event(number))
    recent.passed(event(1))
    assert recent.after(()) == ("1",)
    assert recent.after([event(2), None, ServerSentEvent(id="x")]) == ("1", "2")
    for number in (2, 3, 4):
        recent.passed(event(number))
    assert recent.after(()) == ("2", "3", "4")


def test_those_of_the_last_life_come_before_those_of_this_one():
    recent = RecentIds(3)
    recent.is_duplicate(event(3))
    recent.restore(("1", "2"))
    assert recent.after(()) == ("1", "2")
    assert [recent.is_duplicate(event(n)) for n in (1, 2, 3)] == [True, True, True]
    assert not recent.is_duplicate(event(4))
    assert not recent.is_duplicate(event(1))


def test_of_more_than_are_remembered_now_the_last_are():
    recent = RecentIds(2)
    recent.restore(("1", "2", "3"))
    assert recent.after(()) == ("2", "3")
    assert not recent.is_duplicate(event(1))


@given(st.integers(1, 5), st.lists(st.integers(0, 8)), st.lists(st.integers(0, 8)))
def test_a_duplicate_is_what_is_among_the_last(count, before, after):
    recent, seen = RecentIds(count), list(before)
    recent.restore(list(map(str, before)))
    for number in after:
        last = list(dict.fromkeys(reversed(seen)))[:count]
        assert recent.is_duplicate(event(number)) == (number in last)
        recent.passed(event(number))
        seen.append(number)
    last = list(dict.fromkeys(reversed(seen)))[:count]
    assert recent.after(()) == tuple(map(str, reversed(last)))
