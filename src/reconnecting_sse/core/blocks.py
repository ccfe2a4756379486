"""Whole blocks of any kind, read one by one.

Whatever a server sends, a byte of it costs at most ten times what one of an ordinary
stream does: here are those that no regular expression knows, of a few bytes mostly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.fastpath import ReadBlocks
from reconnecting_sse.core.fields import (
    INITIALS,
    INITIALS_HEARD,
    comments_in,
    milliseconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# From here on the comments of a block are split off together: half the time.
_LONG_BLOCK = 64

# Without __init__, which takes a third of the time of an event of six bytes.
_new = ServerSentEvent.__new__


def read_blocks(  # noqa: C901, PLR0912  (in one: a call for each block takes a quarter)
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
    values: list[str] = []
    is_heard = initials is INITIALS_HEARD
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    for block in text.split("\n\n"):
        name = retry = None
        wanted = initials
        if is_heard and len(block) > _LONG_BLOCK:
            for comment in comments_in(block):
                hear(comment)
            wanted = INITIALS
        for line in block.split("\n") if "\n" in block else (block,):
            if line[0] not in wanted:
                continue
            field, _, value = line.partition(":")
            if value and value[0] == " ":
                value = value[1:]
            if field == "data":
                values.append(value)
            elif field == "id":
                if "\0" not in value:
                    last_event_id = value
            elif field == "event":
                name = value
            elif field == "retry":
                retry = milliseconds(value, retry)
            elif not field:
                hear(value)
        if retry is not None:
            retry_ms = retry
        if values:
            event = _new(ServerSentEvent)
            event.event = name or "message"
            event.data = "\n".join(values)
            values = []
            event.id = last_event_id
            event.retry = retry
            events.append(event)
    return ReadBlocks([], last_event_id, retry_ms, b"")
