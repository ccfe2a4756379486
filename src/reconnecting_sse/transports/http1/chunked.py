"""The chunked transfer coding (RFC 9112, section 7.1)."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpResponseParser

from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Callable

OVERHEAD_LIMIT = 16384
"""Bytes of framing in a row: extensions and trailers could go on for ever."""

# The parser wants a head. Its `close` makes another message behind the end an error.
_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"

# They complete a message within its trailers, and nothing else: no size begins so.
_TRAILERS_END = b"x:\r\n\r\n"


class Chunked(Payload):
    """A body in chunks: all payload of the bytes at hand, of many or of part of one."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._awaited = [True]
        self._overhead = 0
        self._ends_in_cr = False
        self._parser = _parser(self._parts.append, self._awaited.clear)

    def feed(self, data: bytes) -> bytes:
        self._parse(data)
        parts = self._parts
        if not parts:
            self._count(data)
            return b""
        self._overhead = 0
        payload = b"".join(parts)
        parts.clear()
        return payload

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            # Behind the end everything is one.
            if self._awaited:
                self.fault: Fault | None = Fault(f"its chunks are malformed ({error})")
        self.is_done: bool = not self._awaited
        if data:  # TLS may have come without any
            self._ends_in_cr = data.endswith(b"\r")

    def _count(self, data: bytes) -> None:
        self._overhead += len(data)
        if self._overhead > OVERHEAD_LIMIT and not self.is_done and not self.fault:
            self.fault = Fault(f"its chunks' framing exceeds {OVERHEAD_LIMIT} bytes")

    @property
    def may_end(self) -> bool:
        # RFC 9112, section 8: the zero-sized chunk completes the body, trailers or not.
        # Only the parser knows whether it has come.
        with suppress(HttpParserError):
            if self._ends_in_cr:
                self._parser.feed_data(b"\n")
            self._parser.feed_data(_TRAILERS_END)
        return not self._awaited


def _parser(
    on_body: Callable[[bytes], None], on_end: Callable[[], None]
) -> HttpResponseParser:
    # Built-in functions, because each chunk costs; and nothing that knows the parser,
    # which would be a cycle, and freed late.
    callbacks = SimpleNamespace(on_body=on_body, on_message_complete=on_end)
    parser = HttpResponseParser(callbacks)
    parser.set_dangerous_leniencies(
        lenient_spaces_after_chunk_size=True,
        # Trailers are dropped: a length, a fold or a control among them harms nobody.
        lenient_chunked_length=True,
        lenient_headers=True,
    )
    parser.feed_data(_HEAD)
    return parser
