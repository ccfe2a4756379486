"""What the caller says from outside: no more, or another connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.loop import Raised, Renew, Stop
from reconnecting_sse.core.reconnection import Failure

if TYPE_CHECKING:
    from reconnecting_sse.core.loop import Outcome
    from reconnecting_sse.transports.abort import AbortSignal


class Orders:
    """Given from any thread or signal handler; whoever is blocked is released by them.

    Attributes:
        stop: Why the caller wants no more, once he does not.
        failure: What ended it from outside: the store, or another process.
        signal: What releases.
    """

    __slots__ = ("failure", "signal", "stop")

    def __init__(self, signal: AbortSignal) -> None:
        self.stop: Stop | None = None
        self.failure: BaseException | None = None
        self.signal: AbortSignal = signal

    def end(self, reason: str) -> None:
        """Want no more."""
        if self.stop is None:
            self.stop = Stop(reason)
        self.signal.abort()

    def fail(self, error: BaseException) -> None:
        """It cannot go on."""
        self.failure = error
        self.signal.release()

    def renew(self) -> None:
        """Want another connection."""
        self.signal.release()

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be handed over any more."""
        return self.stop is not None or self.failure is not None

    @property
    def are_due(self) -> bool:
        """Whether the loop is to hear of one before it makes another call."""
        return self.stop is not None or self.signal.is_due

    def instead_of(self, outcome: Outcome) -> Outcome:
        """What the loop hears of an order that is due, in the place of the outcome."""
        if self.stop is not None:
            return self.stop
        if self.failure is not None:
            return Raised(self.failure)
        if not _may_give_way(outcome):
            return outcome
        self.signal.is_due = False
        return Renew()


def _may_give_way(outcome: Outcome) -> bool:
    """Whether nothing is lost if a reconnect takes the place of the outcome."""
    return outcome is None or outcome == b"" or isinstance(outcome, Failure)
