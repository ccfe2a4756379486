"""Blocks of the usual shapes, read many at a time.

Most streams are thousands of blocks with an ID, a type and one line of data, in this
order: one regular expression reads them. Another takes over at the first block whose
order is different, or whose data has several lines, or with a ``retry`` or a comment.
Everything from the first block on that it does not know either is handed back.
Measured in chunks of 64 KiB, an event of three fields: 0.46 µs in order, 0.65 µs in
another order, 1.2 µs block by block, which is faster only for blocks of a few bytes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from httpxr.sse import ServerSentEvent

# Both find block after block, and then all of the rest at once. Values are not empty,
# and an ID has no NUL. Only character classes repeat possessively: some releases of
# Python 3.11 to 3.13 go wrong where a group that captures does.
_IN_ORDER = re.compile(
    r"""
    (?: id: [ ]?+ ([^\n\0]++) \n | )
    (?: event: [ ]?+ ([^\n]++) \n | )
    data: [ ]?+ ([^\n]++) \n
    \n++
    | ((?s:.++))
    """,
    re.VERBOSE,
)

# The conditional allows one run of data lines in a block. Each line of it but the first
# begins with "data: ", so that one replacement joins them. Comments after a block are
# passed over with it: alone, they would be the smallest of blocks. The counts are
# limited, so that what the engine remembers for going back stays small.
_IN_ANY_ORDER = re.compile(
    r"""
    (?: id: [ ]?+ ([^\n\0]++) \n
      | event: [ ]?+ ([^\n]++) \n
      | retry: [ ]?+ ([0-9]{1,9}+) \n
      | : [^\n]*+ \n
      | (?(4) (?!) | data: [ ]?+ ([^\n]++ (?: \n data: [ ] [^\n]*+ ){0,255}) \n )
    ){0,16} \n++ (?: : [^\n]*+ \n++ ){0,255}
    | ((?s:.++))
    """,
    re.VERBOSE,
)


# What the rest may begin with, and how small blocks are that it is too slow for.
_SAMPLE, _SMALL_BLOCK = 256, 12


class ReadBlocks(NamedTuple):
    """What came of the blocks that were read.

    Attributes:
        events: Their events.
        last_event_id: The ID in force after them.
        retry_ms: The last ``retry`` in them, or None.
        rest: The lines that were not read.
    """

    events: list[ServerSentEvent]
    last_event_id: str
    retry_ms: int | None
    rest: bytes


def read_simple_blocks(lines: bytes, last_event_id: str) -> ReadBlocks:
    """Read the blocks before the first that is not simple.

    Args:
        lines: Whole lines that end with LF, the first of which begins a block.
        last_event_id: The ID in force before them.
    """
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        return ReadBlocks([], last_event_id, None, lines)
    events: list[ServerSentEvent] = []
    blocks = _IN_ORDER.findall(text)
    for new_id, event, data, _ in blocks:
        if new_id:
            last_event_id = new_id
        if data:
            events.append(ServerSentEvent(event, data, last_event_id))
    rest = blocks[-1][3] if blocks else ""
    if not rest:
        return ReadBlocks(events, last_event_id, None, b"")
    if rest.count("\n\n", 0, _SAMPLE) > _SAMPLE / _SMALL_BLOCK:
        return ReadBlocks(events, last_event_id, None, rest.encode())
    more = _read_in_any_order(rest, last_event_id)
    return more._replace(events=events + more.events)


def _read_in_any_order(text: str, last_event_id: str) -> ReadBlocks:
    events: list[ServerSentEvent] = []
    retry_ms: int | None = None
    blocks = _IN_ANY_ORDER.findall(text)
    for new_id, event, retry, data, _ in blocks:
        if new_id:
            last_event_id = new_id
        own_retry = int(retry) if retry else None
        if retry:
            retry_ms = own_retry
        if data:
            joined = data.replace("\ndata: ", "\n") if "\n" in data else data
            events.append(ServerSentEvent(event, joined, last_event_id, own_retry))
    return ReadBlocks(events, last_event_id, retry_ms, blocks[-1][4].encode())
