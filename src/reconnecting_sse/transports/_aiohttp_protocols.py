"""What stands between a transport and aiohttp's parser before there is a response."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


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
    """Feeds the parser line by line until the response's head is complete.

    When the body that came along with it is broken, aiohttp would drop them both.
    """

    def __init__(self, parser: ResponseHandler) -> None:
        self._parser = parser

    def data_received(self, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            if self._parser.exception() is None:
                self._parser.data_received(line)

    def eof_received(self) -> None:
        self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()


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
