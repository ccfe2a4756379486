"""How often a handler is tried with an event, and after how long: tenacity's words.

Pure: whoever asks has looked at the clock, and does the waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import Retrying
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_random_exponential

from reconnecting_sse.core.callers import plain
from reconnecting_sse.core.strategies import EndState

if TYPE_CHECKING:
    from tenacity import BaseRetrying

ATTEMPTS = 5
MAX_DELAY = 30.0

_NOT_AWAITED = (
    "a strategy of retrying= returned an awaitable: they are plain functions on either"
    " face"
)


class Reject(Exception):
    """Raised by a handler: this event cannot be handled, and no other try would help.

    It becomes a dead letter at once.
    """


def default_retrying() -> Retrying:
    """Five attempts, with pauses that grow exponentially, with jitter, up to 30 s."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.5, max=MAX_DELAY),
    )


class Retries:
    """The tries of one event; what of a ``Retrying`` decides is ``retry, stop, wait``.

    Attributes:
        attempts: How many there were.
    """

    def __init__(self, retrying: BaseRetrying, now: float) -> None:
        self._retrying = retrying
        self._began_at = now
        self._waited = 0.0
        self.attempts: int = 0

    def pause_after(self, error: Exception, now: float) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        self.attempts += 1
        if isinstance(error, Reject):
            return None
        state = EndState(
            error,
            attempt_number=self.attempts,
            start_time=self._began_at,
            now=now,
            idle_for=self._waited,
        )
        retrying = self._retrying
        if not plain(retrying.retry(state), _NOT_AWAITED):
            return None
        # A strategy of waiting first, as tenacity does: one of stopping may look at it.
        pause = float(plain(retrying.wait(state), _NOT_AWAITED))
        state.upcoming_sleep = pause
        if plain(retrying.stop(state), _NOT_AWAITED):
            return None
        self._waited += pause
        return pause
