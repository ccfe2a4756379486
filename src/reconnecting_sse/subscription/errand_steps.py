"""How a keeper runs its errands: transactions, and what a worker asks once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable
from reconnecting_sse.subscription.asking import BEGINS, READS, WRITES
from reconnecting_sse.subscription.duties import claim_of, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.claims import Claim, Mark
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.asking import Asked, Asking, Steps
    from reconnecting_sse.subscription.clock import Clock
    from reconnecting_sse.subscription.duties import Duty
    from reconnecting_sse.subscription.errands import Errand
    from reconnecting_sse.subscription.holding import Holding


class ErrandSteps:
    """Runs errands, one at a time.

    Attributes:
        is_open: Whether a transaction is open that shuts out all other calls.
    """

    def __init__(self, store: Store, clock: Clock, asking: Asking) -> None:
        self._store = store
        self._clock = clock
        self._asking = asking
        self._transactions = 0  # that shut out all others, so far
        self.is_open: bool = False

    def ending(self, duty: Duty) -> Steps:
        """Those that end a transaction; they must not wait for any other."""
        yield from self._run(duty, _is_ending)

    def all_of(self, duty: Duty) -> Steps:
        """All that may run now."""
        yield from self._run(duty, self._may_run)

    def _run(self, duty: Duty, may_run: Callable[[Errand], bool]) -> Steps:
        holding = duty.holding
        for errand in filter(may_run, list(holding.errands)):
            outcome = yield from getattr(self, f"_{errand.kind}")(duty, errand)
            if isinstance(outcome, _Later):
                return  # tried again in the next turn
            holding.errands.remove(errand)
            holding.ran(errand, outcome)

    def _may_run(self, errand: Errand) -> bool:
        if _is_ending(errand):
            return True
        return not self.is_open and not self._asking.seconds_left

    def _begin(self, duty: Duty, errand: Errand) -> Asked:
        outcome = yield from self._once(duty.holding, errand, self._store.begin, BEGINS)
        if self._store.is_exclusive and not _is_failure(outcome):
            self.is_open = True
            self._transactions += 1
            duty.turn = self._transactions
        return outcome

    def _once(
        self,
        holding: Holding,
        errand: Errand,
        call: Callable[[Claim], Any],
        kind: int = WRITES,
    ) -> Asked:
        """A call for a claim; ``_Later`` while the store is failing."""
        if errand.is_dropped or holding.error is not None:
            return holding.error or StoreUnavailable("nobody wants it")
        errand.claim = claim_of(holding)
        outcome = yield from self._asking.ask(partial(call, errand.claim), kind)
        if isinstance(outcome, StoreUnavailable):
            return _Later()
        fail(holding, outcome)
        return outcome

    def _recall(self, duty: Duty, errand: Errand) -> Asked:
        return (yield from self._once(duty.holding, errand, self._store.recall, READS))

    def _record(self, duty: Duty, errand: Errand) -> Asked:
        holding, mark = duty.holding, errand.mark
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

    def _abort(self, _duty: Duty, errand: Errand) -> Asked:
        abort = partial(self._store.abort, errand.transaction)
        outcome = yield from self._asking.ask(abort, READS)  # it never fails
        self.is_open = False
        return outcome

    def _end(self, duty: Duty, errand: Errand) -> Asked:
        """Commit; where that is in doubt, what the store says that it has."""
        holding, mark = duty.holding, errand.mark
        assert mark is not None
        outcome = yield from self._asking.ask(
            partial(self._store.end, errand.transaction, mark)
        )
        self.is_open = False
        if isinstance(outcome, ClaimLost) and _was_recovered(holding, errand):
            # Not lost: another of ours was in doubt, and has bumped the token.
            return StoreUnavailable("the transaction was rolled back: begin another")
        if isinstance(outcome, StoreUnavailable):
            outcome = yield from self._recover(holding, mark, outcome)
        if isinstance(outcome, BaseException):
            if not isinstance(outcome, StoreUnavailable):
                fail(holding, outcome)
            return outcome
        holding.did_end(errand, self._clock.now())
        return None

    def _recover(self, holding: Holding, mark: Mark, error: StoreUnavailable) -> Asked:
        """Bump the own token, so that nothing under way counts, and look."""
        outcome = yield from self._asking.surely(holding, self._store.recover)
        if isinstance(outcome, BaseException):
            return outcome
        holding.claim, seq = outcome
        if mark.position is not None:
            return None if seq >= mark.seq else error
        return (yield from self._look_beside(holding, mark, error))

    def _look_beside(
        self, holding: Holding, mark: Mark, error: StoreUnavailable
    ) -> Asked:
        """Whether what is beside a position was recorded, once the token is bumped."""
        assert mark.beside is not None
        ahead, settled = mark.beside.ahead, mark.beside.settled
        call = self._store.recall if ahead else self._letters_of
        found = yield from self._asking.surely(holding, call, READS)
        if isinstance(found, BaseException):
            return found
        if ahead:
            return None if found.ahead.issuperset(ahead) else error
        left = {letter.key for letter in found}
        return None if settled and left.isdisjoint(settled) else error

    def _letters_of(self, claim: Claim) -> Any:
        return self._store.letters(claim.name)


class _Later:
    """The store was not reached: it is tried again."""


def _is_failure(outcome: Any) -> bool:
    return isinstance(outcome, (BaseException, _Later))


def _was_recovered(holding: Holding, errand: Errand) -> bool:
    """Whether the token was bumped since its transaction was begun."""
    return errand.claim is not None and errand.claim != holding.claim


def _is_ending(errand: Errand) -> bool:
    return errand.kind in ("end", "abort")
