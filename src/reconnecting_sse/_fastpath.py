"""Blocks of the usual shape, read many at a time.

Most streams are thousands of blocks with an ID, a type and one line of data. One
regular expression reads them, and hands back everything from the first block on that
is not so simple. Measured in chunks of 64 KiB: 0.65 µs for an event of three fields,
against 2.4 µs line by line; 0.46 against 1.1 µs for data alone.
"""

from __future__ import annotations

import re

from httpxr.sse import ServerSentEvent

# The conditional allows one data line in a block. What is not matched here, among it
# an empty value, a NUL in an ID, ``retry`` and unknown fields, is left to the rest.
# At most 16 lines, so that what the engine remembers for going back stays small. Only
# character classes repeat possessively: some releases of Python 3.11 to 3.13 go wrong
# where a group that captures does.
_BLOCK_OR_REST = re.compile(
    r"""
    (?: (?(1) (?!) | data: [ ]?+ ([^\n]++) \n )
      | event: [ ]?+ ([^\n]++) \n
      | id: [ ]?+ ([^\n\0]++) \n
      | : [^\n]*+ \n
    ){0,16} \n++
    | ([\s\S]++)
    """,
    re.VERBOSE,
)


def read_simple_blocks(
    lines: bytes, last_event_id: str
) -> tuple[list[ServerSentEvent], str, bytes]:
    """The events of the blocks before the first that is not simple, and what is left.

    Args:
        lines: Whole lines that end with LF, the first of which begins a block.
        last_event_id: The ID in force before them.

    Returns:
        The events, the ID in force after them, and the lines not read.
    """
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        return [], last_event_id, lines
    events: list[ServerSentEvent] = []
    blocks = _BLOCK_OR_REST.findall(text)
    for data, event, new_id, _ in blocks:
        if new_id:
            last_event_id = new_id
        if data:
            events.append(ServerSentEvent(event, data, last_event_id))
    rest: str = blocks[-1][3] if blocks else ""
    return events, last_event_id, rest.encode()
