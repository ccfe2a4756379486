"""What a keeper does, written once for both faces: it claims, renews and commits.

A generator that yields calls of the store, and rests. It is sent what came of a call,
an error as a value, and decides what follows. Holdings are all those of one store in
this process: renewals and commits of many names are one call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tenacity import Future, RetryCallState
from tenacity.wait import wait_random_exponential

from reconnecting_sse.core.claims import Claim, Held
from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Mark
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.clock import Clock
    from reconnecting_sse.subscription.errands import Errand
    from reconnecting_sse.subscription.holding import Holding

STANDBY_SECONDS = 0.5
"""How often a name that is held is asked for: a release hands over within a second."""

FAILING_SECONDS = 1.0
"""How often, at the least, a store that fails is tried."""

_LONG = 3600.0
_backoff = wait_random_exponential(multiplier=0.02, max=FAILING_SECONDS)


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done for so long, unless the bell rings."""

    seconds: float


Call = Callable[[], Any]
Steps = Generator[Call | Rest, Any, None]


@dataclass(eq=False, slots=True)
class _Duty:
    """When what is due for a holding."""

    holding: Holding
    claim_at: float = 0.0
    renew_at: float = 0.0
    commit_at: float = 0.0


class Keeping:
    """The state of a keeper, and its steps.

    Attributes:
        duties: Whom it serves; others may add theirs at any time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.duties: list[_Duty] = []
        self._open: Holding | None = None  # whose transaction shuts out all others
        self._failures = 0
        self._failing_since = 0.0
        self._retry_at = 0.0

    def admit(self, holding: Holding) -> None:
        """Serve this one, too."""
        self.duties.append(_Duty(holding))

    def dismiss(self, holding: Holding) -> None:
        """Serve it no more; somebody else will, or nobody."""
        self.duties[:] = [d for d in self.duties if d.holding is not holding]

    def steps(self) -> Steps:
        """Everything, until nobody is left to be served."""
        while self.duties:
            yield from self._turn()
            yield Rest(self._seconds_left())

    def _turn(self) -> Steps:
        for duty in list(self.duties):
            yield from self._run_errands(duty.holding)
        if self._open is not None or self._clock.now() < self._retry_at:
            self._give_up_late()
            return
        for duty in list(self.duties):
            yield from self._claim(duty)
        yield from self._renew()
        yield from self._commit()
        for duty in list(self.duties):
            yield from self._release(duty.holding)
        self._give_up_late()

    # ------------------------------------------------------------------ what is due

    def _seconds_left(self) -> float:
        """How long nothing is due."""
        now = self._clock.now()
        if self._open is not None:
            return _LONG
        if now < self._retry_at:
            return self._retry_at - now
        return max(0.0, min(map(self._due_at, self.duties), default=now) - now)

    def _due_at(self, duty: _Duty) -> float:
        holding = duty.holding
        if holding.error is not None:
            return self._clock.now() + _LONG
        if holding.claim is None:
            return duty.claim_at
        if holding.durability.lease is None:
            return duty.commit_at
        return min(duty.commit_at, duty.renew_at)

    # ------------------------------------------------------------------ one call

    def _ask(self, call: Call) -> Generator[Call | Rest, Any, Any]:
        """Make a call; an error comes back as a value, and is everybody's trouble."""
        outcome = yield call
        if isinstance(outcome, StoreUnavailable):
            self._failed(outcome)
        elif self._failures:
            self._worked()
        return outcome

    def _failed(self, error: StoreUnavailable) -> None:
        now = self._clock.now()
        self._failing_since = self._failing_since if self._failures else now
        self._failures += 1
        self._retry_at = now + _pause(error, self._failures)
        for duty in self.duties:
            duty.holding.trouble = error
            duty.holding.ring()

    def _worked(self) -> None:
        self._failures, self._retry_at = 0, 0.0
        for duty in self.duties:
            duty.holding.trouble = None
            duty.holding.ring()

    def _give_up_late(self) -> None:
        """End those whose patience is over, and have those look whose events wait."""
        now = self._clock.now()
        for duty in list(self.duties):
            holding = duty.holding
            kept = holding.durability.commits
            if self._failures and now - self._failing_since >= kept.patience:
                assert holding.trouble is not None
                holding.end(holding.trouble)
            if holding.ledger is not None:
                holding.ledger.waits(now)
                if holding.ledger.must_pause(now):
                    holding.look()

    # ------------------------------------------------------------------ the claim

    def _claim(self, duty: _Duty) -> Steps:
        holding, now = duty.holding, self._clock.now()
        is_due = holding.claim is None and holding.error is None
        if not is_due or holding.is_leaving or now < duty.claim_at:
            return
        kept, sent_at = holding.durability, self._clock.boot()
        outcome = yield from self._ask(
            partial(self._store.claim, kept.name, kept.lease, kept.owner)
        )
        if isinstance(outcome, Claim):
            self._began(duty, sent_at)
            holding.held, holding.claim = None, outcome
        elif isinstance(outcome, Held):
            duty.claim_at = now + max(0.0, min(outcome.seconds, STANDBY_SECONDS))
            holding.held = outcome
        else:
            _fail(holding, outcome)
        holding.ring()

    def _began(self, duty: _Duty, sent_at: float) -> None:
        """A lease begins, or begins again."""
        kept, now = duty.holding.durability, self._clock.now()
        if kept.lease is not None:
            duty.renew_at = now + kept.lease / 3
            duty.holding.lease_ends = sent_at + kept.lease
        duty.commit_at = duty.commit_at or now + kept.commits.interval

    def _held(self) -> list[_Duty]:
        return [d for d in self.duties if d.holding.claim and not d.holding.error]

    def _renew(self) -> Steps:
        """Renew all leases, where one is due: one call for each length."""
        leased = [d for d in self._held() if d.holding.durability.lease is not None]
        if not any(map(self._is_old, leased)):
            return
        length = attrgetter("holding.durability.lease")
        for lease, run in groupby(sorted(leased, key=length), length):
            duties, sent_at = list(run), self._clock.boot()
            claims = [_claim_of(duty.holding) for duty in duties]
            outcome = yield from self._ask(partial(self._store.renew, claims, lease))
            for duty in _standing(duties, claims, outcome):
                self._began(duty, sent_at)
                duty.holding.ring()

    def _is_old(self, duty: _Duty) -> bool:
        """Whether it is time to renew; or past it, if the machine was suspended."""
        is_due = duty.renew_at <= self._clock.now()
        return is_due or duty.holding.lease_ends <= self._clock.boot()

    def _release(self, holding: Holding) -> Steps:
        """Let go of a holding whose reader has left, once all that is done is in."""
        if not holding.is_leaving or _is_uncommitted(holding):
            return
        if holding.claim is not None and holding.error is None:
            outcome = yield from self._ask(partial(self._store.release, holding.claim))
            if isinstance(outcome, StoreUnavailable):
                return
        self.dismiss(holding)
        holding.is_over = True
        holding.ring()

    # ------------------------------------------------------------------ commits

    def _commit(self) -> Steps:
        """Commit what is done, of all names for which it is time: one call."""
        now = self._clock.now()
        due = [
            (duty, duty.holding.claim, mark)
            for duty in self._held()
            if duty.commit_at <= now or _is_urgent(duty.holding)
            if (mark := _mark_of(duty.holding)) is not None
        ]
        for duty in self._held():
            if duty.commit_at <= now:
                duty.commit_at = now + duty.holding.durability.commits.interval
            duty.holding.wants_commit = False
        if not due:
            return
        duties, claims, marks = zip(*due, strict=True)
        pairs = list(zip(claims, marks, strict=True))
        outcome = yield from self._ask(partial(self._store.commit, pairs))
        committed = dict(zip(duties, marks, strict=True))
        for duty in _standing(duties, claims, outcome):
            _ledger_of(duty.holding).did_commit(committed[duty], self._clock.now())
            duty.holding.ring()

    # ------------------------------------------------------------------ transactions

    def _run_errands(self, holding: Holding) -> Steps:
        while holding.errands and self._may_run(holding.errands[0]):
            errand = holding.errands[0]
            outcome = yield from getattr(self, f"_{errand.kind}")(holding, errand)
            if outcome is None and errand.kind == "begin":
                return  # tried again in the next turn
            holding.errands.popleft()
            holding.ran(errand, outcome)

    def _may_run(self, errand: Errand) -> bool:
        if errand.kind != "begin":
            return True
        return self._open is None and self._clock.now() >= self._retry_at

    def _begin(
        self, holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        if errand.is_dropped or holding.error is not None:
            return holding.error or "nobody wants it"
        outcome = yield from self._ask(partial(self._store.begin, _claim_of(holding)))
        if isinstance(outcome, StoreUnavailable):
            return None
        if isinstance(outcome, BaseException):
            _fail(holding, outcome)
        elif self._store.is_exclusive:
            self._open = holding
        return outcome

    def _abort(
        self, _holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        outcome = yield from self._ask(partial(self._store.abort, errand.transaction))
        self._open = None
        return outcome

    def _end(
        self, holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        """Commit; where that is in doubt, what the store says that it has."""
        mark = errand.mark
        assert mark is not None
        outcome = yield from self._ask(
            partial(self._store.end, errand.transaction, mark)
        )
        self._open = None
        if isinstance(outcome, StoreUnavailable):
            outcome = yield from self._recover(holding, mark, outcome)
        if isinstance(outcome, BaseException):
            if not isinstance(outcome, StoreUnavailable):
                _fail(holding, outcome)
            return outcome
        with holding.lock:
            _ledger_of(holding).settle()
        _ledger_of(holding).did_commit(mark, self._clock.now())
        return None

    def _recover(
        self, holding: Holding, mark: Mark, error: StoreUnavailable
    ) -> Generator[Call | Rest, Any, Any]:
        """Bump the own token, so that nothing under way counts, and look."""
        while True:
            outcome = yield from self._ask(
                partial(self._store.recover, _claim_of(holding))
            )
            if not isinstance(outcome, StoreUnavailable):
                break
            self._give_up_late()
            if holding.error is not None:
                return holding.error
            yield Rest(max(0.0, self._retry_at - self._clock.now()))
        if isinstance(outcome, BaseException):
            return outcome
        holding.claim, seq = outcome
        return None if seq >= mark.seq else error


def _pause(error: StoreUnavailable, failures: int) -> float:
    """Seconds until a failing store is tried again, by tenacity's arithmetic."""
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # nobody retries
    state.attempt_number = failures
    outcome = Future(failures)
    outcome.set_exception(error)
    state.outcome = outcome
    return _backoff(state)


def _fail(holding: Holding, outcome: Any) -> None:
    """End a holding by an error that no other try would mend."""
    if isinstance(outcome, ClaimLost):
        holding.lose()
    elif isinstance(outcome, BaseException) and not isinstance(
        outcome, StoreUnavailable
    ):
        holding.end(outcome)


def _standing(duties: Any, claims: Any, outcome: Any) -> list[_Duty]:
    """Those whose claims stand; the others are told."""
    if isinstance(outcome, BaseException):
        for duty in duties:
            _fail(duty.holding, outcome)
        return []
    lost = [
        duty for duty, claim in zip(duties, claims, strict=True) if claim in outcome
    ]
    for duty in lost:
        duty.holding.lose()
    return [duty for duty in duties if duty not in lost]


def _claim_of(holding: Holding) -> Claim:
    assert holding.claim is not None
    return holding.claim


def _ledger_of(holding: Holding) -> Any:
    assert holding.ledger is not None
    return holding.ledger


def _mark_of(holding: Holding) -> Mark | None:
    return None if holding.ledger is None else holding.ledger.mark()


def _is_urgent(holding: Holding) -> bool:
    return holding.wants_commit or holding.is_leaving


def _is_uncommitted(holding: Holding) -> bool:
    """Whether something is done that the store does not have, and may still get."""
    return holding.error is None and _mark_of(holding) is not None
