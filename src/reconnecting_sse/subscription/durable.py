"""A durable subscription: what a store adds to the parts of one.

An iterator's asking for the next event says that the one before is done. Another
iterator's does not: what was in hand is handed over again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import finalize, ref

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.ledger import SliceLedger
from reconnecting_sse.core.loop import Fail, Stop, durable, tell
from reconnecting_sse.subscription.custody import AsyncCustody, SyncCustody
from reconnecting_sse.subscription.effects import AsyncEffects
from reconnecting_sse.subscription.pump import Pump
from reconnecting_sse.subscription.subscription import Subscription
from reconnecting_sse.subscription.transactions import (
    AsyncTransaction,
    SyncTransaction,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.loop import Outcome, Step
    from reconnecting_sse.core.session import StreamSession
    from reconnecting_sse.subscription.checks import Checks
    from reconnecting_sse.subscription.effects import SyncEffects
    from reconnecting_sse.subscription.holding import Holding
    from reconnecting_sse.subscription.orders import Orders
    from reconnecting_sse.subscription.subscription import Asker
    from reconnecting_sse.transports.abort import AbortSignal


class DurablePump(Pump):
    """Goes through the loop of a durable subscription."""

    __slots__ = ("_custody",)

    def __init__(
        self,
        session: StreamSession,
        effects: SyncEffects | AsyncEffects,
        orders: Orders,
        custody: SyncCustody | AsyncCustody,
    ) -> None:
        self._custody = custody
        super().__init__(session, effects, orders)

    def _begun(self) -> Generator[Step, Outcome, None]:
        clock = self._clock
        return durable(
            self._session, self._effects, clock.now, clock.wall, self._custody
        )

    def advanced(self, outcome: Outcome) -> Step | None:
        """As every pump's; blocks without data may have moved the position."""
        step = super().advanced(outcome)
        self._custody.moved(self._session.position)
        if isinstance(outcome, Answer):
            self._custody.resumed()
        return step

    def resumed(self) -> Step | None:
        """As every pump's: the next event is asked for, and what was in hand is done.

        What was put aside meanwhile comes before a step that was not made.
        """
        self._custody.holding.asked_again()
        if self._session.undelivered and self._step is not None:
            self._loop = self._begun()
            self._step = next(self._loop, None)
        return super().resumed()


