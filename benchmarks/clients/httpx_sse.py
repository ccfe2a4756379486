"""httpx-sse on httpx."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from httpx_sse import aconnect_sse, connect_sse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def _trust(authority: str | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=authority) if authority else True


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Iterator[Any]]:
    with (
        httpx.Client(verify=_trust(authority), timeout=None) as client,  # noqa: S113  (a stream)
        connect_sse(client, "GET", url) as source,
    ):
        yield source.iter_sse()


@asynccontextmanager
async def areading(
    url: str, authority: str | None
) -> AsyncIterator[AsyncIterator[Any]]:
    async with (
        httpx.AsyncClient(verify=_trust(authority), timeout=None) as client,  # noqa: S113  (a stream)
        aconnect_sse(client, "GET", url) as source,
    ):
        yield source.aiter_sse()
