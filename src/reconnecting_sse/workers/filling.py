"""Gaps: what was missed is handled from elsewhere, before the feed goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.deliveries import Delivery
from reconnecting_sse.core.recent import identified
from reconnecting_sse.core.work_facts import Filled, Filling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.deliveries import Barrier
    from reconnecting_sse.workers.desk import Desk


class Backfill:
    """One gap's events, on their way.

    Each has a key of its own: its ID, or else its number, and the position at the gap.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        with desk.holding.lock:
            self._barrier: Barrier = desk.ledger.barrier()
        self._deliveries: list[Delivery] = []
        desk.teller.tell(Filling, position=self._barrier.position)

    def take_over(self, event: ServerSentEvent) -> None:
        """One of them: it waits for a handler, unless it is done already."""
        desk, barrier = self._desk, self._barrier
        self._count += 1
        key = f"gap:{event.id or self._count}:{barrier.position}"
        with desk.holding.lock:
            ledger = desk.ledger
            if ledger.is_done_ahead(key):
                barrier.keys.append(key)
                return
            if event.id and ledger.recent.is_duplicate(identified(event)):
                return
        delivery = Delivery(event, barrier.position, key=key)
        self._deliveries.append(delivery)
        desk.add(delivery)

    @property
    def is_done(self) -> bool:
        """Whether all that came are handled."""
        self._deliveries = [d for d in self._deliveries if not self._is_settled(d)]
        return not self._deliveries

    def _is_settled(self, delivery: Delivery) -> bool:
        if delivery.is_done and delivery.is_ahead:
            self._barrier.keys.append(delivery.key)
        return delivery.is_done

    def lift(self) -> None:
        """The feed goes on, and may be committed."""
        desk = self._desk
        with desk.holding.lock:
            desk.ledger.lift(self._barrier)
        desk.teller.tell(Filled, position=self._barrier.position, events=self._count)


async def as_async(events: Any) -> AsyncIterator[ServerSentEvent]:
    """What a backfill gives, of either kind, or once that is awaited."""
    given = await events if hasattr(events, "__await__") else events
    if hasattr(given, "__aiter__"):
        async for event in given:
            yield event
    elif given is not None:
        for event in given:
            yield event
