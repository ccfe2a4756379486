"""A keeper's calls of its store, one at a time, and what follows where they fail.

A store that fails is everybody's trouble: all that the keeper serves hear of it, and
it is not called again before a pause is over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tenacity.wait import wait_random_exponential

from reconnecting_sse.core.errors import StoreUnavailable
from reconnecting_sse.core.strategies import EndState
from reconnecting_sse.subscription.duties import claim_of

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Claim
    from reconnecting_sse.subscription.clock import Clock
    from reconnecting_sse.subscription.duties import Duty
    from reconnecting_sse.subscription.holding import Holding

FAILING_SECONDS = 1.0
"""How often, at the least, a store that fails is tried."""

# What a call that worked says of a store: nothing of the calls of a higher kind. One
# whose disk is full, or that became a read-only replica, answers every question.
READS, BEGINS, WRITES = range(3)

_backoff = wait_random_exponential(multiplier=0.02, max=FAILING_SECONDS)


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done for so long, unless the bell rings."""

    seconds: float


Call = Callable[[], Any]
Steps = Generator[Call | Rest, Any, None]
Asked = Generator[Call | Rest, Any, Any]


class Asking:
    """Calls of one store, and how it stands with it.

    Attributes:
        asked_at: Since when a call is under way; None while none is.
    """

    def __init__(self, clock: Clock, duties: list[Duty]) -> None:
        self._clock = clock
        self._duties = duties  # the keeping's own list
        self.asked_at: float | None = None
        self._failures = 0
        self._failing_since = 0.0
        self._failing_kind = READS  # the highest that failed
        self._retry_at = 0.0

    @property
    def seconds_left(self) -> float:
        """How long the store is left in peace, since it fails."""
        return max(0.0, self._retry_at - self._clock.now())

    def forgive(self) -> None:
        """What failed may have been one's alone who is gone: any call may tell."""
        self._failing_kind = READS

    def ask(self, call: Call, kind: int = WRITES) -> Asked:
        """Make a call; an error comes back as a value, and is everybody's trouble."""
        since = self.asked_at = self._clock.now()
        outcome = yield call
        self.asked_at = None
        if isinstance(outcome, StoreUnavailable):
            self._failed(outcome, kind, since)
        elif self._failures and kind >= self._failing_kind:
            self._worked()
        return outcome

    def _failed(self, error: StoreUnavailable, kind: int, since: float) -> None:
        self._failing_kind = max(self._failing_kind, kind)
        self._failing_since = self._failing_since if self._failures else since
        self._failures += 1
        self._retry_at = self._clock.now() + _pause(error, self._failures)
        for duty in self._duties:
            duty.holding.troubled(error, self._failing_since)

    def _worked(self) -> None:
        self._failures, self._failing_kind, self._retry_at = 0, READS, 0.0
        for duty in self._duties:
            duty.holding.troubled(None, None)

    def give_up_late(self) -> None:
        """End those whose patience is over, and have those look whose events wait."""
        now = self._clock.now()
        for duty in list(self._duties):
            holding = duty.holding
            kept = holding.durability.commits
            if self._failures and now - self._failing_since >= kept.patience:
                assert holding.trouble is not None
                holding.end(holding.trouble)
            if holding.ledger is not None:
                holding.ledger.waits(now)
                if holding.ledger.must_pause(now):
                    holding.look()

    def surely(
        self, holding: Holding, call: Callable[[Claim], Any], kind: int = WRITES
    ) -> Asked:
        """A call before which nothing else may be done: tried until it is made."""
        while True:
            outcome = yield from self.ask(partial(call, claim_of(holding)), kind)
            if not isinstance(outcome, StoreUnavailable):
                return outcome
            self.give_up_late()
            if holding.error is not None:
                return holding.error
            yield Rest(self.seconds_left)


def _pause(error: StoreUnavailable, failures: int) -> float:
    """Seconds until a failing store is tried again, by tenacity's arithmetic."""
    return _backoff(EndState(error, attempt_number=failures))
