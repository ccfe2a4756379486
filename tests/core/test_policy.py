"""Which outcomes are tried again, and after how long."""

from __future__ import annotations

import functools

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse import ReconnectPolicy, ReconnectState, StreamInterrupted
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.strategies import wait_backoff


def state_of(**changes):
    values = {
        "attempt_number": 1,
        "start_time": 10.0,
        "now": 12.5,
        "idle_for": 0.0,
        "reconnection_time": 1.0,
    }
    return ReconnectState(StreamInterrupted("cut"), **{**values, **changes})


def test_a_state_is_what_tenacity_knows_and_reads_no_clock():
    state = state_of(attempt_number=3)
    assert isinstance(state, tenacity.RetryCallState)
    assert state.seconds_since_start == 2.5
    assert state.outcome.failed
    assert isinstance(state.outcome.exception(), StreamInterrupted)
    assert "attempt #3" in repr(state)


@given(
    attempt=st.integers(1, 10_000),
    base=st.floats(0, 1e6),
    cap=st.floats(0, 1e6),
)
def test_our_own_delay_is_drawn_from_the_upper_half(attempt, base, cap):
    delay = wait_backoff(cap)(state_of(attempt_number=attempt, reconnection_time=base))
    whole = min(max(cap, base), base * 2.0 ** min(attempt - 1, 64))
    assert whole / 2 <= delay <= whole


@given(attempt=st.integers(1, 10_000), base=st.floats(0.1, 3600))
def test_the_servers_word_is_never_undercut(attempt, base):
    state = state_of(
        attempt_number=attempt, reconnection_time=base, is_server_directed=True
    )
    delay = wait_backoff(30.0)(state)
    whole = min(max(30.0, base), base * 2.0 ** min(attempt - 1, 64))
    assert base <= whole <= delay <= 1.5 * whole


@given(after=st.floats(0, 3600), attempt=st.integers(1, 100))
def test_jitter_only_adds_to_a_retry_after(after, attempt):
    state = state_of(retry_after=after, attempt_number=attempt)
    assert ReconnectPolicy().delay(state) >= after
    assert ReconnectPolicy(wait=tenacity.wait_none()).delay(state) == after


def test_draws_differ():
    delays = {wait_backoff()(state_of()) for _ in range(20)}
    assert len(delays) > 10


@given(retry_ms=st.integers(0, 10**100))
def test_a_retry_of_any_size_is_taken_within_the_bounds(retry_ms):
    policy = ReconnectPolicy(retry_bounds=(0.5, 60.0))
    assert 0.5 <= policy.reconnection_time(retry_ms) <= 60.0


def test_the_standard_policy_takes_a_retry_as_it_is():
    policy = ReconnectPolicy.standard()
    assert policy.reconnection_time(0) == 0
    assert policy.reconnection_time(86_400_000) == 86_400
    assert policy.reconnection_time(None) == 3.0


@given(number=st.integers(1, 10_000))
def test_the_slow_schedule_is_between_minutes_and_an_hour(number):
    whole = min(3600, 300 * 2 ** (number - 1))
    assert whole / 2 <= ReconnectPolicy().slow_delay(state_of(), number) <= whole


def test_the_slow_schedule_respects_the_servers_floor():
    state = state_of(retry_after=3600.0)
    assert ReconnectPolicy().slow_delay(state, 1) == 3600


class AsyncStrategy:
    async def __call__(self, _state):
        return 1.0


async def coroutine_strategy(_state):
    return 1.0


@pytest.mark.parametrize("name", ["wait", "stop", "retry"])
@pytest.mark.parametrize(
    "strategy",
    [
        coroutine_strategy,
        AsyncStrategy(),
        functools.partial(coroutine_strategy),
        "fast",
    ],
)
def test_a_strategy_that_cannot_be_called_plainly_is_refused(name, strategy):
    with pytest.raises(TypeError, match=f"{name}="):
        ReconnectPolicy(**{name: strategy})


class StopWhenAny(tenacity.stop_any):
    """A combination of the caller's own."""


@pytest.mark.parametrize(
    "combined",
    [
        {"retry": tenacity.retry_any(tenacity.retry_if_exception(coroutine_strategy))},
        {"retry": tenacity.retry_all(tenacity.retry_always, coroutine_strategy)},
        {
            "stop": tenacity.stop_any(
                tenacity.stop_never, tenacity.stop_all(coroutine_strategy)
            )
        },
        {"wait": tenacity.wait_combine(tenacity.wait_fixed(1), coroutine_strategy)},
        {"wait": tenacity.wait_chain(coroutine_strategy)},
        {"stop": StopWhenAny(coroutine_strategy)},
    ],
)
def test_a_coroutine_within_a_combination_is_refused(combined):
    """It would be true whatever it says: always tried again, or stopped at once."""
    with pytest.raises(TypeError, match="is a coroutine function"):
        ReconnectPolicy(**combined)


def test_a_strategy_that_turns_out_to_be_a_coroutine_is_refused():
    policy = ReconnectPolicy(wait=lambda state: coroutine_strategy([state]))
    with pytest.raises(CallersError, match="wait="):
        policy.delay(state_of())


def test_an_awaitable_without_close_is_refused_as_well():
    class Awaitable:
        def __await__(self):
            yield

    policy = ReconnectPolicy(stop=lambda _state: Awaitable())
    with pytest.raises(CallersError, match="stop="):
        policy.gives_up(state_of())


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial_delay": -1},
        {"max_delay": -1},
        {"retry_bounds": (2, 1)},
        {"retry_bounds": (-1, 1)},
        {"unexpected": "ignore"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        ReconnectPolicy(**wrong)


def test_a_policy_is_immutable():
    with pytest.raises(AttributeError):
        ReconnectPolicy().max_delay = 3


@pytest.mark.parametrize(
    "delays",
    [
        {"initial_delay": float("nan")},
        {"max_delay": float("nan")},
        {"retry_bounds": (0.1, float("nan"))},
    ],
)
def test_no_delay_is_no_number(delays):
    with pytest.raises(ValueError, match="delays must not be negative"):
        ReconnectPolicy(**delays)
