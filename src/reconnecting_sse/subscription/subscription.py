"""A subscription: a loop in progress, its reader, and what of it awaits him."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.loop import Fail, Stop, tell
from reconnecting_sse.subscription.effects import AsyncEffects
from reconnecting_sse.subscription.orders import Orders
from reconnecting_sse.subscription.pump import Pump
from reconnecting_sse.subscription.queue import EventQueue
from reconnecting_sse.subscription.readers import Readers

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.loop import Step
    from reconnecting_sse.core.session import StreamSession
    from reconnecting_sse.subscription.checks import Checks
    from reconnecting_sse.subscription.effects import SyncEffects
    from reconnecting_sse.transports.abort import AbortSignal

TOLD_BY_AN_EVENT = "an event says that others were missed"


class Subscription:
    """The parts that the drivers work with, and what needs several of them.

    All that is pending belongs to it, not to an iterator: breaking out of a loop, or an
    exception in one, loses nothing, and the cursor is never ahead of the caller.
    """

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
        self.pump: Pump = Pump(session, effects, self.orders)

    # ------------------------------------------------------------------ reading

    def taken(self, step: Step | None) -> BaseException | bool:
        """Make the loop's events the pending ones; False, or the error, at the end."""
        if not isinstance(step, list):
            return step.error if isinstance(step, Fail) else False
        self.session.counters.events += len(step)
        self.queue.pending = iter(step)
        if self.orders.stop is not None:  # it came while they were decoded
            self.queue.discard()
        return True

    def check(self, event: ServerSentEvent) -> None:
        """Look at an event that is about to be handed over.

        What the caller's code raises ends the subscription, before this event.
        """
        try:
            if self.checks.tells_of_a_gap(event):
                self._tell_gap()
            is_last = self.checks.is_last(event)
        except BaseException as error:
            self.queue.put_back(event)  # it was not handed over
            if isinstance(error, Exception):  # and not a signal's
                self.end("error")
            if isinstance(error, CallersError):
                raise error.error from error.error.__cause__
            raise
        if is_last:
            self.end("until")

    def _tell_gap(self) -> None:
        """Tell of a gap at once; whoever is told may raise, and so end it."""
        session = self.session
        session.gap(TOLD_BY_AN_EVENT)
        tell(session, self.effects)
        error, session.error = session.error, None
        if error is not None:
            raise error

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

    # ------------------------------------------------------------------ from anywhere

    def end(self, reason: str) -> None:
        """Want no more: whoever is blocked is released."""
        self.orders.end(reason)
        self.queue.discard()
        # With nobody reading the socket is freed here, else by the reader himself.
        if not self.readers.is_one_in and not isinstance(self.effects, AsyncEffects):
            self.effects.drop()

    def finish(self) -> None:
        """Tell that it is over, where no reader will; for its owner's own thread."""
        assert self.orders.stop is not None
        if not self.readers.is_one_in:
            self.pump.finish(self.orders.stop.reason)
