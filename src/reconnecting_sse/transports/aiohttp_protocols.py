"""What stands between a transport and aiohttp's parser before there is a response."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import BadHttpMessage

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

HEAD_LIMIT = 65536
"""Bytes of head, interim responses included, that are accepted."""

# 101 is final: the connection speaks another protocol from there on.
_INTERIM = re.compile(rb"HTTP/1\.[0-9] +1(?!01)[0-9][0-9]")


class Arrivals(asyncio.Protocol):
    """Keeps what a proxy sends until it is asked for."""

    def __init__(self, parser: ResponseHandler) -> None:
        self._parser = parser
        self._queue: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    async def receive(self) -> bytes:
        """What has come; ``b""`` at the end."""
        arrived = await self._queue.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    def data_received(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._queue.put_nowait(exc or b"")
        self._parser.connection_lost(exc)


class HeadFirst(asyncio.Protocol):
    """Feeds the parser line by line until the final response's head is complete.

    When the body that came along with it is broken, aiohttp would drop them both; and
    it takes any number of interim responses and blank lines before it.

    Attributes:
        is_cut_off: The connection has TLS, and the peer has not ended that.
    """

    def __init__(self, parser: ResponseHandler, tls: ssl.SSLObject | None) -> None:
        self._parser = parser
        self._tls = tls
        self.is_cut_off = tls is not None
        self._line = bytearray()
        self._status_line = b""
        self._received = 0
        self._in_head = True

    def data_received(self, data: bytes) -> None:
        start = 0
        while self._in_head and start < len(data):
            end = data.find(b"\n", start) + 1 or len(data)
            self._take(data[start:end])
            start = end
        if start < len(data):
            self._feed(data[start:])

    def _take(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._received > HEAD_LIMIT:
            self._in_head = False
            error = BadHttpMessage(f"the head exceeds {HEAD_LIMIT} bytes")
            self._parser.set_exception(error)
            return
        self._line += piece
        if piece.endswith(b"\n"):
            self._end_line(bytes(self._line.strip()))
            self._line.clear()
        self._feed(piece)

    def _end_line(self, line: bytes) -> None:
        if line:
            self._status_line = self._status_line or line
        elif _INTERIM.match(self._status_line):
            self._status_line = b""
        elif self._status_line:
            self._in_head = False

    def _feed(self, data: bytes) -> None:
        if self._parser.exception() is None:
            self._parser.data_received(data)

    def eof_received(self) -> None:
        self.is_cut_off = self._tls is not None and not _has_ended(self._tls)
        self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()


def _has_ended(tls: ssl.SSLObject) -> bool:
    """Whether ``close_notify`` has come; asyncio passes on either end alike."""
    try:
        return not tls.read(1)
    except ssl.SSLError:  # it would read on
        return False


class Carrier:
    """A TLS transport that carries another TLS.

    In Python 3.11 and some of 3.12 its own ``_force_close``, which the inner TLS calls
    when its handshake fails, is broken: a TypeError takes the failure's place.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._carrier = transport

    def _force_close(self, exc: BaseException | None) -> None:  # noqa: ARG002 # as asyncio calls it
        self._carrier.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._carrier, name)
