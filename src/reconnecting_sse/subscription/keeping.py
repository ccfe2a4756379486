"""What a keeper does, written once for both faces: it claims, renews and commits.

A generator that yields calls of the store, and rests. It is sent what came of a call,
an error as a value, and decides what follows. Holdings are all those of one store in
this process: renewals and commits of many names are one call.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Claim, Held
from reconnecting_sse.core.errors import StoreUnavailable
from reconnecting_sse.subscription.asking import READS, Asking, Rest
from reconnecting_sse.subscription.duties import (
    Duty,
    claim_of,
    fail,
    is_left,
    is_uncommitted,
    is_urgent,
    standing,
)
from reconnecting_sse.subscription.errand_steps import ErrandSteps

if TYPE_CHECKING:
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.asking import Steps
    from reconnecting_sse.subscription.clock import Clock
    from reconnecting_sse.subscription.holding import Holding

STANDBY_SECONDS = 0.5
"""How often a name that is held is asked for: a release hands over within a second."""

REPLAY_SECONDS = 2.0
"""How often is looked for dead letters that are to be replayed."""

_LONG = 3600.0


class Keeping:
    """The state of a keeper, and its steps.

    Attributes:
        duties: Whom it serves; others may add theirs at any time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.duties: list[Duty] = []
        self._asking = Asking(clock, self.duties)
        self._errands = ErrandSteps(store, clock, self._asking)

    def admit(self, holding: Holding) -> None:
        """Serve this one, too."""
        self.duties.append(Duty(holding))
        holding.asked_since = lambda: self._asking.asked_at

    def dismiss(self, holding: Holding) -> None:
        """Serve it no more; somebody else will, or nobody."""
        for duty in [d for d in self.duties if d.holding is holding]:
            self.duties.remove(duty)  # in place: another may be admitted meanwhile
        self._asking.forgive()

    def break_down(self, error: Exception) -> None:
        """Serve nobody any more: a fault of our own, which ends them all, and is told.

        Whoever waits for an answer would wait for ever.
        """
        self._errands.is_open, self._asking.asked_at = False, None
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
            yield from self._errands.ending(duty)
        if self._errands.is_open or self._asking.seconds_left:
            self._asking.give_up_late()
            return
        for duty in list(self.duties):
            yield from self._claim(duty)
        yield from self._renew()
        yield from self._commit()
        yield from self._hear_replays()
        for duty in sorted(self.duties, key=attrgetter("turn")):
            yield from self._errands.all_of(duty)
        for duty in list(self.duties):
            yield from self._release(duty.holding)
        self._asking.give_up_late()

    # ------------------------------------------------------------------ what is due

    def _seconds_left(self) -> float:
        """How long nothing is due."""
        if self._errands.is_open:
            return _LONG
        if self._asking.seconds_left:
            return self._asking.seconds_left
        now = self._clock.now()
        return max(0.0, min(map(self._due_at, self.duties), default=now) - now)

    def _due_at(self, duty: Duty) -> float:
        holding = duty.holding
        if holding.error is not None or holding.is_forsaken:
            return self._clock.now() + _LONG
        if holding.claim is None:
            return duty.claim_at
        due = [duty.commit_at]
        due += [duty.replay_at] * holding.has_begun
        due += [duty.renew_at] * (holding.durability.lease is not None)
        return min(due)

    # ------------------------------------------------------------------ the claim

    def _claim(self, duty: Duty) -> Steps:
        holding, now = duty.holding, self._clock.now()
        is_due = holding.claim is None and holding.error is None
        if not is_due or is_left(holding) or now < duty.claim_at:
            return
        kept, sent_at = holding.durability, self._clock.boot()
        outcome = yield from self._asking.ask(
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
            fail(holding, outcome)
        holding.ring()

    def _began(self, duty: Duty, sent_at: float) -> None:
        """A lease begins, or begins again."""
        kept, now = duty.holding.durability, self._clock.now()
        if kept.lease is not None:
            duty.renew_at = now + kept.lease / 3
            duty.holding.lease_ends = sent_at + kept.lease
        duty.commit_at = duty.commit_at or now + kept.commits.interval

    def _held(self) -> list[Duty]:
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
            claims = [claim_of(duty.holding) for duty in duties]
            outcome = yield from self._asking.ask(
                partial(self._store.renew, claims, lease)
            )
            for duty in standing(duties, claims, outcome):
                self._began(duty, sent_at)
                duty.holding.ring()

    def _is_old(self, duty: Duty) -> bool:
        """Whether it is time to renew; or past it, if the machine was suspended."""
        is_due = duty.renew_at <= self._clock.now()
        return is_due or duty.holding.lease_ends <= self._clock.boot()

    def _release(self, holding: Holding) -> Steps:
        """Let go of a holding whose reader has left, once all that is done is in."""
        if not is_left(holding) or holding.errands or is_uncommitted(holding):
            return
        claim, is_over = holding.claim, holding.error or holding.is_forsaken
        if claim is not None and not is_over:
            outcome = yield from self._asking.ask(partial(self._store.release, claim))
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
            if duty.commit_at <= now or is_urgent(duty.holding)
            if (mark := duty.holding.mark()) is not None
        ]
        for duty in self._held():
            if duty.commit_at <= now:
                duty.commit_at = now + duty.holding.durability.commits.interval
        if not due:
            return
        duties, claims, marks = zip(*due, strict=True)
        pairs = list(zip(claims, marks, strict=True))
        outcome = yield from self._asking.ask(partial(self._store.commit, pairs))
        committed = dict(zip(duties, marks, strict=True))
        for duty in standing(duties, claims, outcome):
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
        claims = [claim_of(duty.holding) for duty in due]
        outcome = yield from self._asking.ask(
            partial(self._store.replays, claims), READS
        )
        if isinstance(outcome, BaseException):
            for duty in due:
                fail(duty.holding, outcome)
            return
        for duty in due:
            name = duty.holding.durability.name
            letters = [letter for letter in outcome if letter.name == name]
            assert duty.holding.hear_replays is not None
            if letters:
                duty.holding.hear_replays(letters)
