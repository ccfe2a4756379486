"""Tasks where the server sets the pace: latency, and how a drop is lived through."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from benchmarks.processes import Result

NANOSECONDS = 1e9


class Stamps:
    """How long ago each event's data says that it was sent."""

    def __init__(self, wanted: int) -> None:
        self.seconds: list[float] = []
        self._wanted = wanted
        self._cpu = 0.0

    def note(self, event: Any) -> bool:
        """Note an event; False once there are enough."""
        now = time.monotonic_ns()
        sent = int(_stamp(event))
        if not self.seconds:
            self._cpu = time.process_time()
        if sent:  # or it is the first, before any drop
            self.seconds.append((now - sent) / NANOSECONDS)
        return len(self.seconds) < self._wanted

    def told(self) -> Result:
        cpu = time.process_time() - self._cpu
        return {"seconds": self.seconds, "cpu": cpu / max(1, self._wanted - 1)}


def _stamp(event: Any) -> str:
    """An event's data; of a bare socket's bytes the same."""
    if not isinstance(event, bytes):
        return str(event.data)
    return event.rpartition(b"data: ")[2].partition(b"\n")[0].decode()


def latency(client: Any, url: str, face: str, events: int) -> Result:
    """Seconds from the server's write to the loop body, of each event."""
    return _stamped(client, url, face, events, {})


def drops(client: Any, url: str, face: str, events: int, wait: float) -> Result:
    """Seconds from each drop to the next event, the wait included."""
    return _stamped(client, url, face, events, client.reconnecting_after(wait))


def _stamped(
    client: Any, url: str, face: str, events: int, options: dict[str, Any]
) -> Result:
    stamps = Stamps(events)
    if face == "sync":
        with client.reading(url, None, **options) as stream:
            _note(stream, stamps)
            return stamps.told()

    async def main() -> Result:
        async with client.areading(url, None, **options) as stream:
            await _anote(stream, stamps)
            return stamps.told()

    return asyncio.run(main())


def _note(stream: Iterable[Any], stamps: Stamps) -> None:
    for event in stream:
        if _is_head(event):
            continue
        if not stamps.note(event):
            break


async def _anote(stream: AsyncIterable[Any], stamps: Stamps) -> None:
    async for event in stream:
        if _is_head(event):
            continue
        if not stamps.note(event):
            break


def _is_head(event: Any) -> bool:
    return isinstance(event, bytes) and b"data: " not in event


def bare_reconnects(client: Any, url: str, face: str, events: int) -> Result:
    """As ``drops``, by a bare socket that connects again at once."""
    assert face == "sync"
    stamps, wants_more = Stamps(events), True
    while wants_more:
        with client.reading(url, None) as stream:
            for piece in stream:
                if not _is_head(piece):
                    wants_more = stamps.note(piece)
    return stamps.told()
