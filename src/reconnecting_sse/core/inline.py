"""A decoder for subscriptions: what else a stream brings, in its place among events."""

from __future__ import annotations

from typing import Any

from reconnecting_sse.core.decoder import EventStreamDecoder


class InlineDecoder(EventStreamDecoder):
    """Gives comments as texts, from ``feed`` and in their place among the events.

    Args:
        last_event_id: The ID in force before the stream's first block.
        max_event_bytes: As for its base.
        hears: Whether comments are wanted.
    """

    def __init__(
        self,
        last_event_id: str,
        *,
        max_event_bytes: int | None,
        hears: bool,
    ) -> None:
        super().__init__(last_event_id, max_event_bytes=max_event_bytes)
        self._hears = hears

    def _hear(self, comment: str, items: list[Any]) -> None:
        items.append(comment)