class DurableSubscription(Subscription):
    """A subscription with a holding.

    Attributes:
        holding: What it holds of its durable name.
        custody: Its reader's side of that.
    """

    is_durable = True

    def __init__(
        self,
        session: StreamSession,
        effects: SyncEffects | AsyncEffects,
        signal: AbortSignal,
        checks: Checks,
        holding: Holding,
    ) -> None:
        kind = AsyncCustody if isinstance(effects, AsyncEffects) else SyncCustody
        self.custody: SyncCustody | AsyncCustody = kind(holding, signal)
        self.holding: Holding = holding
        self._asker: ref[Asker] | None = None
        self._has_told_of_sharing = False
        super().__init__(session, effects, signal, checks)
        holding.watcher = ref(self)
        # Nobody iterates any more: the name is not held for ever. Weakly, for what a
        # holding keeps (an error, with its frames) may lead back to here.
        finalize(self, _let_go, ref(holding)).atexit = False

    def _new_pump(self) -> Pump:
        return DurablePump(self.session, self.effects, self.orders, self.custody)

    # ------------------------------------------------------------------ from the keeper

    def fail(self, error: BaseException) -> None:
        """It cannot go on: nothing more is handed over."""
        self.orders.fail(error)
        self.queue.discard()
        self.queue.withdraw()

    def look(self) -> None:
        """Have the reader look before the next event whether it may be handed over."""
        asker = None if self._asker is None else self._asker()
        if asker is not None:
            asker.is_checked = True

    # ------------------------------------------------------------------ reading

    def admits(self, asker: Asker) -> bool:
        """Whether the next event may be handed over; if not it waits for the loop."""
        if self.holding.ledger is None:
            return False  # nothing can have been handed out before the claim
        if self._asker is not None and self._asker() is asker:
            self.asked_again()
        else:
            self._change_to(asker)
        if self.custody.may_hand_over():
            return True
        self._put_aside()
        return False

    @property
    def is_always_checked(self) -> bool:
        kept = self.holding.durability
        is_free = kept.has_own_ids and self.holding.is_auto and not kept.lease
        return super().is_always_checked or not is_free

    def asked_again(self) -> None:
        """What was in hand is done; unless one was taken and never handed over."""
        if self.queue.in_hand is None:
            self.holding.asked_again()

    def _change_to(self, asker: Asker) -> None:
        """Another iterator goes on: he is handed again what the last had in hand."""
        self.look()  # the last, if he is asked again
        self._asker = ref(asker)
        ledger = self.holding.ledger
        if isinstance(ledger, SliceLedger):
            ledger.is_batched = asker.is_batched
            self.queue.in_hand = None  # the ledger knows of it
        if ledger is not None and not self.orders.is_over:
            with self.holding.lock:
                self.queue.pending = ledger.hand_out(ledger.put_back())

    def _put_aside(self) -> None:
        """Leave it to the loop, which waits, and hands it out again."""
        queue, ledger = self.queue, self.holding.ledger
        assert ledger is not None
        with self.holding.lock:
            events = ledger.put_back()
        if not isinstance(ledger, SliceLedger) and queue.in_hand is not None:
            events.insert(0, queue.in_hand)
        queue.in_hand, queue.pending = None, iter(())
        self.session.undelivered.extendleft(reversed(events))
        self.session.counters.events -= len(events)

    def handing(self, event: ServerSentEvent) -> None:
        """An event is handed over."""
        ledger = self.holding.ledger
        if ledger is not None and not isinstance(ledger, SliceLedger):
            with self.holding.lock:
                ledger.hand(event, self.session.position)

    def hand_out(self, events: list[ServerSentEvent]) -> Iterator[ServerSentEvent]:
        """The next events, as the iterator to be handed over by."""
        ledger = self.holding.ledger
        assert ledger is not None
        return ledger.hand_out(events)

    def taken(self, step: Step | None) -> BaseException | bool:
        """As every subscription's; what has ended the holding ends each loop."""
        error = self.holding.error
        if not isinstance(step, (list, Fail)) and error is not None:
            return error
        taken = super().taken(step)
        if self.orders.failure is not None:  # it came while they were decoded
            self.queue.discard()
        return taken

    def check_batches(self) -> None:
        """Refuse batches where nobody could say what of them is done."""
        if self.holding.durability.commits.mode == "manual":
            raise ValueError(
                'a batch is done as one: with mode="manual" use iter_sse()'
            )

    def commit(self, event: ServerSentEvent) -> None:
        """An event is done, as the caller says."""
        self.holding.commit(event)

    def transaction(self) -> SyncTransaction | AsyncTransaction:
        """The effects of what is in hand and its position: all of it, or nothing."""
        holding, custody = self.holding, self.custody
        if not self._has_told_of_sharing:
            self._tell_of_sharing()
        if isinstance(custody, SyncCustody):
            return SyncTransaction(holding, custody)
        return AsyncTransaction(holding, custody)

    def _tell_of_sharing(self) -> None:
        """Say once that an event in a transaction has no position of its own."""
        ledger = self.holding.ledger
        if ledger is None or not ledger.in_hand:
            return
        position = self.session.position
        if position == ledger.watermark().position:
            self._has_told_of_sharing = True
            self.session.notices.unplaced(self.holding.durability.name, position)
            tell(self.session, self.effects)

    # ------------------------------------------------------------------ farewell

    def farewell(self, taken: BaseException | bool) -> BaseException | bool:
        """It is over: have what is done committed, and the name released."""
        custody = self.custody
        assert isinstance(custody, SyncCustody)
        if self.holding.is_kept:
            return self._left(taken=taken)
        if self.orders.stop == Stop("closed"):
            custody.leave()
            return taken
        with self._kept(taken):
            custody.farewell()
        return self._left(taken=taken)

    async def afarewell(self, taken: BaseException | bool) -> BaseException | bool:
        """The same, on the async face."""
        custody = self.custody
        assert isinstance(custody, AsyncCustody)
        if self.holding.is_kept:
            return self._left(taken=taken)
        if self.orders.stop == Stop("closed"):
            custody.leave()
            return taken
        with self._kept(taken):
            await custody.farewell()
        return self._left(taken=taken)

    @contextmanager
    def _kept(self, taken: BaseException | bool) -> Iterator[None]:
        """Keep the error for whoever reads next, if this is broken off."""
        try:
            yield
        except BaseException:
            if isinstance(taken, BaseException):
                self.holding.error = self.holding.error or taken
            raise

    def _left(self, *, taken: BaseException | bool) -> BaseException | bool:
        """What the caller hears; in the log, if the store did not take everything."""
        holding = self.holding
        if holding.trouble is not None and not holding.is_over:
            uncommitted = self.custody.uncommitted()
            self.session.notices.paused(
                holding.durability.name, holding.trouble, uncommitted
            )
            tell(self.session, self.effects)
        if isinstance(taken, BaseException) or holding.error is None:
            return taken
        return holding.error

    def ended_well(self) -> None:
        """What was in hand is done, and the ``with`` block left."""
        self.asked_again()

    def part(self, *, is_clean: bool) -> None:
        """Wait for the store, not for ever; raise what ended it, if nobody else did."""
        assert isinstance(self.custody, SyncCustody)
        if self.holding.is_kept:
            return
        self.custody.farewell()
        self._part(is_clean=is_clean)

    async def apart(self, *, is_clean: bool) -> None:
        """The same, on the async face."""
        assert isinstance(self.custody, AsyncCustody)
        if self.holding.is_kept:
            return
        await self.custody.farewell()
        self._part(is_clean=is_clean)

    def _part(self, *, is_clean: bool) -> None:
        left = self._left(taken=False)
        if is_clean and isinstance(left, BaseException):
            raise left


def _let_go(holding: ref[Holding]) -> None:
    """Want no more, on behalf of a subscription that is gone."""
    held = holding()
    if held is not None:  # a keeper serves it
        held.leave()
