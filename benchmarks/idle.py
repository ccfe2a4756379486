"""Tasks that hold many streams on which nothing happens."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import httpxr

from benchmarks.reading import most_memory
from benchmarks.server import raise_file_limit

if TYPE_CHECKING:
    from benchmarks.processes import Result

OPENING_AT_ONCE = 50

# Clients that live as long as the process, which ends without closing anything.
_clients: list[dict[str, Any]] = []


class Costs:
    """Memory and CPU of opening streams, and of holding them for a while."""

    def __init__(self, streams: int) -> None:
        self._streams = streams
        self._memory, self._cpu = most_memory(), time.process_time()

    def opened(self) -> None:
        self._opening = time.process_time() - self._cpu
        self._cpu = time.process_time()

    def told(self, seconds: float) -> Result:
        return {
            "memory": (most_memory() - self._memory) / self._streams,
            "opening": self._opening / self._streams,
            "cpu": (time.process_time() - self._cpu) / self._streams / seconds,
        }


def idle(client: Any, face: str, **of: Any) -> Result:
    """Bytes and CPU seconds for each stream: to open it, and for a second of it."""
    raise_file_limit()
    if face == "sync":
        return _in_threads(client, **of)
    return asyncio.run(_in_tasks(client, **of))


async def _in_tasks(
    client: Any, url: str, authority: str | None, streams: int, lasting: float
) -> Result:
    shared = client.sharing("async", authority)
    _clients.append(shared)
    few, count, all_open = asyncio.Semaphore(OPENING_AT_ONCE), 0, asyncio.Event()

    async def read() -> None:
        nonlocal count
        async with few:
            stream = client.areading(url, None, **shared)
            events = aiter(await stream.__aenter__())
            await anext(events)
        count += 1
        if count == streams:
            all_open.set()
        await anext(events)

    # One stream first: what the libraries need once is nobody's stream.
    warm = client.areading(url, None, **shared)
    await anext(aiter(await warm.__aenter__()))
    costs = Costs(streams)
    tasks = [asyncio.create_task(read()) for _ in range(streams)]
    opening = asyncio.create_task(all_open.wait())
    await asyncio.wait([opening, *tasks], return_when=asyncio.FIRST_COMPLETED)
    assert opening.done(), next(task for task in tasks if task.done())
    costs.opened()
    await asyncio.sleep(lasting)
    return costs.told(lasting)


def _in_threads(
    client: Any, url: str, authority: str | None, streams: int, lasting: float
) -> Result:
    shared = client.sharing("sync", authority)
    opened = threading.Semaphore(0)

    def read() -> None:
        with client.reading(url, None, **shared) as stream:
            events = iter(stream)
            next(events)
            opened.release()
            next(events)

    def start() -> None:
        threading.Thread(target=read, daemon=True).start()
        opened.acquire()

    start()
    costs = Costs(streams)
    for _ in range(streams):
        start()
    costs.opened()
    time.sleep(lasting)
    return costs.told(lasting)


def touched(client: Any, threads: int) -> Result:
    """Bytes that a thread holds because it has once touched httpxr."""
    del client
    ready, done = threading.Semaphore(0), threading.Event()

    def wait(touch: bool) -> None:
        if touch:
            httpxr.URL("http://feed.test/")
        ready.release()
        done.wait()

    held = []
    for touch in (False, True):
        before = most_memory()
        for _ in range(threads):
            threading.Thread(target=wait, args=[touch], daemon=True).start()
            ready.acquire()
        held.append((most_memory() - before) / threads)
    without, with_it = held
    return {"memory": with_it - without}
