"""The health table, row by row."""

from __future__ import annotations

import pytest

from reconnecting_sse.core.health import Health
from reconnecting_sse.core.session import State
from reconnecting_sse.core.silences import Silences

OPEN = {"state": State.OPEN, "is_owner": True}

ROWS = [
    # what, live, ready
    ({"silent_for": 299.0}, True, True),
    ({"silent_for": 59.9, "normal_silence": 30.0}, True, True),
    ({"state": State.WAITING, "not_open_for": 59.9}, True, True),
    ({"state": State.CONNECTING, "not_open_for": 59.9}, True, True),
    ({"oldest_in_hand": 299.9, "in_hand": 16}, True, True),
    ({"state": State.STANDBY, "is_owner": False, "not_open_for": 9999.0}, True, True),
    ({"state": State.WAITING, "not_open_for": 60.0}, True, False),
    ({"state": State.STANDBY, "store_failing_for": 10.0}, True, False),
    ({"store_failing_for": 9.9}, True, True),
    ({"store_failing_for": 10.0}, True, False),
    ({"silent_for": 60.0, "normal_silence": 30.0}, True, False),
    ({"silent_for": 9999.0, "normal_silence": None}, True, True),
    ({"silent_for": None, "normal_silence": 10.0}, True, True),
    ({"oldest_in_hand": 300.0}, False, False),
    ({"oldest_in_hand": 5.0, "stalled_after": 5.0}, False, False),
    ({"loop_age": 9.9}, True, True),
    ({"loop_age": 10.0}, False, False),
    ({"state": State.CLOSED}, True, False),
    ({"state": State.PAUSED}, True, True),
]


@pytest.mark.parametrize(("values", "live", "ready"), ROWS, ids=str)
def test_each_row_of_the_table(values, live, ready):
    health = Health(**OPEN | values)
    assert (health.is_live, health.is_ready) == (live, ready)
    assert bool(health.why) is not ready


def heard(*silences):
    found, now = Silences(), 100.0
    found.listening(now)
    for silence in silences:
        now += silence
        found.arrived(now)
    return found


def test_normal_is_three_times_the_longest_of_the_last_silences():
    assert heard(4.0, 8.0, 2.0).normal == 24.0
    assert heard(90.0, *[4.0] * 16).normal == 12.0


def test_it_is_ten_seconds_at_least():
    assert heard(1.0, 1.0, 1.0).normal == 10.0


def test_it_is_unknown_below_three_and_above_five_minutes():
    assert heard(4.0, 8.0).normal is None
    assert heard(0.1, 0.1, 0.1, 0.1).normal is None  # those are bursts
    assert heard(100.0, 1.0, 1.0).normal == 300.0
    assert heard(100.1, 1.0, 1.0).normal is None


def test_time_in_which_nobody_listened_is_no_silence():
    silences = heard(1.0, 1.0, 1.0)
    silences.listening(500.0)
    silences.arrived(501.0)
    assert silences.longest == 1.0
    assert silences.lasted(507.5) == 6.5
    assert Silences().lasted(9.0) == 0.0
    silences.add(60.0)
    assert silences.longest == 60.0
    assert Silences().arrived(5.0) is False
