"""A subscription: a loop in progress, its reader, and what of it awaits him."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.loop import Fail, Stop, tell
from reconnecting_sse.subscription.effects import AsyncEffects
from reconnecting_sse.subscription.orders import Orders
from reconnecting_sse.subscription.pump import Pump
from reconnecting_sse.subscription.queue import EventQueue
from reconnecting_sse.subscription.readers import Cleaner, Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.loop import Step
    from reconnecting_sse.core.session import StreamSession
    from reconnecting_sse.subscription.checks import Checks
    from reconnecting_sse.subscription.effects import SyncEffects
    from reconnecting_sse.transports.abort import AbortSignal

TOLD_BY_AN_EVENT = "an event says that others were missed"


class Asker(Protocol):
    """An iterator, as far as a subscription knows it.

    Attributes:
        is_checked: Whether it asks before it takes the next event.
        is_batched: Whether it hands several over together.
    """

    is_checked: bool
    is_batched: bool


class Subscription:
    """The parts that the drivers work with, and what needs several of them.

    All that is pending belongs to it, not to an iterator: breaking out of a loop, or an
    exception in one, loses nothing, and the cursor is never ahead of the caller.

    Attributes:
        hand_out: Makes an iterator of events; to take one is to be handed it.
        is_durable: Whether there is a store.
        is_always_checked: Whether there is something to look at before each event.
    """

    hand_out: Callable[[list[ServerSentEvent]], Iterator[ServerSentEvent]] = iter
    is_durable: bool = False

    def __init__(
        self,
        session: StreamSession,
        effects: SyncEffects | AsyncEffects,
        signal: AbortSignal,
        checks: Checks,
    ) -> None:
        self.session = session
        self.effects = effects
        self.checks = checks
        self.readers: Readers = Readers()
        self.queue: EventQueue = EventQueue()
        self.orders: Orders = Orders(signal)
        self.pump: Pump = self._new_pump()
        self._is_left = False

    def _new_pump(self) -> Pump:
        return Pump(self.session, self.effects, self.orders)

    # ------------------------------------------------------------------ reading

    def taken(self, step: Step | None) -> BaseException | bool:
        """Make the loop's events the pending ones; False, or the error, at the end."""
        if not isinstance(step, list):
            return step.error if isinstance(step, Fail) else False
        counters = self.session.counters
        pending, events = self.hand_out(step), counters.events + len(step)
        # Nothing is called between the two: no signal can come between.
        self.queue.pending = pending
        counters.events = events
        if self.orders.stop is not None:  # it came while they were decoded
            self.queue.discard()
        return True

    admits: Callable[[Asker], bool]
    """Whether the next event may be handed over; asked where there is a store."""

    def handing(self, event: ServerSentEvent) -> None:
        """One is."""

    def check_batches(self) -> None:
        """Refuse batches where nobody could say what of them is done."""

    def commit(self, event: ServerSentEvent) -> None:  # noqa: ARG002
        """The caller says that an event is done."""
        raise TypeError("commit() says what a store may record: give store= and name=")

    def transaction(self) -> Any:
        """The effects of what is in hand and its position: all of it, or nothing."""
        raise TypeError("transaction() is the store's: give store= and name=")

    def check(self, event: ServerSentEvent) -> str:
        """Look at an event that is about to be handed over; the position after it.

        What the caller's code raises ends the subscription, before this event.
        """
        try:
            position = self.checks.position_after(event, self.session.position)
            if self.checks.tells_of_a_gap(event):
                self._tell_gap()
            if self.checks.is_last(event):
                self.end("until")
        except CallersError as callers:
            self.end("error")
            raise callers.error from callers.error.__cause__
        return position

    def _tell_gap(self) -> None:
        """Tell of a gap at once; whoever is told may raise, and so end it."""
        session = self.session
        session.gap(TOLD_BY_AN_EVENT)
        tell(session, self.effects)
        error, session.error = session.error, None
        if isinstance(error, Exception):
            raise CallersError(error)

    async def let_go(self, taken: BaseException | bool) -> None:
        """It is over: wait until what was dropped is closed, unless that is urgent."""
        assert isinstance(self.effects, AsyncEffects)
        if self.orders.stop == Stop("closed"):
            return
        try:
            await self.effects.let_go()
        except BaseException:
            if isinstance(taken, BaseException):
                self.session.error = taken  # for whoever reads next
            raise

    def farewell(self, taken: BaseException | bool) -> BaseException | bool:
        """It is over, with this; what the reader hears of it."""
        return taken

    async def afarewell(self, taken: BaseException | bool) -> BaseException | bool:
        """As ``farewell``, on the async face."""
        return taken

    def ended_well(self) -> None:
        """The loop's body was left without an exception."""

    def part(self, *, is_clean: bool) -> None:
        """The reader has left, without an exception or with one."""

    async def apart(self, *, is_clean: bool) -> None:
        """As ``part``, on the async face."""

    # ------------------------------------------------------------------ from anywhere

    def end(self, reason: str) -> None:
        """Want no more: whoever is blocked is released."""
        self.orders.end(reason)
        self.queue.discard()
        if reason != "until":
            self.queue.withdraw()
        if not isinstance(self.effects, AsyncEffects):
            self.settle()

    @property
    def is_always_checked(self) -> bool:
        return self.checks.are_any

    def leave(self) -> None:
        """Want no more, and have it told; for its owner's own thread."""
        self.end("closed")
        self._is_left = True
        self.settle()

    async def aleave(self) -> None:
        """The same, and wait until what was dropped is closed."""
        effects, reader = self.effects, self.readers.current
        here = asyncio.get_running_loop()
        is_elsewhere = reader is not None and reader.loop is not here
        if is_elsewhere or not isinstance(effects, AsyncEffects):
            self.leave()
            return
        self.end("closed")
        if reader is not None:
            effects.drop()  # he waits, and will go on in this very thread
        self.leave()
        await effects.let_go()

    def settle(self) -> None:
        """Free the connection of what is over, and tell it if that was asked for.

        While somebody reads that is for him to do.
        """
        if not self._is_left:
            # Who comes in from now on hears first that it is over, and reads nothing.
            if self.readers.current is None:
                self.effects.drop()
            return
        cleaner = Cleaner()
        try:
            if self.readers.admits(cleaner):
                self.pump.settle()
        finally:
            self.readers.leave(cleaner, None)
