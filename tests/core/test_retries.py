"""How often a handler is tried: by tenacity's strategies."""

from __future__ import annotations

import pytest
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    stop_before_delay,
    wait_fixed,
)

from reconnecting_sse.core.retries import Reject, Retries, default_retrying


def test_by_default_there_are_five_attempts_with_growing_pauses():
    for _ in range(50):
        retries = Retries(default_retrying(), 0.0)
        pauses = [retries.pause_after(ValueError(), 0.0) for _ in range(5)]
        assert pauses[4] is None
        assert all(0 <= p <= 0.5 * 2**n for n, p in enumerate(pauses[:4]))
        assert retries.attempts == 5


def test_a_rejection_is_not_tried_again():
    assert Retries(default_retrying(), 0.0).pause_after(Reject(), 0.0) is None


def test_what_the_policy_does_not_name_is_not_either():
    policy = Retrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(2))
    retries = Retries(policy, 0.0)
    assert retries.pause_after(OSError(), 0.0) == 2.0
    assert retries.pause_after(ValueError(), 0.0) is None


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (stop_after_attempt(2), [3.0, None]),
        (stop_after_delay(5), [3.0, 3.0, None]),
        (stop_before_delay(5), [3.0, None]),
    ],
)
def test_stops_see_attempts_times_and_what_comes(stop, expected):
    retries = Retries(Retrying(stop=stop, wait=wait_fixed(3)), 100.0)
    found = [
        retries.pause_after(ValueError(), 100.0 + 3 * n) for n in range(len(expected))
    ]
    assert found == expected
