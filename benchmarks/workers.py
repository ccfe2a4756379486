"""What a worker costs: events per second through one, from a feed in memory.

    python -m benchmarks.workers [--events N] [--rounds N]

A handler that only counts, on both faces, alone and with eight at once and 64 keys;
beside a bare loop over the same source and store.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

import httpxr

from benchmarks.durable import HEADERS, Body, source_of
from reconnecting_sse import ReconnectingEventSource, SubscriptionWorker
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.transports.body import AsyncLiveBody

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from reconnecting_sse import ServerSentEvent

KEYS = 64


class AsyncBody(AsyncLiveBody):
    """The same feed for asyncio: all of it is there."""

    read_timeout = None

    def __init__(self, count: int) -> None:
        self._body = Body(count)

    async def read(self) -> bytes:
        return self._body.read()

    def read_nowait(self) -> bytes:
        return self._body.read()

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class AsyncTransport(httpxr.AsyncBaseTransport):
    def __new__(cls, _count: int) -> Self:
        return super().__new__(cls)

    def __init__(self, count: int) -> None:
        self._count = count

    async def handle_async_request(
        self,
        request: httpxr.Request,  # noqa: ARG002
    ) -> httpxr.Response:
        return httpxr.Response(200, headers=HEADERS, stream=AsyncBody(self._count))


def async_source_of(count: int, **options: Any) -> ReconnectingEventSource:
    client = httpxr.AsyncClient(transport=AsyncTransport(count))
    url = "http://feed.test/"
    return ReconnectingEventSource(client, "GET", url, on_end="finish", **options)


def key(event: ServerSentEvent) -> int:
    return int(event.id) % KEYS


def durable() -> dict[str, Any]:
    return {"store": MemoryStore(), "name": "feed"}


def looped(count: int) -> float:
    began, seen = time.perf_counter(), 0
    with source_of(count, **durable()) as source:
        for _event in source:
            seen += 1
    assert seen == count
    return count / (time.perf_counter() - began)


def worked(count: int, concurrency: int) -> float:
    seen = []
    options = {"concurrency": concurrency, "key": key if concurrency > 1 else None}
    source = source_of(count, **durable())
    began = time.perf_counter()
    SubscriptionWorker(source, lambda event: seen.append(event.id), **options).run()
    assert len(seen) == count
    return count / (time.perf_counter() - began)


def aworked(count: int, concurrency: int) -> float:
    seen = []

    async def handle(event: ServerSentEvent) -> None:
        seen.append(event.id)

    async def main() -> None:
        keyed = key if concurrency > 1 else None
        options = {"concurrency": concurrency, "key": keyed}
        source = async_source_of(count, **durable())
        await SubscriptionWorker(source, handle, **options).arun()

    began = time.perf_counter()
    asyncio.run(main())
    assert len(seen) == count
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    cells: dict[str, Callable[[], float]] = {
        "a loop, sync": lambda: looped(given.events),
        "a worker, sync": lambda: worked(given.events, 1),
        "eight with keys, sync": lambda: worked(given.events, 8),
        "a worker, async": lambda: aworked(given.events, 1),
        "eight with keys, async": lambda: aworked(given.events, 8),
    }
    for name, measure in cells.items():
        rate = statistics.median(measure() for _ in range(given.rounds))
        print(f"{name:24} {rate:10,.0f} events/s {1e6 / rate:8.2f} µs each")


if __name__ == "__main__":
    main()
