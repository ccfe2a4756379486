"""The budget of attempts to connect: even, and first come, first served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.budget import ConnectBudget


def test_a_burst_begins_at_once_and_others_evenly_after_it():
    budget = ConnectBudget(per_second=10, burst=3)
    moments = [budget.reserve(100.0) for _ in range(6)]
    assert moments == pytest.approx([100.0, 100.0, 100.0, 100.1, 100.2, 100.3])


def test_after_a_rest_there_is_a_burst_again():
    budget = ConnectBudget(per_second=10, burst=2)
    for _ in range(20):
        budget.reserve(100.0)
    assert budget.reserve(200.0) == 200.0
    assert budget.reserve(200.0) == 200.0
    assert budget.reserve(200.0) == pytest.approx(200.1)


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=80),
    st.floats(0.5, 50),
    st.integers(1, 10),
    st.floats(0.01, 5),
)
def test_no_window_has_more_than_its_share(pauses, per_second, burst, window):
    budget, now, moments = ConnectBudget(per_second, burst), 0.0, []
    for pause in pauses:
        now += pause
        moments.append(budget.reserve(now))
        assert moments[-1] >= now
    assert moments == sorted(moments)
    for begin in moments:
        inside = [m for m in moments if begin <= m < begin + window]
        assert len(inside) <= burst + per_second * window + 1e-6


@pytest.mark.parametrize("per_second", [0, -1, float("nan")])
def test_less_than_none_is_refused(per_second):
    with pytest.raises(ValueError, match="more than none"):
        ConnectBudget(per_second)
    with pytest.raises(ValueError, match="from 1"):
        ConnectBudget(1, 0)
