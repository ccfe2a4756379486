"""Events in, bytes out: the decoder's inverse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.core.fields import RETRY_CEILING_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpxr.sse import ServerSentEvent

_ENDS_A_LINE = re.compile("[\r\n]")
_NO_ID = re.compile("[\r\n\0]")


def encode(event: ServerSentEvent) -> bytes:
    """The block that a decoder reads as this very event, blank line included.

    What an event without the field would have is left out: the type ``message``, no
    ``retry``, an empty ID. So one without an ID leaves the stream's last event ID in
    force: a client that has seen an earlier one gives it that.

    Raises:
        ValueError: No stream can carry the event: CR or LF in its ID or type, NUL in
            its ID, an empty type, CR in its data, half of a surrogate pair anywhere, or
            a ``retry`` that is not between 0 and 10**100. (WHATWG HTML, section 9.2.6.)
    """
    text = "".join(f"{name}: {value}\n" for name, value in _fields_of(event))
    return f"{text}\n".encode()


def _fields_of(event: ServerSentEvent) -> Iterator[tuple[str, str]]:
    if event.retry is not None:
        if not 0 <= event.retry <= RETRY_CEILING_MS or event.retry % 1:
            raise ValueError("retry is a whole number of ms, from 0 to 10**100")
        yield "retry", str(int(event.retry))
    if event.id:
        yield "id", _carried("id", event.id, _NO_ID)
    if event.event != "message":
        if not event.event:
            raise ValueError("an event of no type is read as one of the type 'message'")
        yield "event", _carried("event", event.event, _ENDS_A_LINE)
    if "\r" in event.data:
        raise ValueError(
            "data cannot have a CR: it is read as a line's end, thus as LF"
        )
    for line in _carried("data", event.data).split("\n"):
        yield "data", line


def _carried(field: str, value: str, refused: re.Pattern[str] | None = None) -> str:
    found = refused and refused.search(value)
    if found:
        raise ValueError(f"{field} cannot have {found[0]!r} in an event stream")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        message = f"{field} has half of a surrogate pair at {error.start}: not UTF-8"
        raise ValueError(message) from None
    return value
