"""After how long a worker that failed is begun again."""

from __future__ import annotations

from tenacity.wait import wait_fixed, wait_incrementing

from reconnecting_sse.core.restarts import Restarts, wait_slowly

ERROR = ValueError("it failed")


def test_five_minutes_doubling_to_an_hour():
    restarts = Restarts(wait_slowly)
    pauses = [restarts.pause_after(ERROR, 1.0) for _ in range(7)]
    longest = [300, 600, 1200, 2400, 3600, 3600, 3600]
    for pause, most in zip(pauses, longest, strict=True):
        assert most / 2 <= pause <= most


def test_tenacitys_strategies_are_told_how_many_failed_and_with_what():
    told = []
    restarts = Restarts(lambda state: told.append(state) or 2)
    assert isinstance(restarts.pause_after(ERROR, 0.0), float)
    assert told[0].outcome.exception() is ERROR
    counted = Restarts(wait_incrementing(1, 1) + wait_fixed(1))
    assert [counted.pause_after(ERROR, 0.0) for _ in range(3)] == [2, 3, 4]


def test_one_that_lasted_begins_the_count_again():
    restarts = Restarts(wait_incrementing(1, 1))
    assert [restarts.pause_after(ERROR, lasted) for lasted in (0, 299, 300, 0)] == [
        1,
        2,
        1,
        2,
    ]
