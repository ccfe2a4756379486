"""Bytes in, events out: WHATWG HTML, section 9.2.6, over bytes cut anywhere.

Everything is decided line by line, on bytes: all that structures a stream is ASCII, so
decoding a value alone gives what decoding the whole stream would have given. Of the
line whose end has not arrived only what can still matter is held: all of a field, the
first bytes of anything else.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.block import Block, has_long_line
from reconnecting_sse.core.blocks import read_blocks
from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.fastpath import read_simple_blocks
from reconnecting_sse.core.fields import (
    COMMENT_BYTES,
    INITIALS,
    INITIALS_HEARD,
    text_of,
    value_of,
    with_short_comments,
)
from reconnecting_sse.core.newlines import Newlines

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.fastpath import ReadBlocks

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""How large one event may be unless the caller says otherwise."""

_FIELD_STARTS = (b"data:", b"event:", b"id:", b"retry:")
# With this many bytes of a line it is known whether it is one of the fields.
_TELLING_BYTES = max(map(len, _FIELD_STARTS))
# The colon, the space after it, and one byte to tell a comment that was cut.
_COMMENT_LINE_BYTES = COMMENT_BYTES + 3

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
        self._on_comment = on_comment or str  # which is called with none, then
        self._hears = on_comment is not None
        self._newlines = Newlines()
        # It grows in place: joining bytes anew for each chunk would be quadratic.
        self._line = bytearray()
        # How many bytes a huge data line began with before its value, which is in
        # the data already; 0 outside of one. Held twice, it would cost twice.
        self._data_prefix = 0
        self._block = Block(self._limit)

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Decode the next bytes and return the events they complete.

        Chunks may be cut anywhere, even inside a character or a CR LF.

        Raises:
            EventTooLarge: The unfinished event outgrew ``max_event_bytes``. Events
                completed before it in the same chunk are returned first, and the next
                call raises; so does every later one.
        """
        if self.has_overflowed:
            raise self._block.too_large()
        events: list[ServerSentEvent] = []
        try:
            self._decode(chunk, events)
        except EventTooLarge:
            self.has_overflowed = True
            self._line.clear()
            self._data_prefix = 0
            self._tell(events)
            self._block.forget()
            if not events:
                raise
        return events

    @property
    def unfinished_bytes(self) -> int:
        """How many bytes are held of an event that has not ended."""
        line = self._line
        may_be_field = any(s.startswith(line[: len(s)]) for s in _FIELD_STARTS)
        return self._block.size + len(line) * may_be_field

    # What the bytes amount to is a list of events; a subclass may add other items.

    def _decode(self, chunk: bytes, items: list[Any]) -> None:
        chunk = self._newlines.feed(chunk)
        if self._data_prefix:
            chunk = self._after_data_line(chunk, items)
        end = chunk.rfind(b"\n") + 1
        if end:
            lines = self._completed(chunk, end) if self._line else chunk[:end]
            self._read_lines(lines, items)
        if end < len(chunk):
            self._hold(chunk[end:], items)

    def _after_data_line(self, chunk: bytes, items: list[Any]) -> bytes:
        """What follows the end of the huge data line, if that is in the chunk."""
        end = chunk.find(b"\n")
        line_end = len(chunk) if end < 0 else end
        if not self._has_room(self._data_prefix + line_end, items):
            self._data_prefix = 0
            return chunk
        if end < 0:
            self._block.data += chunk
            return b""
        self._block.data += memoryview(chunk)[: end + 1]  # with its LF, as each line
        self._data_prefix = 0
        return chunk[end + 1 :]

    def _completed(self, chunk: bytes, end: int) -> bytes:
        """The lines that end in the chunk, the first of which began before it."""
        self._line.extend(memoryview(chunk)[:end])
        lines = bytes(self._line)
        self._line.clear()
        return lines

    def _read_lines(self, lines: bytes, items: list[Any]) -> None:
        if self._block.is_begun:
            lines = self._after_block(lines, items)
        if self._may_be_simple(lines):
            simple = read_simple_blocks(lines, self.last_event_id)
            items += simple.events
            lines = self._take(simple)
        if lines:
            self._read_any_lines(lines, items)

    def _may_be_simple(self, lines: bytes) -> bool:
        """Whether the fast path may read them, and is likely to be fast."""
        # Where the lines together fit, none of the events among them is too large.
        if len(lines) > self._limit or has_long_line(lines):
            return False
        return not self._hears or not (lines.startswith(b":") or b"\n:" in lines)

    def _read_any_lines(self, lines: bytes, items: list[Any]) -> None:
        is_large = not self._block.fits(lines)
        if is_large or has_long_line(lines):
            lines = self._after_long_lines(lines, items, is_large=is_large)
        whole, _, begun = lines.rpartition(b"\n\n")
        if whole := whole.strip(b"\n"):
            self._read_blocks(whole, items)
        if begun := begun.lstrip(b"\n"):
            self._read_begun(begun, items)

    def _read_blocks(self, blocks: bytes, items: list[Any]) -> None:
        cursor, hear, initials = self.last_event_id, self._hearer(items), INITIALS
        if self._hears:
            blocks, initials = with_short_comments(blocks), INITIALS_HEARD
        self._take(read_blocks(text_of(blocks), cursor, initials, hear, items))

    def _take(self, blocks: ReadBlocks) -> bytes:
        """The lines that were not read, once what was is taken."""
        self.last_event_id = blocks.last_event_id
        if blocks.retry_ms is not None:
            self.retry_ms = blocks.retry_ms
        return blocks.rest

    # ------------------------------------------------------------------ the last block

    def _after_block(self, lines: bytes, items: list[Any]) -> bytes:
        """What follows the end of the block that has begun, if that is in the lines."""
        if not lines.startswith(b"\n"):
            more, blank_line, lines = lines.partition(b"\n\n")
            self._read_begun(more + blank_line[:1], items)
            if not blank_line:
                return b""
        self._end_block(items)
        return lines.removeprefix(b"\n")

    def _after_long_lines(
        self, lines: bytes, items: list[Any], *, is_large: bool
    ) -> bytes:
        """What follows the blocks with long lines, or nothing if one may be too large.

        Lines are found faster in one go than blocks, where they are long.
        """
        left = BytesIO(lines)
        for line in left:
            if line != b"\n":
                self._block.read_line(line[:-1], hears=self._hears)
                continue
            self._end_block(items)
            if not (is_large or has_long_line(lines, left.tell())):
                break
        self._tell(items)
        return left.read()

    def _read_begun(self, lines: bytes, items: list[Any]) -> None:
        """Read lines of the block whose blank line has not come."""
        self._block.read(lines, hears=self._hears)
        self._tell(items)

    def _end_block(self, items: list[Any]) -> None:
        self._tell(items)
        block = self._block
        if block.id is not None:
            self.last_event_id = text_of(block.id)
        event = block.event(self.last_event_id)
        if event is not None:
            items.append(event)
        block.forget()

    def _tell(self, items: list[Any]) -> None:
        """Make known what does not await the end of its block."""
        block = self._block
        if block.retry is not None:
            self.retry_ms = block.retry
        asides, block.asides = block.asides, []
        hear = self._hearer(items)
        for aside in asides:
            hear(aside)

    def _hearer(self, items: list[Any]) -> Callable[[Any], object]:  # noqa: ARG002  (a subclass's)
        return self._on_comment

    # ------------------------------------------------------------------ the last line

    def _hold(self, piece: bytes, items: list[Any]) -> None:
        """Keep what may matter of a line that has not ended.

        The first bytes of a line that is neither a field nor a wanted comment are
        enough to ignore it once it ends.
        """
        start = self._line[:_TELLING_BYTES] + piece[:_TELLING_BYTES]
        if start.startswith(_FIELD_STARTS):
            if not self._has_room(len(self._line) + len(piece), items):
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
        self._block.data += value
        self._line.clear()

    def _has_room(self, line_bytes: int, items: list[Any]) -> bool:
        """Whether the line that has not ended may be held; else it is passed over."""
        has_room = self._block.has_room(line_bytes)
        if not has_room:
            self._line[:] = _IGNORED
            self._tell(items)
        return has_room
