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
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tenacity.wait import wait_random_exponential

from reconnecting_sse.core.claims import Claim, Held
from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable
from reconnecting_sse.core.strategies import EndState

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Mark
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.clock import Clock
    from reconnecting_sse.subscription.errands import Errand
    from reconnecting_sse.subscription.holding import Holding

STANDBY_SECONDS = 0.5
"""How often a name that is held is asked for: a release hands over within a second."""

REPLAY_SECONDS = 2.0
"""How often is looked for dead letters that are to be replayed."""

FAILING_SECONDS = 1.0
"""How often, at the least, a store that fails is tried."""

# What a call that worked says of a store: nothing of the calls of a higher kind. One
# whose disk is full, or that became a read-only replica, answers every question.
_READS, _BEGINS, _WRITES = range(3)

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
    """When what is due for a holding.

    Attributes:
        turn: The number of its last transaction that shut out all others.
    """

    holding: Holding
    turn: int = 0
    claim_at: float = 0.0
    renew_at: float = 0.0
    commit_at: float = 0.0
    replay_at: float = inf


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
        self._transactions = 0  # such ones, so far
        self._asked_at: float | None = None  # while a call is under way
        self._failures = 0
        self._failing_since = 0.0
        self._failing_kind = _READS  # the highest that failed
        self._retry_at = 0.0

    def admit(self, holding: Holding) -> None:
        """Serve this one, too."""
        self.duties.append(_Duty(holding))
        holding.asked_since = lambda: self._asked_at

    def dismiss(self, holding: Holding) -> None:
        """Serve it no more; somebody else will, or nobody."""
        for duty in [d for d in self.duties if d.holding is holding]:
            self.duties.remove(duty)  # in place: another may be admitted meanwhile
        self._failing_kind = _READS  # what failed may have been this one's alone

    def break_down(self, error: Exception) -> None:
        """Serve nobody any more: a fault of our own, which ends them all, and is told.

        Whoever waits for an answer would wait for ever.
        """
        self._open = self._asked_at = None
        for duty in list(self.duties):  # who is admitted meanwhile is served
            self.duties.remove(duty)
            duty.holding.break_off(error)

    def steps(self) -> Steps:
        """Everything, until nobody is left to be served."""
        while self.duties:
            yield from self._turn()
            yield Rest(self._seconds_left())

    def _turn(self) -> Steps:
        # What waits to begin a transaction must not keep another from its end; and
        # what is due must come in between, however many wait.
        for duty in list(self.duties):
            yield from self._run_errands(duty.holding, _is_ending)
        if self._open is not None or self._clock.now() < self._retry_at:
            self._give_up_late()
            return
        for duty in list(self.duties):
            yield from self._claim(duty)
        yield from self._renew()
        yield from self._commit()
        yield from self._hear_replays()
        for duty in sorted(self.duties, key=attrgetter("turn")):
            yield from self._run_errands(duty.holding, self._may_run)
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
        if holding.error is not None or holding.is_forsaken:
            return self._clock.now() + _LONG
        if holding.claim is None:
            return duty.claim_at
        due = [duty.commit_at]
        due += [duty.replay_at] * holding.has_begun
        due += [duty.renew_at] * (holding.durability.lease is not None)
        return min(due)

    # ------------------------------------------------------------------ one call

    def _ask(self, call: Call, kind: int = _WRITES) -> Generator[Call | Rest, Any, Any]:
        """Make a call; an error comes back as a value, and is everybody's trouble."""
        since = self._asked_at = self._clock.now()
        outcome = yield call
        self._asked_at = None
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
        for duty in self.duties:
            duty.holding.troubled(error, self._failing_since)

    def _worked(self) -> None:
        self._failures, self._failing_kind, self._retry_at = 0, _READS, 0.0
        for duty in self.duties:
            duty.holding.troubled(None, None)

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
        if not is_due or _is_left(holding) or now < duty.claim_at:
            return
        kept, sent_at = holding.durability, self._clock.boot()
        outcome = yield from self._ask(
            partial(self._store.claim, kept.name, kept.lease, kept.owner)
        )
        if isinstance(outcome, Claim):
            self._began(duty, sent_at)
            duty.replay_at = inf if holding.hear_replays is None else now
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
        holdings = [(duty, duty.holding) for duty in self.duties]
        return [d for d, h in holdings if h.claim and not (h.error or h.is_forsaken)]

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
        if not _is_left(holding) or holding.errands or _is_uncommitted(holding):
            return
        claim, is_over = holding.claim, holding.error or holding.is_forsaken
        if claim is not None and not is_over:
            outcome = yield from self._ask(partial(self._store.release, claim))
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
            if (mark := duty.holding.mark()) is not None
        ]
        for duty in self._held():
            if duty.commit_at <= now:
                duty.commit_at = now + duty.holding.durability.commits.interval
        if not due:
            return
        duties, claims, marks = zip(*due, strict=True)
        pairs = list(zip(claims, marks, strict=True))
        outcome = yield from self._ask(partial(self._store.commit, pairs))
        committed = dict(zip(duties, marks, strict=True))
        for duty in _standing(duties, claims, outcome):
            duty.holding.did_commit(committed[duty], self._clock.now())
            duty.holding.wants_commit = False
            duty.holding.ring()

    # ------------------------------------------------------------------ a worker's

    def _hear_replays(self) -> Steps:
        """Pass on the dead letters that are to be handed over once more: one call."""
        now = self._clock.now()
        begun = [duty for duty in self._held() if duty.holding.has_begun]
        due = [duty for duty in begun if duty.replay_at <= now]
        if not due:
            return
        for duty in due:
            duty.replay_at = now + REPLAY_SECONDS
        claims = [_claim_of(duty.holding) for duty in due]
        outcome = yield from self._ask(partial(self._store.replays, claims), _READS)
        if isinstance(outcome, BaseException):
            for duty in due:
                _fail(duty.holding, outcome)
            return
        for duty in due:
            name = duty.holding.durability.name
            letters = [letter for letter in outcome if letter.name == name]
            assert duty.holding.hear_replays is not None
            if letters:
                duty.holding.hear_replays(letters)

    # ------------------------------------------------------------------ transactions

    def _run_errands(
        self, holding: Holding, may_run: Callable[[Errand], bool]
    ) -> Steps:
        for errand in filter(may_run, list(holding.errands)):
            outcome = yield from getattr(self, f"_{errand.kind}")(holding, errand)
            if isinstance(outcome, _Later):
                return  # tried again in the next turn
            holding.errands.remove(errand)
            holding.ran(errand, outcome)

    def _may_run(self, errand: Errand) -> bool:
        if _is_ending(errand):
            return True
        return self._open is None and self._clock.now() >= self._retry_at

    def _begin(
        self, holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        outcome = yield from self._once(holding, errand, self._store.begin, _BEGINS)
        if self._store.is_exclusive and not _is_failure(outcome):
            self._open = holding
            self._transactions += 1
            for duty in self.duties:
                if duty.holding is holding:
                    duty.turn = self._transactions
        return outcome

    def _once(
        self,
        holding: Holding,
        errand: Errand,
        call: Callable[[Claim], Any],
        kind: int = _WRITES,
    ) -> Generator[Call | Rest, Any, Any]:
        """A call for a claim; ``_Later`` while the store is failing."""
        if errand.is_dropped or holding.error is not None:
            return holding.error or StoreUnavailable("nobody wants it")
        errand.claim = _claim_of(holding)
        outcome = yield from self._ask(partial(call, errand.claim), kind)
        if isinstance(outcome, StoreUnavailable):
            return _Later()
        _fail(holding, outcome)
        return outcome

    def _recall(
        self, holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        return (yield from self._once(holding, errand, self._store.recall, _READS))

    def _record(
        self, holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        mark = errand.mark
        assert mark is not None
        outcome = yield from self._once(
            holding, errand, lambda claim: self._store.commit([(claim, mark)])
        )
        if _is_failure(outcome):
            return outcome
        if outcome:
            holding.lose()
            return holding.error
        holding.did_end(errand, self._clock.now())
        return None

    def _abort(
        self, _holding: Holding, errand: Errand
    ) -> Generator[Call | Rest, Any, Any]:
        abort = partial(self._store.abort, errand.transaction)
        outcome = yield from self._ask(abort, _READS)  # it never fails
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
        if isinstance(outcome, ClaimLost) and _was_recovered(holding, errand):
            # Not lost: another of ours was in doubt, and has bumped the token.
            return StoreUnavailable("the transaction was rolled back: begin another")
        if isinstance(outcome, StoreUnavailable):
            outcome = yield from self._recover(holding, mark, outcome)
        if isinstance(outcome, BaseException):
            if not isinstance(outcome, StoreUnavailable):
                _fail(holding, outcome)
            return outcome
        holding.did_end(errand, self._clock.now())
        return None

    def _recover(
        self, holding: Holding, mark: Mark, error: StoreUnavailable
    ) -> Generator[Call | Rest, Any, Any]:
        """Bump the own token, so that nothing under way counts, and look."""
        outcome = yield from self._surely(holding, self._store.recover)
        if isinstance(outcome, BaseException):
            return outcome
        holding.claim, seq = outcome
        if mark.position is not None:
            return None if seq >= mark.seq else error
        return (yield from self._look_beside(holding, mark, error))

    def _look_beside(
        self, holding: Holding, mark: Mark, error: StoreUnavailable
    ) -> Generator[Call | Rest, Any, Any]:
        """Whether what is beside a position was recorded, once the token is bumped."""
        assert mark.beside is not None
        ahead, settled = mark.beside.ahead, mark.beside.settled
        call = self._store.recall if ahead else self._letters_of
        found = yield from self._surely(holding, call, _READS)
        if isinstance(found, BaseException):
            return found
        if ahead:
            return None if found.ahead.issuperset(ahead) else error
        left = {letter.key for letter in found}
        return None if settled and left.isdisjoint(settled) else error

    def _letters_of(self, claim: Claim) -> Any:
        return self._store.letters(claim.name)

    def _surely(
        self, holding: Holding, call: Callable[[Claim], Any], kind: int = _WRITES
    ) -> Generator[Call | Rest, Any, Any]:
        """A call before which nothing else may be done: tried until it is made."""
        while True:
            outcome = yield from self._ask(partial(call, _claim_of(holding)), kind)
            if not isinstance(outcome, StoreUnavailable):
                return outcome
            self._give_up_late()
            if holding.error is not None:
                return holding.error
            yield Rest(max(0.0, self._retry_at - self._clock.now()))


class _Later:
    """The store was not reached: it is tried again."""


def _is_failure(outcome: Any) -> bool:
    return isinstance(outcome, (BaseException, _Later))


def _was_recovered(holding: Holding, errand: Errand) -> bool:
    """Whether the token was bumped since its transaction was begun."""
    return errand.claim is not None and errand.claim != holding.claim


def _pause(error: StoreUnavailable, failures: int) -> float:
    """Seconds until a failing store is tried again, by tenacity's arithmetic."""
    return _backoff(EndState(error, attempt_number=failures))


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


def _is_ending(errand: Errand) -> bool:
    return errand.kind in ("end", "abort")


def _is_left(holding: Holding) -> bool:
    """Whether nobody will want anything more of it."""
    if holding.is_forsaken:
        return not holding.is_kept
    return holding.is_leaving


def _is_urgent(holding: Holding) -> bool:
    return holding.wants_commit or holding.is_leaving


def _is_uncommitted(holding: Holding) -> bool:
    """Whether something is done that the store does not have, and may still get."""
    is_over = holding.error is not None or holding.is_forsaken
    return not is_over and holding.mark() is not None
