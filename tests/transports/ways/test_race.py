"""The order and the pace of RFC 8305."""

from __future__ import annotations

import itertools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.ways.race import STAGGER, Race, interleaved

FAMILIES = [socket.AF_INET, socket.AF_INET6]
SECONDS = st.integers(0, 32).map(lambda parts: parts / 64)  # exact sums
ADDRESSES = st.lists(
    st.tuples(st.sampled_from(FAMILIES), st.integers(0, 9)), unique=True
)


@given(ADDRESSES)
def test_families_take_turns_as_long_as_both_last(found):
    order = interleaved(found)
    assert sorted(order) == sorted(found)
    assert order[:1] == found[:1]
    for family in FAMILIES:
        own = [address for address in found if address[0] is family]
        assert [address for address in order if address[0] is family] == own
    shortest = min(sum(a[0] is family for a in found) for family in FAMILIES)
    turns = [address[0] for address in order[: 2 * shortest]]
    assert all(one is not other for one, other in itertools.pairwise(turns))


def test_an_address_found_twice_is_tried_once():
    one, other = (socket.AF_INET, "a"), (socket.AF_INET, "b")
    assert interleaved([one, one, other, one]) == [one, other]


def test_one_begins_at_once_and_the_next_when_it_had_its_time():
    race = Race([("a",), ("b",)], 10.0)
    assert race.wait(10.0) == 0
    assert race.begin(10.0) == ("a",)
    assert race.wait(10.0) == STAGGER
    assert race.wait(11.0) == 0
    assert race.begin(11.0) == ("b",)
    assert race.wait(12.0) is None
    assert not race.is_lost


def test_a_failure_lets_the_next_begin_at_once_and_the_last_one_is_told():
    race = Race([("a",), ("b",)], 0.0)
    race.begin(0.0)
    race.failed(OSError("first"), 0.1)
    assert race.wait(0.1) == 0
    race.begin(0.1)
    assert not race.is_lost
    race.failed(OSError("second"), 0.2)
    assert race.is_lost
    assert str(race.lost()) == "second"


def test_a_host_without_an_address_is_lost_from_the_start():
    race = Race([], 0.0)
    assert race.is_lost
    assert race.wait(0.0) is None
    assert "no address" in str(race.lost())


@given(
    st.integers(0, 8),
    st.lists(st.tuples(st.sampled_from(["pass", "fail"]), SECONDS)),
)
def test_each_begins_once_in_order_and_none_too_early(count, happenings):
    addresses = [(index,) for index in range(count)]
    race, now, begun, running = Race(addresses, 0.0), 0.0, [], 0
    allowed = 1  # one at the start, one for each failure, one for each full wait
    since = 0.0
    for happening, seconds in happenings:
        now += seconds
        if happening == "fail" and running:
            running -= 1
            race.failed(OSError(), now)
            allowed += 1
        while race.wait(now) == 0:
            allowed += now - since >= STAGGER
            begun.append(race.begin(now))
            since = now
            running += 1
            assert len(begun) <= allowed
        if (left := race.wait(now)) is not None:
            assert 0 < left <= STAGGER
    assert begun == addresses[: len(begun)]
    assert race.is_lost is (len(begun) == count and not running)


@pytest.mark.parametrize("count", [1, 3])
def test_errors_keep_no_frames(count):
    race = Race([("a",)] * count, 0.0)
    for _ in range(count):
        race.begin(0.0)
        with pytest.raises(OSError, match="refused") as caught:
            raise OSError("refused")
        race.failed(caught.value, 0.0)
        assert race._errors[-1].__traceback__ is None
