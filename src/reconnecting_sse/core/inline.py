"""A decoder for subscriptions: what else a stream brings, in its place among events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.fields import lines_of
from reconnecting_sse.core.recent import identified

if TYPE_CHECKING:
    from collections.abc import Callable


class InlineDecoder(EventStreamDecoder):
    """Gives comments as texts, and an error for each event that is passed over.

    They come from ``feed`` among the events, in the order of the stream.

    Args:
        last_event_id: The ID in force before the stream's first block.
        max_event_bytes: As for its base.
        hears: Whether comments are wanted.
        identifies: Whether events that have an ID themselves are told from others, as
            ``IdentifiedEvent``: block by block, which takes longer.
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
        identifies: bool = False,
    ) -> None:
        super().__init__(last_event_id, max_event_bytes=max_event_bytes)
        self._hears = hears
        self._identifies = identifies
        self._block.passes_over = passes_over

    def _read_lines(self, lines: bytes, items: list[Any]) -> None:
        if not self._identifies:
            super()._read_lines(lines, items)
            return
        for line in lines_of(lines):
            if line:
                self._block.read_line(line, hears=self._hears)
            else:
                self._end_block(items)
        self._tell(items)

    def _end_block(self, items: list[Any]) -> None:
        has_id, count = self._block.id is not None, len(items)
        super()._end_block(items)
        if self._identifies and has_id and len(items) > count:
            last = items[-1]
            if isinstance(last, ServerSentEvent):
                items[-1] = identified(last)

    def _hearer(self, items: list[Any]) -> Callable[[Any], object]:
        return items.append
