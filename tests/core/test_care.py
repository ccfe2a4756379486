"""Care: after a death events are taken one by one, and poison is told from others."""

from __future__ import annotations

from reconnecting_sse.core.care import Care
from reconnecting_sse.core.claims import Claim


def care_after(starts=0, hand=None, begun=0, *, events=10, max_deliveries=3):
    claim = Claim("name", 1, "nonce", None, 0, starts, hand, begun)
    return Care(claim, max_deliveries=max_deliveries, events=events)


def test_it_is_not_due_after_a_clean_end():
    assert not care_after().is_due


def test_it_is_due_after_a_death_or_with_something_in_hand():
    assert care_after(starts=1).is_due
    assert care_after(hand="0:7", begun=1).is_due


def test_it_is_over_after_as_many_events_as_may_have_been_lost():
    care = care_after(starts=1, events=2)
    care.took("0:1")
    assert care.is_due
    care.took("0:2")
    assert not care.is_due


def test_only_what_was_in_hand_so_often_is_poison():
    care = care_after(starts=2, hand="0:7", begun=3)
    assert care.is_poison("0:7")
    assert not care.is_poison("0:8")
    assert not care_after(hand="0:7", begun=2).is_poison("0:7")


def test_each_taking_is_counted():
    care = care_after(starts=2, hand="0:7", begun=1)
    assert care.in_hand is None
    care.took("0:7")
    assert care.in_hand == ("0:7", 1)
    assert care.was_begun("0:7") == 2
    care.took("0:8")
    assert care.in_hand == ("0:8", 0)
    assert (care.was_begun("0:7"), care.was_begun("0:8")) == (0, 1)
