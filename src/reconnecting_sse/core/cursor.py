"""Last event IDs as they are given, and as they travel."""

from __future__ import annotations

import re

# RFC 9110, section 5.5: a field value has no control character but TAB.
# Blanks around a value are not part of it: of nothing else nothing would be left.
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f]|^[ \t]+$")
_IMPOSSIBLE = re.compile("[\x00\r\n]")


def checked_id(last_event_id: str) -> str:
    """The caller's ID, if an event stream could ever have had it.

    Raises:
        ValueError: It has CR, LF or NUL, or a character that UTF-8 cannot encode.
    """
    if _IMPOSSIBLE.search(last_event_id):
        raise ValueError(
            f"the last event ID {last_event_id!r} has CR, LF or NUL, which no event"
            " stream's ID can have; pass the ID as the event gave it"
        )
    try:
        last_event_id.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the last event ID {last_event_id!r} cannot be encoded as UTF-8"
        ) from error
    return last_event_id


def is_sendable(last_event_id: str) -> bool:
    """Whether a header can carry the ID."""
    return not _UNSENDABLE.search(last_event_id)
