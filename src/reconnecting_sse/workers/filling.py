"""Gaps: what was missed is handled from elsewhere, before the feed goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.deliveries import Delivery
from reconnecting_sse.core.recent import identified
from reconnecting_sse.core.work_facts import Filled, Filling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.deliveries import Barrier
    from reconnecting_sse.workers.desk import Desk


MANY = 100
"""After how many events, at the least, those are forgotten that are handled."""


class Backfill:
    """One gap's events, on their way.

    Those that have an ID have the key that they had in the feed: a life that is handed
    them by the other of the two knows them, too.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        self._kind = "0" if desk.holding.durability.has_own_ids else "gap"
        with desk.holding.lock:
            self._barrier: Barrier = desk.ledger.barrier()
        self._deliveries: list[Delivery] = []
        self._many = MANY
        desk.teller.tell(Filling, position=self._barrier.position)

    def take_over(self, event: ServerSentEvent) -> None:
        """One of them: it waits for a handler, unless it is done already."""
        desk, barrier = self._desk, self._barrier
        self._count += 1
        delivery = self._delivery_of(event)
        with desk.holding.lock:
            ledger = desk.ledger
            is_duplicate = ledger.recent.is_duplicate(identified(event))
            if delivery.is_placed and ledger.is_done_ahead(delivery.key):
                barrier.keys.append(delivery.key)
                return
        if not is_duplicate:
            self._deliveries.append(delivery)
            if len(self._deliveries) >= self._many:
                self._many = 2 * self._left() + MANY
            desk.add(delivery)

    def _delivery_of(self, event: ServerSentEvent) -> Delivery:
        position = self._barrier.position
        if event.id:
            return Delivery(event, position, key=f"{self._kind}:{event.id}")
        return Delivery(event, position, self._count)

    @property
    def is_done(self) -> bool:
        """Whether all that came are handled."""
        return not self._left()

    def _left(self) -> int:
        """How many are not."""
        self._deliveries = [d for d in self._deliveries if not self._is_settled(d)]
        return len(self._deliveries)

    def _is_settled(self, delivery: Delivery) -> bool:
        if delivery.is_done and delivery.is_ahead:
            self._barrier.keys.append(delivery.key)
        return delivery.is_done

    def end(self) -> None:
        """The feed goes on, and may be committed; unless something is left."""
        desk = self._desk
        if not self.is_done:
            return
        with desk.holding.lock:
            desk.ledger.lift(self._barrier)
        desk.teller.tell(Filled, position=self._barrier.position, events=self._count)


@contextmanager
def closed_after(events: Any) -> Iterator[Any]:
    """What a backfill gives; a generator that is left before its end is closed."""
    try:
        yield events
    finally:
        if isinstance(events, Generator):
            events.close()


async def as_async(events: Any) -> AsyncGenerator[ServerSentEvent, None]:
    """What a backfill gives, of either kind, or once that is awaited."""
    given = await events if hasattr(events, "__await__") else events
    if hasattr(given, "__aiter__"):
        try:
            async for event in given:
                yield event
        finally:
            if isinstance(given, AsyncGenerator):
                await given.aclose()
    elif given is not None:
        with closed_after(given):
            for event in given:
                yield event
