"""Many feeds in one process: how evenly they come back, and what each of them costs.

    python -m benchmarks.many [--feeds N] [--rate CONNECTS_PER_SECOND]

A server's feeds, each with an event a second, handled by as many workers of one
``Workers``. The server is restarted once. Then the same feeds are read by bare tasks,
with ``asyncio.open_connection`` and ``readline``. Takes less than a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from bisect import bisect_left
from contextlib import contextmanager
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
from reconnecting_sse.core.budget import BURST
from reconnecting_sse.lifecycle import Connecting, Opened
from reconnecting_sse.stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEADY_SECONDS = 5.0
MOST_SECONDS = 90
DOWN_SECONDS = 1.0


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


# ---------------------------------------------------------------------- the readers


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
        options = {"store": store, "name": name, "on_lifecycle": hear}
        source = ReconnectingEventSource(client, "GET", f"{url}/{name}", **options)
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


# ---------------------------------------------------------------------- the processes


@contextmanager
def _python(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  (our own modules)
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@contextmanager
def _serving(port: int, came: list[list[float]]) -> Iterator[None]:
    """A server, until the block ends; then one knows when connections came."""
    with _python("benchmarks.ticking", str(port)) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.readline()
        yield
        server.stdin.close()
        came.append(json.loads(server.stdout.readline()))


def _stages(process: subprocess.Popen[str], *names: str) -> dict[str, Any]:
    assert process.stdout is not None
    return {name: json.loads(process.stdout.readline()) for name in names}


def measured(feeds: int, rate: float) -> tuple[Any, Any, list[list[float]]]:
    """The stages of ours and of bare ones, and when connections of ours came."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    words = (f"http://{HOST}:{port}", str(feeds), str(rate))
    came: list[list[float]] = []
    with _python("benchmarks.many", "ours", *words) as process:
        with _serving(port, came):
            found = _stages(process, "made", "opened", "steady")
        time.sleep(DOWN_SECONDS)
        with _serving(port, came):
            found |= _stages(process, "restarted", "drained")
    with _serving(port, []), _python("benchmarks.many", "bare", *words) as process:
        beside = _stages(process, "made", "opened", "steady")
    return found, beside, came


# ---------------------------------------------------------------------- the report


def most_within(moments: list[float], seconds: float) -> int:
    """The most of them in any window of so many seconds."""
    return max(
        bisect_left(moments, moment + seconds) - number
        for number, moment in enumerate(moments)
    )


def told(feeds: int, rate: float) -> None:
    found, beside, came = measured(feeds, rate)
    print(f"{feeds} feeds, an event a second each; the server is restarted once\n")
    for stage, seen in zip(("opened", "restarted"), came, strict=True):
        begun = found[stage]["begun"]
        lasted = begun[-1] - begun[0]
        print(
            f"{stage}: {len(begun)} connects, {len(begun) / lasted:.1f} a second;"
            f" at most {most_within(begun, 1.0)} within 1 s (budget: {rate + BURST:g}),"
            f" as the server saw them {most_within(seen, 1.0)}"
        )
    print(f"all drained in {found['drained']['seconds']:.2f} s\n")
    print("                                     ours    bare")
    for title, stage, key, unit in (
        ("memory, KiB a feed", "steady", "memory", 1024),
        ("CPU to make it, ms a feed", "made", "cpu", 1e-3),
        ("CPU until it is open, ms a feed", "opened", "cpu", 1e-3),
        ("CPU, percent of a core, all feeds", "steady", "share", 0.01),
    ):
        mine, theirs = (of[stage][key] / unit for of in (found, beside))
        print(f"{title:34} {mine:7.1f} {theirs:7.1f}")


def main() -> None:
    signal.alarm(MOST_SECONDS)  # ends it, however it hangs
    if sys.argv[1:2] in (["ours"], ["bare"]):
        raise_file_limit()
        kind, url, feeds, rate = sys.argv[1:]
        asyncio.run(globals()[kind](url, int(feeds), float(rate)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    told(options.feeds, options.rate)


if __name__ == "__main__":
    main()
