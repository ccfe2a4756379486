"""Lanes: order within a key, and none without one."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.deliveries import Delivery
from reconnecting_sse.core.lanes import Lanes


def delivery(number, lane=None):
    made = Delivery(None, str(number))
    made.lane = lane
    return made


def names(deliveries):
    return [each.position for each in deliveries]


def test_without_a_key_they_come_as_they_came():
    lanes = Lanes()
    for number in range(4):
        lanes.add(delivery(number))
    assert lanes.in_hand == 4
    assert names(lanes.take(1)) == ["0"]
    assert names(lanes.take(9)) == ["1", "2", "3"]
    assert lanes.take(1) == lanes.take(2) == []
    assert lanes.in_hand == 4


def test_of_a_key_one_is_out_at_a_time():
    lanes = Lanes()
    made = [delivery(number, "key") for number in range(3)]
    for each in made:
        lanes.add(each)
    assert lanes.take(3) == made[:1]
    assert not lanes.are_ready
    lanes.finished(made[0])
    assert lanes.are_ready
    assert lanes.take(3) == made[1:2]
    lanes.finished(made[1])
    lanes.take(1)
    lanes.finished(made[2])
    assert lanes.in_hand == 0
    lanes.add(made[0])
    assert lanes.take(1) == made[:1]


def test_what_is_given_back_comes_first():
    lanes = Lanes()
    for number in range(4):
        lanes.add(delivery(number))
    lanes.give_back(lanes.take(2))
    assert names(lanes.take(4)) == ["0", "1", "2", "3"]


def test_what_waits_can_be_dropped():
    lanes = Lanes()
    made = [delivery(number, number % 2) for number in range(6)]
    for each in made:
        lanes.add(each)
    (out,) = lanes.take(1)
    lanes.drop()
    assert lanes.in_hand == 1
    lanes.finished(out)
    assert lanes.in_hand == 0
    assert lanes.take(9) == []


@given(st.lists(st.integers(0, 3) | st.none(), max_size=40), st.integers(0, 2**32))
def test_each_comes_once_and_each_key_in_order(keys, seed):
    rng, lanes, out, done = random.Random(seed), Lanes(), [], []
    waiting = [delivery(number, key) for number, key in enumerate(keys)]
    while waiting or out or lanes.are_ready:
        if waiting and rng.random() < 0.5:
            lanes.add(waiting.pop(0))
        out += lanes.take(rng.randint(1, 3))
        busy = [each.lane for each in out if each.lane is not None]
        assert len(busy) == len(set(busy))
        if out and rng.random() < 0.5:
            done.append(out.pop(rng.randrange(len(out))))
            lanes.finished(done[-1])
    assert sorted(int(d.position) for d in done) == list(range(len(keys)))
    for key in range(4):
        of_key = [int(d.position) for d in done if d.lane == key]
        assert of_key == sorted(of_key)
    assert lanes.in_hand == 0
