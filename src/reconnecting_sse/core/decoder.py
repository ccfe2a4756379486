"""Bytes in, events out: WHATWG HTML, section 9.2.6, over bytes cut anywhere.

Everything is decided line by line, on bytes: all that structures a stream is ASCII, so
decoding a value alone gives what decoding the whole stream would have given. Of the
line whose end has not arrived only what can still matter is held: all of a field, the
first bytes of anything else.
"""

from __future__ import annotations

import codecs
import math
from typing import TYPE_CHECKING, Any

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.fastpath import read_simple_blocks
from reconnecting_sse.core.fields import (
    COMMENT_BYTES,
    comment_text,
    lines_of,
    milliseconds,
    text_of,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""How large one event may be unless the caller says otherwise."""

_FIELDS = (b"data", b"event", b"id", b"retry")
_FIELD_STARTS = tuple(name + b":" for name in _FIELDS)
# With this many bytes of a line it is known whether it is one of the fields.
_TELLING_BYTES = max(map(len, _FIELD_STARTS))
# The colon, the space after it, and one byte to tell a comment that was cut.
_COMMENT_LINE_BYTES = COMMENT_BYTES + 3

# Where the data of most streams is, and how long a line must be for cutting it out to
# be faster than walking over it with a regular expression.
_LONG_LINE_FROM, _LONG_LINE = 64, 4096

# From here on the beginning of a data line is not held apart from the data.
_HUGE_LINE = 16384

# As a line's beginning it makes it one that is neither a field nor a comment.
_IGNORED = b"-"


class EventStreamDecoder:
    """Turns the bytes of one event stream into events, as the standard says.

    It does no I/O and belongs to one stream: a new connection needs a new one. An
    event that the stream's end leaves unfinished is discarded with the decoder. Time
    is linear in the bytes fed, and no more is held than one unfinished event.

    Args:
        last_event_id: The ID in force before the stream's first block.
        max_event_bytes: How many bytes the unfinished event may hold; None lifts the
            limit. Comments and unknown fields do not count.
        on_comment: Called with the text of each comment when its line has ended, in
            order, before ``feed`` returns; of one comment with its first 64 KiB at
            most. What it raises passes through ``feed``, and ends the stream's use.

    Attributes:
        last_event_id: The ID in force after the last blank line.
        retry_ms: The reconnection time from the last valid ``retry``, None before one;
            larger than 10**100 counts as 10**100.
        has_overflowed: Whether the next call raises, as an event grew too large.
    """

    def __init__(
        self,
        last_event_id: str = "",
        *,
        max_event_bytes: int | None = MAX_EVENT_BYTES,
        on_comment: Callable[[str], object] | None = None,
    ) -> None:
        self.last_event_id: str = last_event_id
        self.retry_ms: int | None = None
        self._limit = math.inf if max_event_bytes is None else max_event_bytes
        self.has_overflowed: bool = False
        self._on_comment = on_comment
        self._hears = on_comment is not None
        # A BOM cut short at the very start; None once the stream has begun.
        self._start: bytes | None = b""
        self._is_after_cr = False
        # Both grow in place: joining bytes anew for each chunk would be quadratic.
        self._line = bytearray()
        self._data = bytearray()
        # How many bytes a huge data line began with before its value, which is in
        # the data already; 0 outside of one. Held twice, it would cost twice.
        self._data_prefix = 0
        self._event = b""
        self._id: bytes | None = None
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Decode the next bytes and return the events they complete.

        Chunks may be cut anywhere, even inside a character or a CR LF.

        Raises:
            EventTooLarge: The unfinished event outgrew ``max_event_bytes``. Events
                completed before it in the same chunk are returned first, and the next
                call raises; so does every later one.
        """
        if self.has_overflowed:
            raise self._too_large()
        events: list[ServerSentEvent] = []
        try:
            self._decode(chunk, events)
        except EventTooLarge:
            self.has_overflowed = True
            self._line.clear()
            self._forget_block()
            if not events:
                raise
        return events

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes are held of an event that has not ended."""
        held = len(self._data) + len(self._event) + len(self._id or b"")
        line = self._line
        may_be_field = any(s.startswith(line[: len(s)]) for s in _FIELD_STARTS)
        return held + len(line) * may_be_field

    # What the bytes amount to is a list of events; a subclass may add other items.

    def _decode(self, chunk: bytes, items: list[Any]) -> None:
        chunk = self._with_lf(chunk)
        if self._data_prefix:
            chunk = self._after_data_line(chunk, items)
        end = chunk.rfind(b"\n") + 1
        if end:
            self._read_lines(self._completed(chunk, end), items)
        if end < len(chunk):
            self._hold(chunk[end:], items)

    def _after_data_line(self, chunk: bytes, items: list[Any]) -> bytes:
        """What follows the end of the huge data line, if that is in the chunk."""
        end = chunk.find(b"\n")
        line_end = len(chunk) if end < 0 else end
        if not self._fits(self._data_prefix + line_end, items):
            self._data_prefix = 0
            self._line[:] = _IGNORED
            return chunk
        if end < 0:
            self._data.extend(chunk)
            return b""
        self._data.extend(memoryview(chunk)[: end + 1])  # with its LF, as each line
        self._data_prefix = 0
        return chunk[end + 1 :]

    def _completed(self, chunk: bytes, end: int) -> bytes:
        """The lines that end in the chunk, the first one whole."""
        if not self._line:
            return chunk[:end]
        self._line.extend(memoryview(chunk)[:end])
        lines = bytes(self._line)
        self._line.clear()
        return lines

    def _read_lines(self, lines: bytes, items: list[Any]) -> None:
        # Where the lines together fit, none of the events among them is too large.
        if len(lines) <= self._limit and self._may_be_simple(lines):
            if self._is_within_block():
                block, blank_line, lines = lines.partition(b"\n\n")
                self._read_line_by_line(block + blank_line, items)
            simple = read_simple_blocks(lines, self.last_event_id)
            items += simple.events
            self.last_event_id, lines = simple.last_event_id, simple.rest
            if simple.retry_ms is not None:
                self.retry_ms = simple.retry_ms
        if lines:
            self._read_line_by_line(lines, items)

    def _may_be_simple(self, lines: bytes) -> bool:
        """Whether the fast path may read them, and is likely to be fast."""
        if lines.find(b"\n", _LONG_LINE_FROM) >= _LONG_LINE:
            return False
        return not self._hears or not (lines.startswith(b":") or b"\n:" in lines)

    def _read_line_by_line(self, lines: bytes, items: list[Any]) -> None:
        for line in lines_of(lines):
            if line:
                self._interpret(line, items)
            else:
                self._end_block(items)

    def _is_within_block(self) -> bool:
        has_id_or_retry = self._id is not None or self._retry is not None
        return has_id_or_retry or bool(self._data or self._event)

    def _with_lf(self, chunk: bytes) -> bytes:
        """The chunk without BOM, and every line end in it an LF."""
        if self._start is not None:
            chunk = self._without_bom(self._start + chunk)
        if self._is_after_cr and chunk:
            # 9.2.5: the CR has ended its line already; an LF is the rest of CR LF.
            chunk = chunk.removeprefix(b"\n")
            self._is_after_cr = False
        if b"\r" in chunk:
            self._is_after_cr = chunk.endswith(b"\r")
            without = chunk.replace(b"\r", b"")
            # Counting the pairs and removing the CRs is faster than replacing pairs.
            if chunk.count(b"\r\n") == len(chunk) - len(without):
                return without
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _without_bom(self, start: bytes) -> bytes:
        if start != codecs.BOM_UTF8 and codecs.BOM_UTF8.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(codecs.BOM_UTF8)

    def _hold(self, piece: bytes, items: list[Any]) -> None:
        """Keep what may matter of a line that has not ended.

        The first bytes of a line that is neither a field nor a wanted comment are
        enough to ignore it once it ends.
        """
        start = self._line[:_TELLING_BYTES] + piece[:_TELLING_BYTES]
        if start.startswith(_FIELD_STARTS):
            if not self._fits(len(self._line) + len(piece), items):
                self._line[:] = _IGNORED
                return
            self._line.extend(piece)
            if start.startswith(b"data:") and len(self._line) >= _HUGE_LINE:
                self._begin_data_line()
            return
        is_wanted = self._hears and start.startswith(b":")
        room = _COMMENT_LINE_BYTES if is_wanted else _TELLING_BYTES
        self._line.extend(piece[: max(0, room - len(self._line))])

    def _begin_data_line(self) -> None:
        """What is held begins a huge data line: its value goes to the data."""
        value = value_of(self._line, len(b"data"))
        self._data_prefix = len(self._line) - len(value)
        self._data.extend(value)
        self._line.clear()

    def _fits(self, line_bytes: int, items: list[Any]) -> bool:
        held = len(self._data) + len(self._event) + len(self._id or b"")
        if held + line_bytes <= self._limit:
            return True
        self._overflow(items)
        return False

    def _overflow(self, items: list[Any]) -> None:  # noqa: ARG002  (a subclass's)
        raise self._too_large()

    def _too_large(self) -> EventTooLarge:
        return EventTooLarge(
            f"one event is larger than {self._limit} bytes; if the server means to send"
            " such events, raise max_event_bytes= (None lifts the limit)"
        )

    def _interpret(self, line: bytes, items: list[Any]) -> None:
        colon = line.find(b":")
        name = line[:colon] if colon >= 0 else line
        if name in _FIELDS:
            if self._fits(len(line), items):
                self._set(name, value_of(line, len(name)))
        elif not name and self._hears:
            self._hear(comment_text(value_of(line, 0)), items)

    def _hear(self, comment: str, items: list[Any]) -> None:  # noqa: ARG002  (as above)
        assert self._on_comment is not None
        self._on_comment(comment)

    def _set(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data.extend(value)
            self._data.extend(b"\n")
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if b"\0" not in value:
                self._id = value
        elif value.isdigit():  # of bytes: ASCII digits, and at least one
            self.retry_ms = self._retry = milliseconds(value)

    def _end_block(self, items: list[Any]) -> None:
        if self._id is not None:
            self.last_event_id = text_of(self._id)
        if self._data:
            # Every data line has appended an LF; the last one is not part of the data.
            self._data.pop()
            data = text_of(self._data)
            name, last_event_id = text_of(self._event), self.last_event_id
            items.append(ServerSentEvent(name, data, last_event_id, self._retry))
        self._forget_block()

    def _forget_block(self) -> None:
        self._data.clear()
        self._data_prefix = 0
        self._event = b""
        self._id = None
        self._retry = None
