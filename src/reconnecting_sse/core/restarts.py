"""After how long a worker that has ended is begun again: tenacity's words."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconnecting_sse.core.strategies import EndState, doubled

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from reconnecting_sse.core.strategies import WaitStrategy

SLOW_DELAYS = (300.0, 3600.0)
"""Seconds: the first pause, and the longest."""


def wait_slowly(state: RetryCallState) -> float:
    """Five minutes, doubling to an hour, drawn from the upper half."""
    first, longest = SLOW_DELAYS
    whole = doubled(first, state.attempt_number, longest)
    return random.uniform(whole / 2, whole)  # noqa: S311  (not a secret)


class Restarts:
    """The ends of one feed's workers, and the pauses after them.

    Args:
        wait: A tenacity wait strategy; it is told the last error, and how many workers
            ended one after the other, none of which lasted.
    """

    def __init__(self, wait: WaitStrategy) -> None:
        self._wait = wait
        self._ends = 0

    def pause_after(self, error: BaseException, lasted: float) -> float:
        """Seconds until another one, after one that lasted so many."""
        self._ends = 1 if lasted >= SLOW_DELAYS[0] else self._ends + 1
        return float(self._wait(EndState(error, attempt_number=self._ends)))
