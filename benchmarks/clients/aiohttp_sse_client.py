"""aiohttp-sse-client on aiohttp."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientTimeout
from aiohttp_sse_client.client import EventSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def areading(
    url: str, authority: str | None
) -> AsyncIterator[AsyncIterator[Any]]:
    trusted = ssl.create_default_context(cafile=authority) if authority else True
    # Its default ends every stream after five minutes.
    source = EventSource(url, timeout=ClientTimeout(total=None), ssl=trusted)
    async with source:
        yield source
