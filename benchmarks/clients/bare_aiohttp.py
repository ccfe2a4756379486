"""aiohttp alone: what an open response costs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def sharing(face: str, authority: str | None) -> dict[str, Any]:
    """One session for many streams."""
    assert authority is None
    assert face == "async"
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    return {"session": aiohttp.ClientSession(connector=connector, timeout=timeout)}


@asynccontextmanager
async def areading(
    url: str,
    authority: str | None,
    session: aiohttp.ClientSession,
) -> AsyncIterator[AsyncIterator[bytes]]:
    assert authority is None
    async with session.get(url) as response:
        yield response.content.iter_any()
