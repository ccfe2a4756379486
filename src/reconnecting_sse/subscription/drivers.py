"""The two drivers: they make the loop's calls, and hand its events out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.exchange.runners import current_task
from reconnecting_sse.subscription.readers import Reader

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.subscription.subscription import Subscription


class Driver:
    """What is looked up once, and not for each event.

    Attributes:
        is_checked: Whether there is something to look at before the next event.
        is_batched: Whether events are handed over several together.
    """

    __slots__ = (
        "__weakref__",
        "_is_always_checked",
        "_is_durable",
        "_queue",
        "_session",
        "_subscription",
        "is_checked",
    )

    is_batched: bool = False

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._session = subscription.session
        self._queue = subscription.queue
        self._is_always_checked = subscription.is_always_checked
        # With a store, what another iterator has left in hand comes first.
        self._is_durable = subscription.is_durable
        self.is_checked: bool = self._is_durable or self._is_always_checked

    def _checked(self) -> ServerSentEvent | None:
        """The next event, if it may be handed over, and all is answered about it."""
        if self._is_durable:
            if not self._subscription.admits(self):
                return None
            # Of a batch, taking the next event does not say that it is done.
            self.is_checked = self._is_always_checked or self.is_batched
        return self._looked_at()

    def _looked_at(self) -> ServerSentEvent | None:
        """The next event, once the caller's questions about it are answered.

        What is broken off leaves it in hand, and begins with it again.
        """
        here, queue = self._subscription, self._queue
        if queue.in_hand is None:
            # Not by next(): a signal might come between that and the assignment.
            for taken in queue.pending:
                queue.in_hand = taken
                break
        event = queue.in_hand
        if event is None:
            return None
        position = here.check(event)
        if queue.in_hand is None:  # closed meanwhile, and handed over all the same
            queue.discarded -= 1
        self._session.last_event_id = event.id
        self._session.placed(position)
        if self._is_durable:
            here.handing(event)
        queue.in_hand = None
        return event

    def arrived(self, count: int) -> list[ServerSentEvent]:
        """The next events, so many at most, that nobody has to wait for."""
        events: list[ServerSentEvent] = []
        while len(events) < count and (event := self._at_once()) is not None:
            events.append(event)
        return events

    def _at_once(self) -> ServerSentEvent | None:
        if self._is_always_checked:
            return self._looked_at()
        for event in self._queue.pending:
            self._session.last_event_id = event.id
            return event
        return None


class Events(Driver):
    """The sync driver."""

    __slots__ = ()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> ServerSentEvent:
        while True:
            if self.is_checked and (checked := self._checked()) is not None:
                return checked
            for event in self._queue.pending:
                self._session.last_event_id = event.id
                return event
            if not self._refill():
                raise StopIteration

    def _refill(self) -> bool:
        here = self._subscription
        reader, is_in = Reader(), False
        try:
            is_in = here.readers.enter(reader)
            if not is_in:
                return False
            step = here.pump.resumed()
            while callable(step):
                step = here.pump.advanced(None if here.orders.are_due else step())
            taken = here.taken(step)
            here.pump.is_under_way = False
            if taken is True:
                return True
            taken = here.farewell(taken)
        except BaseException as error:
            if is_in:
                here.pump.break_off(error)
            raise
        finally:
            here.readers.leave(reader, None)
            if here.orders.stop is not None:
                here.settle()
        if isinstance(taken, BaseException):
            raise taken
        return False


class AsyncEvents(Driver):
    """The async driver: the same, and awaits what is to be awaited."""

    __slots__ = ()

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> ServerSentEvent:
        while True:
            if self.is_checked and (checked := self._checked()) is not None:
                return checked
            for event in self._queue.pending:
                self._session.last_event_id = event.id
                return event
            if not await self._refill():
                raise StopAsyncIteration

    async def _refill(self) -> bool:
        here = self._subscription
        reader, is_in = Reader(current_task().get_loop()), False
        try:
            is_in = here.readers.enter(reader)
            if not is_in:
                return False
            step = here.pump.resumed()
            while callable(step):
                outcome: Any = None if here.orders.are_due else step()
                if hasattr(outcome, "__await__"):
                    outcome = await outcome
                step = here.pump.advanced(outcome)
            taken = here.taken(step)
            if taken is True:
                here.pump.is_under_way = False
                return True
            await here.let_go(taken)
            here.pump.is_under_way = False
            taken = await here.afarewell(taken)
        except BaseException as error:
            if is_in:
                here.pump.break_off(error)
            raise
        finally:
            here.readers.leave(reader, None)
            if here.orders.stop is not None:
                here.settle()
        if isinstance(taken, BaseException):
            raise taken
        return False
