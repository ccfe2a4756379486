"""Events several at a time: as many as have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.subscription.drivers import AsyncEvents, Events

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.subscription.subscription import Subscription


class _Together(Events):
    """Events that are handed over several together."""

    __slots__ = ()

    is_batched = True


class _AsyncTogether(AsyncEvents):
    """The same, on the async face."""

    __slots__ = ()

    is_batched = True


class Batches:
    """Lists of what has arrived, in order, each done as one."""

    def __init__(self, subscription: Subscription, max_events: int) -> None:
        self._events = _Together(subscription)
        self._others = max_events - 1

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> list[ServerSentEvent]:
        return [next(self._events), *self._events.arrived(self._others)]


class AsyncBatches:
    """The same, on the async face."""

    def __init__(self, subscription: Subscription, max_events: int) -> None:
        self._events = _AsyncTogether(subscription)
        self._others = max_events - 1

    def __aiter__(self) -> AsyncBatches:
        return self

    async def __anext__(self) -> list[ServerSentEvent]:
        return [await anext(self._events), *self._events.arrived(self._others)]
