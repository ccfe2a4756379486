"""A crowd of readers in a process of their own, which tells what they take.

python -m benchmarks.crowds ours|bare URL FEEDS CONNECTS_PER_SECOND
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import httpxr

from benchmarks.reading import most_memory
from benchmarks.server import HOST, raise_file_limit
from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    SubscriptionWorker,
    Workers,
)
from reconnecting_sse.lifecycle import Connecting, Opened
from reconnecting_sse.stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

STEADY_SECONDS = 5.0
MOST_SECONDS = 90


class Costs:
    """What a process has used since this was made."""

    def __init__(self, feeds: int) -> None:
        self._feeds = feeds
        self._memory, self._cpu, self._began = self._now()

    def _now(self) -> tuple[int, float, float]:
        return most_memory(), time.process_time(), time.monotonic()

    def told(self, stage: str, **more: Any) -> None:
        """Print it, by feed, and begin anew with all but the memory."""
        memory, cpu, now = self._now()
        seconds = now - self._began
        said = {
            "stage": stage,
            "seconds": seconds,
            "memory": (memory - self._memory) / self._feeds,
            "cpu": (cpu - self._cpu) / self._feeds,
            "share": (cpu - self._cpu) / seconds,
            **more,
        }
        print(json.dumps(said), flush=True)
        self._cpu, self._began = cpu, now


async def _until(predicate: Callable[[], bool]) -> None:
    while not predicate():  # noqa: ASYNC110  (it is not what is measured)
        await asyncio.sleep(0.05)


async def ours(url: str, feeds: int, rate: float) -> None:
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport(), trust_env=False)
    store, opened, handled = MemoryStore(), 0, 0
    begun: list[float] = []

    def hear(fact: object) -> None:
        nonlocal opened
        opened += isinstance(fact, Opened)
        if isinstance(fact, Connecting):
            begun.append(time.monotonic())

    async def handle(_event: object) -> None:
        nonlocal handled
        handled += 1

    def make(name: str) -> SubscriptionWorker:
        source = ReconnectingEventSource(
            client,
            "GET",
            f"{url}/{name}",
            store=store,
            name=name,
            on_lifecycle=hear,
        )
        return SubscriptionWorker(source, handle)

    await _warm(make, lambda: handled > 0)
    costs, warm = Costs(feeds), opened
    begun.clear()
    makers = [partial(make, f"feed-{number}") for number in range(feeds)]
    workers = Workers(makers, connects_per_second=rate)
    costs.told("made")
    running = asyncio.create_task(workers.arun())
    await _until(lambda: opened == warm + feeds)
    costs.told("opened", begun=begun)
    begun.clear()
    await asyncio.sleep(STEADY_SECONDS)
    costs.told("steady")
    await _until(lambda: opened == warm + 2 * feeds)
    costs.told("restarted", begun=begun)
    workers.stop()
    await running
    costs.told("drained")


async def _warm(
    make: Callable[[str], SubscriptionWorker], is_warm: Callable[[], bool]
) -> None:
    """What the libraries need once is nobody's feed."""
    workers = Workers([partial(make, "warm")])
    running = asyncio.create_task(workers.arun())
    await _until(is_warm)
    workers.stop()
    await running


async def bare(url: str, feeds: int, _rate: float) -> None:
    port, opened = int(url.rpartition(":")[2]), 0

    async def read(name: str) -> None:
        nonlocal opened
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (name.encode(), b"feed"))
        opened += 1
        while await reader.readline():
            pass

    tasks = [asyncio.create_task(read("warm"))]
    await _until(lambda: opened == 1)
    costs = Costs(feeds)
    costs.told("made")
    tasks += [asyncio.create_task(read(f"feed-{number}")) for number in range(feeds)]
    await _until(lambda: opened == 1 + feeds)
    costs.told("opened")
    await asyncio.sleep(STEADY_SECONDS)
    costs.told("steady")
    for task in tasks:
        task.cancel()


def main() -> None:
    signal.alarm(MOST_SECONDS)  # ends it, however it hangs
    kind, url, feeds, rate = sys.argv[1:]
    raise_file_limit()
    read = ours if kind == "ours" else bare
    asyncio.run(read(url, int(feeds), float(rate)))


if __name__ == "__main__":
    main()
