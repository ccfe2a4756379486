"""After how long a worker that has ended is begun again: tenacity's words."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconnecting_sse.core.callers import ask, plain
from reconnecting_sse.core.strategies import EndState, doubled

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from reconnecting_sse.core.strategies import WaitStrategy

SLOW_DELAYS = (300.0, 3600.0)
"""Seconds: the first pause, and the longest."""

SOON_DELAYS = (1.0, 300.0)
"""The same for those who only stand by again."""


def wait_slowly(state: RetryCallState) -> float:
    """Five minutes, doubling to an hour, drawn from the upper half."""
    return _spread(state, *SLOW_DELAYS)


def wait_soon(state: RetryCallState) -> float:
    """A second, doubling to five minutes, drawn from the upper half."""
    return _spread(state, *SOON_DELAYS)


def _spread(state: RetryCallState, first: float, longest: float) -> float:
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
        """Seconds until another one, after one that lasted so many.

        Raises:
            CallersError: The strategy raised, or what it gave is no time.
        """
        self._ends = 1 if lasted >= SLOW_DELAYS[0] else self._ends + 1
        return ask(self._asked, EndState(error, attempt_number=self._ends))

    def _asked(self, state: EndState) -> float:
        message = "restart_wait= returned an awaitable; it is a plain function"
        pause = float(plain(self._wait(state), message))
        if not pause >= 0:  # nor NaN
            raise ValueError(f"restart_wait= returned {pause}, which is no time")
        return pause
