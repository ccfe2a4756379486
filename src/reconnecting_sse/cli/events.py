"""How an event looks on stdout."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"

# What could command a terminal (C0 but TAB, DEL, C1), end a line, or turn the writing
# direction around.
_UNSAFE = (
    *(c for c in range(0x20) if chr(c) != "\t"),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_ESCAPES = {c: f"\\x{c:02x}" if c < 0x100 else f"\\u{c:04x}" for c in _UNSAFE}  # noqa: PLR2004


def escaped(text: str) -> str:
    """The text as one line that is safe to show on a terminal."""
    return text.translate(_ESCAPES)


def as_text(event: ServerSentEvent, *, colour: bool = False) -> str:
    """The event for a reader: one line for each line of its data."""
    head = f"{time.strftime('%H:%M:%S')} {escaped(event.event)}"
    if event.id:
        head += f" id={escaped(event.id)}"
    first, *others = (escaped(line) for line in event.data.split("\n"))
    margin = " " * len(head)
    if colour:
        head = f"{_DIM}{head}{_PLAIN}"
    return "\n".join([f"{head}: {first}", *(f"{margin}| {line}" for line in others)])


def as_json(event: ServerSentEvent) -> str:
    """The event as a JSON object in ASCII; ``retry`` is there if it had one."""
    fields: dict[str, object]
    fields = {"id": event.id, "event": event.event, "data": event.data}
    if event.retry is not None:
        fields["retry"] = event.retry
    return json.dumps(fields).replace("\x7f", "\\u007f")
