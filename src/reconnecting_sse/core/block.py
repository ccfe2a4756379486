"""The block whose blank line has not come: what its lines have said so far."""

from __future__ import annotations

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.fields import (
    INITIALS,
    comments_in,
    fields_in,
    lines_of,
    text_of,
    value_of,
    with_short_comments,
)

_FIELDS = frozenset({b"data", b"event", b"id", b"retry"})

# Where the data of most streams is, and how long a line must be for cutting it out to
# be faster than walking over it.
_LONG_LINE_FROM, _LONG_LINE = 64, 4096


def has_long_line(lines: bytes, at: int = 0) -> bool:
    """Whether there is a long line soon: it is better read by itself."""
    return lines.find(b"\n", at + _LONG_LINE_FROM) >= at + _LONG_LINE


class Block:
    """Collects lines, as bytes: no more is held than they have.

    Attributes:
        data: The value of each data line, with its LF.
        id: The last ID, or None.
        retry: The last valid ``retry``, or None.
        asides: Comments, and the error of an event that is passed over, which nobody
            took yet.
        passes_over: Whether an event that is too large is passed over, and not raised.
    """

    __slots__ = (
        *("_event", "_is_passing", "_limit"),
        *("asides", "data", "id", "passes_over", "retry"),
    )

    def __init__(self, max_event_bytes: float) -> None:
        self._limit = max_event_bytes
        self.passes_over: bool = False
        # It grows in place: joining bytes anew for each chunk would be quadratic.
        self.data: bytearray = bytearray()
        self.asides: list[str | EventTooLarge] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.data.clear()
        self._event = b""
        self._is_passing = False
        self.id: bytes | None = None
        self.retry: int | None = None

    @property
    def is_begun(self) -> bool:
        """Whether a field has come that says something."""
        has_id_or_retry = self.id is not None or self.retry is not None
        return has_id_or_retry or bool(self.data or self._event or self._is_passing)

    # ------------------------------------------------------------------ its size

    def fits(self, lines: bytes) -> bool:
        """Whether no event can be too large among lines that begin a block."""
        if len(lines) <= self._limit:
            return True
        return max(map(len, lines.split(b"\n\n"))) <= self._limit

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return len(self.data) + len(self._event) + len(self.id or b"")

    def has_room(self, line_bytes: int) -> bool:
        """Whether there is room for a line; without it the event is passed over.

        Raises:
            EventTooLarge: Or that, unless it is to be passed over.
        """
        if self.size + line_bytes <= self._limit:
            return True
        if not self.passes_over:
            raise self.too_large()
        if not self._is_passing:
            self._is_passing = True
            self.asides.append(self.too_large())
        self.data.clear()
        self._event = b""
        return False

    def too_large(self) -> EventTooLarge:
        """The error for an event that is."""
        return EventTooLarge(
            f"one event is larger than {self._limit} bytes; if the server means to send"
            " such events, raise max_event_bytes="
        )

    # ------------------------------------------------------------------ its lines

    def read(self, lines: bytes, *, hears: bool) -> None:
        """Read whole lines, none of which is blank.

        Raises:
            EventTooLarge: The event is larger than it may be.
        """
        if self.size + len(lines) <= self._limit and not has_long_line(lines):
            self._read_together(lines.removesuffix(b"\n"), hears=hears)
        else:
            for line in lines_of(lines):
                self.read_line(line, hears=hears)

    def read_line(self, line: bytes, *, hears: bool) -> None:
        """As ``read``, one line without its LF, of any length."""
        colon = line.find(b":")
        name = line if colon < 0 else line[:colon]
        if name in _FIELDS and not self.has_room(len(line)):
            return
        if name == b"data":
            self.data += value_of(line, len(name))
            self.data += b"\n"
        elif name in _FIELDS or not name:
            self._read_together(line, hears=hears)

    def _read_together(self, lines: bytes, *, hears: bool) -> None:
        if hears and (lines.startswith(b":") or b"\n:" in lines):
            comments = comments_in(text_of(with_short_comments(lines)))
            self.asides += comments
            if len(comments) > lines.count(b"\n"):  # there is nothing else
                return
        # A character for each byte, whatever they are.
        text = lines.decode("latin-1")
        new_id, event, data, retry, _ = fields_in(text, INITIALS)
        if new_id is not None:
            self.id = new_id.encode("latin-1")
        if event is not None:
            self._event = event.encode("latin-1")
        if data is not None:
            self.data += data.encode("latin-1")
            self.data += b"\n"
        if retry is not None:
            self.retry = retry

    # ------------------------------------------------------------------ its end

    def event(self, last_event_id: str) -> ServerSentEvent | None:
        """The event that it is, if it is one."""
        if not self.data or self._is_passing:
            return None
        # Every data line has appended an LF; the last one is not part of the data.
        self.data.pop()
        data = text_of(self.data)
        return ServerSentEvent(text_of(self._event), data, last_event_id, self.retry)
