"""The two drivers: they make the loop's calls, and hand its events out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.exchange.runners import current_task
from reconnecting_sse.subscription.readers import Reader

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.subscription.subscription import Subscription


class _Driver:
    """What is looked up once, and not for each event."""

    __slots__ = ("_is_checked", "_queue", "_session", "_subscription")

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._session = subscription.session
        self._queue = subscription.queue
        self._is_checked = subscription.checks.are_any

    def _checked(self) -> ServerSentEvent | None:
        """The next event, once the caller's questions about it are answered.

        What is broken off leaves it in hand, and begins with it again.
        """
        queue = self._queue
        if queue.in_hand is None:
            # Not by next(): a signal might come between that and the assignment.
            for taken in queue.pending:
                queue.in_hand = taken
                break
        event = queue.in_hand
        if event is None:
            return None
        self._subscription.check(event)
        if queue.in_hand is None:  # closed meanwhile, and handed over all the same
            queue.discarded -= 1
        self._session.last_event_id = event.id
        queue.in_hand = None
        return event


class Events(_Driver):
    """The sync driver."""

    __slots__ = ()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> ServerSentEvent:
        while True:
            if self._is_checked and (checked := self._checked()) is not None:
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
        return taken


class AsyncEvents(_Driver):
    """The async driver: the same, and awaits what is to be awaited."""

    __slots__ = ()

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> ServerSentEvent:
        while True:
            if self._is_checked and (checked := self._checked()) is not None:
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
            if taken is not True:
                await here.let_go(taken)
            here.pump.is_under_way = False
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
        return taken
