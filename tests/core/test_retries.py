"""How often a handler is tried: what tenacity's strategies say, and nothing else."""

from __future__ import annotations

import pytest
from tenacity import Retrying, retry_if_not_exception_type
from tenacity.stop import (
    stop_after_attempt,
    stop_after_delay,
    stop_never,
)
from tenacity.wait import wait_chain, wait_exponential, wait_fixed

from reconnecting_sse import Reject
from reconnecting_sse.core.retries import (
    ATTEMPTS,
    MAX_DELAY,
    Retries,
    default_retrying,
)


def test_by_default_it_is_tried_five_times_with_pauses_that_grow():
    seen = [Retries(default_retrying(), 0.0) for _ in range(100)]
    for attempt in range(1, ATTEMPTS):
        pauses = [one.pause_after(ValueError(), 0.0) for one in seen]
        assert 0 <= min(pauses) < max(pauses) <= min(MAX_DELAY, 0.5 * 2**attempt)
    assert {one.pause_after(ValueError(), 0.0) for one in seen} == {None}
    assert {one.attempts for one in seen} == {ATTEMPTS}


def test_what_is_rejected_is_not_tried_again():
    one = Retries(Retrying(stop=stop_never), 0.0)
    assert one.pause_after(Reject("no"), 0.0) is None
    assert one.attempts == 1


def test_what_retry_says_no_to_is_not_tried_again():
    retrying = Retrying(retry=retry_if_not_exception_type(KeyError))
    one = Retries(retrying, 0.0)
    assert one.pause_after(ValueError(), 0.0) == 0.0
    assert one.pause_after(KeyError(), 0.0) is None


def test_pauses_are_those_of_wait():
    waits = wait_chain(wait_fixed(1), wait_fixed(2), wait_exponential())
    one = Retries(Retrying(wait=waits), 0.0)
    assert [one.pause_after(ValueError(), 0.0) for _ in range(4)] == [1, 2, 4, 8]


def test_stop_sees_the_attempts_the_time_and_the_next_pause():
    one = Retries(Retrying(stop=stop_after_attempt(2)), 0.0)
    assert one.pause_after(ValueError(), 0.0) == 0.0
    assert one.pause_after(ValueError(), 0.0) is None
    one = Retries(Retrying(stop=stop_after_delay(10)), 100.0)
    assert one.pause_after(ValueError(), 109.0) == 0.0
    assert one.pause_after(ValueError(), 110.0) is None
    one = Retries(Retrying(stop=_before_ten_seconds, wait=wait_fixed(3)), 0.0)
    assert one.pause_after(ValueError(), 6.0) == 3.0
    assert one.pause_after(ValueError(), 7.0) is None


def test_a_strategy_sees_how_long_was_waited():
    seen = []

    def stop(state):
        seen.append(state.idle_for)
        return len(seen) == 3

    one = Retries(Retrying(stop=stop, wait=wait_fixed(2)), 0.0)
    while one.pause_after(ValueError(), 0.0) is not None:
        pass
    assert seen == [0.0, 2.0, 4.0]


async def awaited(_):
    return True


@pytest.mark.parametrize("name", ["retry", "wait", "stop"])
def test_a_strategy_that_would_have_to_be_awaited_is_refused(name):
    one = Retries(Retrying(**{name: awaited}), 0.0)
    with pytest.raises(TypeError, match="plain functions"):
        one.pause_after(ValueError(), 0.0)


def _before_ten_seconds(state):
    """As tenacity's ``stop_before_delay(10)``, which came later than 8.2."""
    return state.outcome_timestamp - state.start_time + state.upcoming_sleep >= 10
