"""A bare socket: what the bytes cost that nobody looks at."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

READ_SIZE = 65536


def _request(url: str) -> tuple[str, int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
    return parts.hostname, parts.port, head.encode()


def _context(authority: str | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=authority) if authority else None


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Iterator[bytes]]:
    host, port, request = _request(url)
    context = _context(authority)
    with socket.create_connection((host, port)) as plain:
        wire = context.wrap_socket(plain, server_hostname=host) if context else plain
        with wire:
            wire.sendall(request)
            yield iter(partial(wire.recv, READ_SIZE), b"")


@asynccontextmanager
async def areading(
    url: str, authority: str | None
) -> AsyncIterator[AsyncIterator[bytes]]:
    host, port, request = _request(url)
    reader, writer = await asyncio.open_connection(
        host, port, ssl=_context(authority), limit=READ_SIZE
    )
    writer.write(request)
    yield _chunks(reader)
    writer.transport.abort()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await reader.read(READ_SIZE):
        yield chunk
