"""The two drivers: they make the loop's calls, and hand its events out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from reconnecting_sse.exchange.runners import current_task

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.subscription.subscription import Subscription


class _Driver:
    """What is looked up once, and not for each event."""

    __slots__ = ("_check", "_queue", "_session", "_subscription")

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._session = subscription.session
        self._queue = subscription.queue
        self._check = subscription.check if subscription.checks.are_any else None


class Events(_Driver):
    """The sync driver."""

    __slots__ = ()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> ServerSentEvent:
        while True:
            for event in self._queue.pending:
                if self._check is not None:
                    self._check(event)
                self._session.last_event_id = event.id
                return event
            if not self._refill():
                raise StopIteration

    def _refill(self) -> bool:
        here = self._subscription
        here.readers.enter(threading.get_ident())
        try:
            step = here.pump.resumed()
            while callable(step):
                step = here.pump.advanced(None if here.orders.are_due else step())
            taken = here.taken(step)
        except BaseException as error:
            here.pump.break_off(error)
            raise
        finally:
            here.readers.leave()
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
            for event in self._queue.pending:
                if self._check is not None:
                    self._check(event)
                self._session.last_event_id = event.id
                return event
            if not await self._refill():
                raise StopAsyncIteration

    async def _refill(self) -> bool:
        here = self._subscription
        here.readers.enter(current_task())
        try:
            step = here.pump.resumed()
            while callable(step):
                outcome: Any = None if here.orders.are_due else step()
                if hasattr(outcome, "__await__"):
                    outcome = await outcome
                step = here.pump.advanced(outcome)
            taken = here.taken(step)
            if taken is not True:
                await here.let_go(taken)
        except BaseException as error:
            here.pump.break_off(error)
            raise
        finally:
            here.readers.leave()
        if isinstance(taken, BaseException):
            raise taken
        return taken
