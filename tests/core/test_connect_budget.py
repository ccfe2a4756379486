"""The budget of attempts to connect: even, but for a burst, and never more."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.budget import BURST, PER_SECOND, ConnectBudget

# Numbers without rounding, so that there is nothing to allow for.
SECONDS = st.fractions(0, 5, max_denominator=1000)
RATES = st.fractions(Fraction(1, 10), 1000, max_denominator=1000)


def waited(budget, now, late=0):
    """When one begins that comes now, and is so much too late after each wait."""
    while (seconds := budget.begin(now)) > 0:
        now += seconds + late
    return now


def test_a_burst_begins_at_once_and_others_evenly_after_it():
    budget, now, moments = ConnectBudget(Fraction(10), 3), Fraction(100), []
    for _ in range(6):
        now = waited(budget, now)
        moments.append(float(now - 100))
    assert moments == [0, 0, 0, 0.1, 0.2, 0.3]


def test_after_a_rest_there_is_a_burst_again():
    budget, now = ConnectBudget(Fraction(10), 2), Fraction(0)
    for _ in range(20):
        now = waited(budget, now)
    assert not budget.is_rested(now + Fraction(19, 100))
    assert budget.is_rested(now + Fraction(2, 10))
    moments = [waited(budget, Fraction(100)) for _ in range(3)]
    assert moments == [100, 100, Fraction(1001, 10)]


def test_whoever_asks_and_does_not_come_back_has_taken_nothing():
    budget = ConnectBudget(Fraction(10), 1)
    assert budget.begin(Fraction(0)) == 0
    for _ in range(5):
        assert budget.begin(Fraction(0)) == Fraction(1, 10)
    assert budget.begin(Fraction(1, 10)) == 0


def test_being_late_delays_nobody_else():
    """A hundred in a row, each 3 ms too late: the last one is, and no more."""
    budget, now = ConnectBudget(Fraction(10), 2), Fraction(0)
    for _ in range(102):
        now = waited(budget, now, late=Fraction(3, 1000))
    assert Fraction(10) <= now <= Fraction(10) + Fraction(3, 1000)


@settings(deadline=None)
@given(
    st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=25),
    RATES,
    st.integers(1, 10),
)
def test_no_window_has_more_than_its_share(coming, per_second, burst):
    """However they come, and however late they are after a wait."""
    budget, now, moments = ConnectBudget(per_second, burst), Fraction(0), []
    for pause, late in coming:
        now = waited(budget, now + pause, late)
        moments.append(now)
    for (first, begin), (last, end) in combinations(enumerate(moments), 2):
        assert last - first + 1 <= burst + per_second * (end - begin)


@settings(deadline=None)
@given(st.lists(SECONDS, min_size=1, max_size=25), RATES, st.integers(1, 10))
def test_nobody_waits_for_longer_than_that_needs(pauses, per_second, burst):
    """Begun a moment earlier, some window would have had too much."""
    budget, now, moments = ConnectBudget(per_second, burst), Fraction(0), []
    for pause in pauses:
        now = waited(budget, came := now + pause)
        moments.append(now)
        if now > came:
            assert any(
                len(moments) - first == burst + per_second * (now - begin)
                for first, begin in enumerate(moments[:-1])
            )


@settings(deadline=None)
@given(st.lists(SECONDS, max_size=30), RATES, st.integers(1, 10), SECONDS)
def test_one_that_has_rested_is_as_a_new_one(pauses, per_second, burst, rest):
    budget, now = ConnectBudget(per_second, burst), Fraction(0)
    for pause in pauses:
        now = waited(budget, now + pause)
    now += rest
    if budget.is_rested(now):
        new, then = ConnectBudget(per_second, burst), now
        for _ in range(2 * burst):
            then, now = waited(new, then), waited(budget, now)
            assert now == then


@pytest.mark.parametrize("per_second", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(per_second):
    with pytest.raises(ValueError, match="more than none"):
        ConnectBudget(per_second)


@pytest.mark.parametrize("burst", [0, -1, float("nan")])
def test_less_than_one_at_once_is_refused(burst):
    with pytest.raises(ValueError, match="from 1"):
        ConnectBudget(1, burst)


def test_by_default_ten_and_ten_a_second():
    assert (BURST, PER_SECOND) == (10, 10.0)
    budget = ConnectBudget()
    moments = [waited(budget, 0.0) for _ in range(11)]
    assert moments == [0.0] * 10 + [pytest.approx(0.1)]
