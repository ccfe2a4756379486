"""The health table, row by row."""

from __future__ import annotations

import pytest

from reconnecting_sse.core.health import Health
from reconnecting_sse.core.states import State

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
