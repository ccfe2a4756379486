"""Our own transports and nothing above them: the bytes, unframed but undecoded."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse import AsyncStreamingTransport, StreamingTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Any]:
    transport = StreamingTransport(verify=authority or True)
    response = transport.handle_request(httpxr.Request("GET", url))
    yield response.stream
    response.stream.close()


@asynccontextmanager
async def areading(url: str, authority: str | None) -> AsyncIterator[Any]:
    transport = AsyncStreamingTransport(verify=authority or True)
    response = await transport.handle_async_request(httpxr.Request("GET", url))
    yield response.stream
    await response.stream.aclose()
