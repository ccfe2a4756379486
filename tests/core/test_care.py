"""Care: an event that ends the process again and again is told from those beside it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.care import Care
from reconnecting_sse.core.claims import Claim


def claim(*, starts=0, hand=None, begun=0):
    return Claim("feed", 1, "n", starts=starts, hand=hand, begun=begun)


def care(*, max_deliveries=5, events=3, **left):
    return Care(claim(**left), max_deliveries=max_deliveries, events=events)


def test_after_a_clean_end_nothing_is_due():
    assert not care().is_due


def test_after_another_end_it_lasts_for_so_many_events():
    one = care(starts=1)
    for key in "abc":
        assert one.is_due
        one.took(key)
    assert not one.is_due


def test_something_in_hand_is_enough():
    assert care(hand="a", begun=1).is_due


def test_an_event_is_poison_once_it_was_begun_so_often():
    assert not care(hand="a", begun=4).is_poison("a")
    one = care(hand="a", begun=5)
    assert one.is_poison("a")
    assert not one.is_poison("b")
    assert one.was_begun("a") == 5
    assert one.was_begun("b") == 0


def test_what_was_begun_before_is_remembered_behind_what_comes_again_before_it():
    one = care(hand="b", begun=4)
    one.took("a")
    one.ended("a")
    assert one.was_begun("a") == 0
    assert one.was_begun("b") == 4
    one.took("b")
    assert one.in_hand == ("b", 4)


def test_what_is_taken_is_in_hand_until_it_is_ended():
    one = care(hand="a", begun=2)
    one.ended("b")
    assert one.in_hand is None
    one.took("a")
    assert one.in_hand == ("a", 2)
    assert one.was_begun("a") == 3
    one.ended("b")
    assert one.in_hand == ("a", 2)
    one.ended("a")
    assert one.in_hand is None


class Row:
    """What a store keeps of the last lives."""

    def __init__(self):
        self.starts, self.hand, self.begun, self.position = 0, None, 0, 0

    def moved(self, position):
        if position != self.position:
            self.starts, self.hand, self.begun = 1, None, 0
            self.position = position


def life(row, poison, rng, *, concurrency, max_deliveries=5):
    """One life on a feed of twenty; whom it buried, or None once it was ended."""
    one = Care(
        claim(starts=row.starts, hand=row.hand, begun=row.begun),
        max_deliveries=max_deliveries,
        events=100,
    )
    row.starts += 1
    buried, position = [], row.position
    while position < 20:
        group = [position + 1]
        if not one.is_due:
            group = range(position + 1, min(position + concurrency, 20) + 1)
        for event in group:
            key = str(event)
            if one.is_due:
                if one.is_poison(key):
                    buried.append(event)
                    continue
                row.moved(position)
                row.hand, row.begun = key, one.was_begun(key) + 1
                one.took(key)
            if event in poison:
                return buried, False
            one.ended(key)
        position = group[-1]
        if one.is_due or rng.random() < 0.5:
            row.moved(position)
    row.moved(position)
    return buried, True


@given(
    st.sets(st.integers(1, 20), max_size=3),
    st.integers(1, 8),
    st.integers(),
    st.integers(1, 5),
)
def test_exactly_the_poison_is_parked(poison, concurrency, seed, max_deliveries):
    row, rng, buried, lives, is_over = Row(), random.Random(seed), [], 0, False
    while not is_over:
        found, is_over = life(
            row, poison, rng, concurrency=concurrency, max_deliveries=max_deliveries
        )
        buried += found
        lives += 1
        assert lives <= 1 + len(poison) * (max_deliveries + 1)
    assert set(buried) == poison
