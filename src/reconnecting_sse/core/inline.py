"""A decoder for subscriptions: what else a stream brings, in its place among events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.decoder import EventStreamDecoder

if TYPE_CHECKING:
    from collections.abc import Callable


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
        self._block.passes_over = passes_over

    def _hearer(self, items: list[Any]) -> Callable[[Any], object]:
        return items.append
