"""After how long a worker that failed is begun again."""

from __future__ import annotations

import pytest
from tenacity.wait import wait_fixed, wait_incrementing

from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.restarts import Restarts, wait_slowly, wait_soon

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


def test_whoever_only_stands_by_again_does_so_within_a_second():
    restarts = Restarts(wait_soon)
    pauses = [restarts.pause_after(ERROR, 1.0) for _ in range(10)]
    longest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    for pause, most in zip(pauses, longest, strict=True):
        assert most / 2 <= pause <= most


async def later(_):
    return 1.0


@pytest.mark.parametrize(
    ("wait", "kind"),
    [
        (lambda _: float("nan"), ValueError),
        (lambda _: -1, ValueError),
        (lambda _: "soon", ValueError),
        (lambda _: 1 / 0, ZeroDivisionError),
        (later, TypeError),
    ],
)
def test_a_strategy_that_gives_no_time_is_the_callers_error(wait, kind):
    with pytest.raises(CallersError) as raised:
        Restarts(wait).pause_after(ERROR, 0.0)
    assert type(raised.value.error) is kind
