"""Tasks that read one stream as fast as it comes, and tell what that took."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from benchmarks.processes import Result

# Linux counts the most memory in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def most_memory() -> int:
    """The most bytes this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def cost(client: Any, url: str, authority: str, face: str, **of: Any) -> Result:
    """CPU seconds per event, from the first event on, of ``events`` events.

    With ``whole_bytes`` the client's pieces are bytes, and all of the body is read.
    """
    if face == "sync":
        with client.reading(url, authority) as events:
            return _cost(events, **of)

    async def main() -> Result:
        async with client.areading(url, authority) as events:
            return await _acost(events, **of)

    return asyncio.run(main())


def _cost(
    stream: Iterable[Any], events: int, data_bytes: int, is_bytes: bool
) -> Result:
    pieces = iter(stream)
    next(pieces)
    began, cpu = time.perf_counter(), time.process_time()
    seen, last = 1, None
    if is_bytes:
        for _ in pieces:
            pass
        seen = events
    else:
        for event in pieces:
            seen += 1
            if seen == events:
                last = event
                break
    return _told((began, cpu), (seen, events), last, data_bytes)


async def _acost(
    stream: AsyncIterable[Any], events: int, data_bytes: int, is_bytes: bool
) -> Result:
    pieces = aiter(stream)
    await anext(pieces)
    began, cpu = time.perf_counter(), time.process_time()
    seen, last = 1, None
    if is_bytes:
        async for _ in pieces:
            pass
        seen = events
    else:
        async for event in pieces:
            seen += 1
            if seen == events:
                last = event
                break
    return _told((began, cpu), (seen, events), last, data_bytes)


def _told(
    start: tuple[float, float], count: tuple[int, int], last: Any, data_bytes: int
) -> Result:
    (began, cpu), (seen, events) = start, count
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - began
    if seen != events:
        return {"failed": f"{seen} events instead of {events}"}
    if last is not None and len(last.data) != data_bytes:
        return {"failed": f"{len(last.data)} characters of data, not {data_bytes}"}
    per_event = cpu / max(1, events - 1)
    return {"cpu": per_event, "wall": wall / max(1, events - 1)}


def large(client: Any, url: str, authority: str, face: str, **options: Any) -> Result:
    """CPU seconds and extra memory for one large event."""
    before = most_memory()
    cpu = time.process_time()
    if face == "sync":
        with client.reading(url, authority, **options) as events:
            size = len(next(iter(events)).data)
    else:

        async def main() -> int:
            async with client.areading(url, authority, **options) as events:
                return len((await anext(aiter(events))).data)

        size = asyncio.run(main())
    cpu = time.process_time() - cpu
    return {"cpu": cpu, "memory": most_memory() - before, "data_bytes": size}


def memory(
    client: Any, url: str, authority: str | None, face: str, events: int
) -> Result:
    """How much memory the process gains between a hundredth of the events and all."""

    async def main() -> list[int]:
        marks, seen = [], 0
        async with client.areading(url, authority) as stream:
            async for _ in stream:
                seen += 1
                if seen in (events // 100, events):
                    marks.append(most_memory())
                    if seen == events:
                        break
        return marks

    if face == "async":
        early, late = asyncio.run(main())
    else:
        marks, seen = [], 0
        with client.reading(url, authority) as stream:
            for _ in stream:
                seen += 1
                if seen in (events // 100, events):
                    marks.append(most_memory())
                    if seen == events:
                        break
        early, late = marks
    return {"gained": late - early, "total": late}
