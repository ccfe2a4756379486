"""Last event IDs as they are given, and as they travel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.core.headers import has_control, header_text, named

if TYPE_CHECKING:
    from reconnecting_sse.core.headers import Fields

CARRIED_BYTES = 8000
"""How much of a position is sent: many servers take 8 KiB of a line, or of a head."""

_IMPOSSIBLE = re.compile("[\x00\r\n]")


def checked_id(last_event_id: str) -> str:
    """The caller's ID, if an event stream could ever have had it.

    Raises:
        ValueError: It has CR, LF or NUL, or a character that UTF-8 cannot encode.
    """
    shown = shortened(last_event_id)
    if _IMPOSSIBLE.search(last_event_id):
        raise ValueError(
            f"the last event ID {shown!r} has CR, LF or NUL, which no event"
            " stream's ID can have; pass the ID as the event gave it"
        )
    try:
        last_event_id.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the last event ID {shown!r} cannot be encoded as UTF-8"
        ) from error
    return last_event_id


@dataclass(frozen=True, slots=True)
class ByHeader:
    """How a position travels: as the value of this header field."""

    name: bytes

    def size(self, position: str) -> int:
        """How many bytes the header's line takes."""
        return len(self.name) + len(": ") + len(position.encode())

    def obstacle(self, position: str) -> str:
        """Why no header can carry it, whatever its length; empty if one can."""
        if has_control(position):
            return "the position has a control character: no header can carry it"
        # Blanks around a value are not part of it: of these nothing would be left.
        if position and not position.strip(" \t"):
            return "the position is nothing but blanks: no header can carry it"
        return ""

    def fields(self, position: str) -> Fields:
        """The position as it is sent; that of a feed's beginning is not."""
        return [(self.name, position.encode())] if position else []

    def position_in(self, fields: Fields) -> str | None:
        """The position that somebody has written among the fields, or None."""
        value = self.value_in(fields)
        return None if value is None else header_text(value)

    def value_in(self, fields: Fields) -> bytes | None:
        """The same, as it travels."""
        given = named(fields, self.name)
        return given[-1][1] if given else None


LAST_EVENT_ID = ByHeader(b"Last-Event-ID")
"""WHATWG HTML, section 9.2.4."""


@dataclass(frozen=True, slots=True)
class ByQuery:
    """How a position travels: as a parameter of the query, in the place of its own."""

    name: str

    def size(self, position: str) -> int:
        """How many bytes its value takes."""
        return len(quote_plus(position))

    def obstacle(self, position: str) -> str:  # noqa: ARG002
        """Nothing stands against it, but its length."""
        return ""


@dataclass(frozen=True, slots=True)
class ByUrl(ByQuery):
    """How a position travels: within the URL, where the template says {position}."""


@dataclass(frozen=True, slots=True)
class ByBody(ByQuery):
    """How a position travels: as a field of the JSON object that is the body."""

    def size(self, position: str) -> int:  # noqa: ARG002
        """A body may be long."""
        return 0


@dataclass(frozen=True, slots=True)
class ByFunction(ByBody):
    """How a position travels: as the caller's own function makes it."""


Way = ByHeader | ByQuery


@dataclass(frozen=True, slots=True)
class Carriage:
    """What can be sent of positions.

    Attributes:
        limit: How many bytes a header's line, or a query's value, may have.
        way: How a position travels.
    """

    limit: float = CARRIED_BYTES
    way: Way = LAST_EVENT_ID

    def can_carry(self, position: str) -> bool:
        """Whether it can be sent."""
        return not self.obstacle(position)

    def obstacle(self, position: str) -> str:
        """Why it cannot be sent; empty if it can."""
        obstacle = self.way.obstacle(position)
        if obstacle:
            return obstacle
        size = self.way.size(position)
        if size > self.limit:
            return (
                f"the position is too long to be sent: it makes {size} bytes, and"
                f" servers refuse a request with more than some {self.limit}"
            )
        return ""
