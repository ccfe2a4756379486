"""launchdarkly-eventsource, over urllib3 and over aiohttp."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import urllib3
from ld_eventsource import SSEClient
from ld_eventsource.async_client import AsyncSSEClient
from ld_eventsource.config import (
    ConnectStrategy,
    ErrorStrategy,
    RetryDelayStrategy,
)
from ld_eventsource.config.async_connect_strategy import AsyncConnectStrategy

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator


def reconnecting_after(seconds: float) -> dict[str, Any]:
    """Options for a wait that is always the same."""
    return {
        "initial_retry_delay": seconds,
        "retry_delay_strategy": RetryDelayStrategy(),
        "error_strategy": ErrorStrategy.always_continue(),
    }


@contextmanager
def reading(url: str, authority: str | None, **options: Any) -> Iterator[Iterable[Any]]:
    pool = urllib3.PoolManager(ca_certs=authority) if authority else None
    strategy = ConnectStrategy.http(url, pool=pool)
    with SSEClient(strategy, **options) as client:
        yield client.events


@asynccontextmanager
async def areading(
    url: str, authority: str | None, **options: Any
) -> AsyncIterator[AsyncIterable[Any]]:
    trusted = {"ssl": ssl.create_default_context(cafile=authority)}
    strategy = AsyncConnectStrategy.http(
        url, aiohttp_request_options=trusted if authority else None
    )
    async with AsyncSSEClient(strategy, **options) as client:
        yield client.events
