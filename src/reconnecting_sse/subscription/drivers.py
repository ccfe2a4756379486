"""The two drivers: they make the loop's calls, and hand its events out.

What is pending belongs to the ``Subscription``, not to an iterator: breaking out of a
loop, or an exception in one, loses nothing, and the cursor is never ahead of the
caller. An exception may come from outside at any point, a signal handler's or a
cancellation: then the connection and the loop are dropped, and a new loop goes on from
the cursor.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from operator import length_hint
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.loop import Fail, Renew, Stop, subscription, tell
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.subscription.effects import AsyncEffects

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.loop import Outcome, Step
    from reconnecting_sse.core.session import StreamSession
    from reconnecting_sse.subscription.checks import Check
    from reconnecting_sse.subscription.effects import SyncEffects
    from reconnecting_sse.transports.abort import AbortSignal


class Subscription:
    """A loop in progress, and what of it awaits its reader.

    Attributes:
        pending: Events decoded and not yet handed over.
        discarded: How many were decoded and never will be.
        check: Called with each event as it is handed over, where there is a need.
        stop: Why the caller wants no more, once he does not.
    """

    def __init__(
        self,
        session: StreamSession,
        effects: SyncEffects | AsyncEffects,
        signal: AbortSignal,
        check: Check | None = None,
    ) -> None:
        self.session = session
        self.effects = effects
        self.pending: Iterator[ServerSentEvent] = iter(())
        self.discarded = 0
        self.check = check
        self.stop: Stop | None = None
        self._signal = signal
        self._process = os.getpid()
        # At most one entry: setdefault is atomic, and unlike a lock it knows its owner.
        self._reader: dict[str, object] = {}
        self._begin()

    def _begin(self) -> None:
        self._loop: Generator[Step, Outcome, None] = subscription(
            self.session, self.effects, time.monotonic, time.time
        )
        self._step: Step | None = next(self._loop, None)  # not yet made

    # ------------------------------------------------------------------ reading

    def enter(self, reader: object) -> None:
        """Let one reader in at a time.

        Raises:
            RuntimeError: There is one already, or this is another process.
        """
        if os.getpid() != self._process:
            raise RuntimeError(
                "this source was made before a fork and belongs to the parent process;"
                " make a new one in the child, from last_event_id where it matters"
            )
        # One that left without a goodbye, by a signal, is the same reader.
        if self._reader.setdefault("reader", reader) != reader:
            raise RuntimeError(
                "this source is being read already: one thread or task at a time"
            )

    def leave(self) -> None:
        """The reader is done, for now."""
        self._reader.clear()

    def resumed(self) -> Step | None:
        """The step at which the last reader left, or the one after his events."""
        step, self._step = self._step, None
        return self.advanced(None) if step is None else step

    @property
    def is_wanted(self) -> bool:
        """Whether the loop's next call is to be made; else it is told first why not."""
        return self.stop is None and not self._signal.is_due

    def advanced(self, outcome: Outcome) -> Step | None:
        """Tell the loop what came of its call; its next step, or None at the end."""
        if self.stop is not None:
            outcome = self.stop
        elif self._signal.is_due and _may_give_way(outcome):
            self._signal.is_due = False
            outcome = Renew()
        return next(self._loop, None) if outcome is None else self._sent(outcome)

    def _sent(self, outcome: Outcome) -> Step | None:
        try:
            return self._loop.send(outcome)
        except StopIteration:
            return None

    def taken(self, step: Step | None) -> BaseException | bool:
        """Make the loop's events the pending ones; False, or the error, at the end."""
        if not isinstance(step, list):
            return step.error if isinstance(step, Fail) else False
        self.session.counters.events += len(step)
        self.pending = iter(step)
        if self.stop is not None:  # it came while they were decoded
            self._discard()
        return True

    async def let_go(self, taken: BaseException | bool) -> None:
        """It is over: wait until what was dropped is closed, unless that is urgent."""
        assert isinstance(self.effects, AsyncEffects)
        if self.stop == Stop("closed"):
            return
        try:
            await self.effects.let_go()
        except BaseException:
            if isinstance(taken, BaseException):
                self.session.error = taken  # for whoever reads next
            raise

    def put_back(self, event: ServerSentEvent) -> None:
        """The event was not handed over after all."""
        self.pending = iter([event, *self.pending])

    def break_off(self, error: BaseException) -> None:
        """An exception came from outside: free the connection at once."""
        self.effects.drop()
        if self.stop is None:
            cause, now = type(error).__name__, time.monotonic()
            self.session.interrupted(cause, now, method=self.effects.asked)
        else:
            self.session.close(self.stop.reason)
        tell(self.session, self.effects)
        self._begin()

    # ------------------------------------------------------------------ from anywhere

    def end(self, reason: str) -> None:
        """Want no more: whoever is blocked is released."""
        if self.stop is None:
            self.stop = Stop(reason)
        self._discard()
        self._signal.abort()
        # With nobody reading the socket is freed here, else by the reader himself.
        if not self._reader and not isinstance(self.effects, AsyncEffects):
            self.effects.drop()

    def finish(self) -> None:
        """Tell that it is over, where no reader will; for its owner's own thread."""
        assert self.stop is not None
        if not self._reader:
            self.session.close(self.stop.reason)
            tell(self.session, self.effects)
            self._begin()

    def _discard(self) -> None:
        self.discarded += length_hint(self.pending)
        self.pending = iter(())

    def renew(self) -> None:
        """Want another connection: whoever is blocked goes on with a new one."""
        self._signal.release()


def _may_give_way(outcome: Outcome) -> bool:
    """Whether nothing is lost if a reconnect takes the place of the outcome."""
    return outcome is None or outcome == b"" or isinstance(outcome, Failure)


class Events:
    """The sync driver."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> ServerSentEvent:
        here = self._subscription
        while True:
            for event in here.pending:
                if here.check is not None:
                    here.check(here, event)
                here.session.last_event_id = event.id
                return event
            if not self._refill():
                raise StopIteration

    def _refill(self) -> bool:
        here = self._subscription
        here.enter(threading.get_ident())
        try:
            step = here.resumed()
            while callable(step):
                step = here.advanced(step() if here.is_wanted else None)
            taken = here.taken(step)
        except BaseException as error:
            here.break_off(error)
            raise
        finally:
            here.leave()
        if isinstance(taken, BaseException):
            raise taken
        return taken


class AsyncEvents:
    """The async driver: the same, and awaits what is to be awaited."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> ServerSentEvent:
        here = self._subscription
        while True:
            for event in here.pending:
                if here.check is not None:
                    here.check(here, event)
                here.session.last_event_id = event.id
                return event
            if not await self._refill():
                raise StopAsyncIteration

    async def _refill(self) -> bool:
        here = self._subscription
        here.enter(asyncio.current_task())
        try:
            step = here.resumed()
            while callable(step):
                outcome: Any = step() if here.is_wanted else None
                if hasattr(outcome, "__await__"):
                    outcome = await outcome
                step = here.advanced(outcome)
            taken = here.taken(step)
            if taken is not True:
                await here.let_go(taken)
        except BaseException as error:
            here.break_off(error)
            raise
        finally:
            here.leave()
        if isinstance(taken, BaseException):
            raise taken
        return taken
