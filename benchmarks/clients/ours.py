"""reconnecting-sse, as its README shows it: reconnecting, the cursor tracked."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpxr
import tenacity

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    StreamingTransport,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from httpxr.sse import ServerSentEvent


def sharing(face: str, authority: str | None) -> dict[str, Any]:
    """One client for many streams."""
    trust = authority or True
    if face == "sync":
        return {"client": httpxr.Client(transport=StreamingTransport(verify=trust))}
    transport = AsyncStreamingTransport(verify=trust)
    return {"client": httpxr.AsyncClient(transport=transport)}


def reconnecting_after(seconds: float) -> dict[str, Any]:
    """Options for a wait that is always the same."""
    return {"wait": tenacity.wait_fixed(seconds)}


@contextmanager
def reading(
    url: str,
    authority: str | None,
    client: httpxr.Client | None = None,
    **options: Any,
) -> Iterator[Iterator[ServerSentEvent]]:
    if client is None:
        transport = StreamingTransport(verify=authority or True)
        client = httpxr.Client(transport=transport)
    with ReconnectingEventSource(client, "GET", url, **options) as source:
        yield source.iter_sse()


@asynccontextmanager
async def areading(
    url: str,
    authority: str | None,
    client: httpxr.AsyncClient | None = None,
    **options: Any,
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    if client is None:
        transport = AsyncStreamingTransport(verify=authority or True)
        client = httpxr.AsyncClient(transport=transport)
    async with ReconnectingEventSource(client, "GET", url, **options) as source:
        yield source.aiter_sse()
    await client.aclose()
