"""Whole blocks of any kind, read one by one.

Whatever a server sends, a byte of it costs at most ten times what one of an ordinary
stream does: here are those that no regular expression knows, of a few bytes mostly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.fastpath import ReadBlocks
from reconnecting_sse.core.fields import Fields, fields_in

if TYPE_CHECKING:
    from collections.abc import Callable

# Without __init__, which takes a third of the time of an event of six bytes.
_new = ServerSentEvent.__new__


class _Known(dict[str, Fields]):
    """What blocks say: the smaller they are, the more of them are the same."""

    def __init__(self, initials: frozenset[str]) -> None:
        super().__init__()
        self._initials = initials

    def __missing__(self, block: str) -> Fields:
        fields = self[block] = fields_in(block, self._initials)
        return fields


def read_blocks(
    text: str,
    last_event_id: str,
    initials: frozenset[str],
    hear: Callable[[str], object],
    events: list[ServerSentEvent],
) -> ReadBlocks:
    """Read blocks with a blank line, or several, between each two.

    Args:
        text: The blocks; a blank line is neither before nor behind them.
        last_event_id: The ID in force before them.
        initials: What lines that are looked at begin with.
        hear: Called with each comment, if those are.
        events: Where to put the events of the blocks.
    """
    retry_ms: int | None = None
    append, known = events.append, _Known(initials)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    blocks = text.split("\n\n")
    for new_id, name, data, retry, comments in map(known.__getitem__, blocks):
        if comments:
            for comment in comments:
                hear(comment)
        if new_id is not None:
            last_event_id = new_id
        if retry is not None:
            retry_ms = retry
        if data is not None:
            event = _new(ServerSentEvent)
            event.event = name or "message"
            event.data = data
            event.id = last_event_id
            event.retry = retry
            append(event)
    return ReadBlocks([], last_event_id, retry_ms, b"")
