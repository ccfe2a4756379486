"""A decoder for subscriptions: what else a stream brings, in its place among events."""

from __future__ import annotations

from typing import Any

from reconnecting_sse.core.decoder import EventStreamDecoder


class InlineDecoder(EventStreamDecoder):
    """Gives comments as texts, and an error for each event that is passed over.

    They come from ``feed`` among the events, in the order of the stream.

    Args:
        last_event_id: The ID in force before the stream's first block.
        max_event_bytes: As for its base.
        hears: Whether comments are wanted.
        passes_over: Whether an event that grows too large is passed over, and not
            raised. Its ID counts, as that of any block without an event.
    """

    def __init__(
        self,
        last_event_id: str,
        *,
        max_event_bytes: int | None,
        hears: bool,
        passes_over: bool,
    ) -> None:
        super().__init__(last_event_id, max_event_bytes=max_event_bytes)
        self._hears = hears
        self._passes_over = passes_over
        self._is_passing = False

    def _hear(self, comment: str, items: list[Any]) -> None:
        items.append(comment)

    def _overflow(self, items: list[Any]) -> None:
        if not self._passes_over:
            super()._overflow(items)
        if not self._is_passing:
            self._is_passing = True
            items.append(self._too_large())
        self._data.clear()
        self._event = b""

    def _is_within_block(self) -> bool:
        return self._is_passing or super()._is_within_block()

    def _end_block(self, items: list[Any]) -> None:
        if self._is_passing:
            self._data.clear()
        super()._end_block(items)

    def _forget_block(self) -> None:
        super()._forget_block()
        self._is_passing = False
