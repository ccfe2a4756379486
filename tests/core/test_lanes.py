"""Lanes: of each key one at a time, in order; of what has none, as it comes."""

from __future__ import annotations

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.deliveries import Delivery
from reconnecting_sse.core.lanes import Lanes


def delivery(number, lane=None):
    made = Delivery(ServerSentEvent(data=str(number)), str(number))
    made.lane = lane
    return made


def lanes_of(*deliveries):
    lanes = Lanes()
    for each in deliveries:
        lanes.add(each)
    return lanes


def test_what_has_no_key_is_given_out_as_it_came():
    one, two = delivery(1), delivery(2)
    lanes = lanes_of(one, two)
    assert lanes.are_ready
    assert lanes.take(1) == [one]
    assert lanes.take(1) == [two]
    assert lanes.take(1) == []
    assert not lanes.are_ready
    assert lanes.in_hand == 2


def test_of_a_key_the_next_comes_once_the_one_before_is_finished():
    one, two, other = delivery(1, "a"), delivery(2, "a"), delivery(3, "b")
    lanes = lanes_of(one, two, other)
    assert lanes.take(3) == [one, other]
    assert lanes.take(3) == []
    lanes.finished(one)
    assert lanes.take(3) == [two]
    lanes.finished(two)
    lanes.finished(other)
    assert lanes.in_hand == 0
    again = delivery(4, "a")  # nothing of the key is left behind
    lanes.add(again)
    assert lanes.take(1) == [again]


def test_what_is_given_back_comes_first():
    one, two, three = delivery(1), delivery(2), delivery(3)
    lanes = lanes_of(one, two, three)
    lanes.give_back(lanes.take(2))
    assert lanes.in_hand == 3
    assert lanes.take(3) == [one, two, three]


def test_what_waits_is_dropped_and_what_was_taken_is_not():
    taken, behind, other = delivery(1, "a"), delivery(2, "a"), delivery(3, "b")
    lanes = lanes_of(taken, behind, other, delivery(4))
    lanes.take(1)
    lanes.drop()
    assert lanes.in_hand == 1
    assert not lanes.are_ready
    lanes.finished(taken)
    assert lanes.in_hand == 0
    for again in (delivery(5, "a"), delivery(6, "b")):
        lanes.add(again)
        assert lanes.take(1) == [again]


def test_a_key_without_a_hash_leaves_nothing_behind():
    lanes = Lanes()
    with pytest.raises(TypeError):
        lanes.add(delivery(1, []))
    assert lanes.in_hand == 0
    assert not lanes.are_ready


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["add", "take", "finish", "back", "drop"]), st.integers(0, 5)
    ),
    max_size=60,
)


@given(MOVES)
def test_nothing_is_lost_or_given_out_twice_and_each_key_keeps_its_order(moves):
    lanes, waiting, taken, number = Lanes(), [], [], 0
    for move, choice in moves:
        if move == "add":
            number += 1
            made = delivery(number, [None, "a", "b", "c"][choice % 4])
            waiting.append(made)
            lanes.add(made)
        elif move in ("take", "back"):
            free = first_of_each_lane(waiting, taken)
            found = lanes.take(choice)
            assert len(found) == min(choice, len(free))
            assert set(found) <= set(free)
            if move == "back":
                lanes.give_back(found)
            else:
                taken += found
                waiting = [w for w in waiting if w not in found]
        elif move == "finish" and taken:
            lanes.finished(taken.pop(choice % len(taken)))
        elif move == "drop":
            lanes.drop()
            waiting.clear()
        assert lanes.in_hand == len(waiting) + len(taken)
        assert lanes.are_ready == bool(first_of_each_lane(waiting, taken))


def first_of_each_lane(waiting, taken):
    """What can be given out now."""
    busy, found = {one.lane for one in taken} - {None}, []
    for each in waiting:
        if each.lane not in busy:
            found.append(each)
            busy |= {each.lane} - {None}
    return found
