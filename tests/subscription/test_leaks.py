"""Nothing is left behind: a thousand connections are opened, dropped and closed."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cycles import (
    ASYNC_WAYS,
    SYNC_WAYS,
    Sources,
    run_async,
    run_sync,
    settled,
)
from tests.steady_server import steady_server

pytestmark = pytest.mark.endurance

CYCLES, EARLY, WARM = 1_000, 10, 100
MIB = 1024 * 1024


@dataclass(frozen=True)
class Held:
    """What this process holds at one moment."""

    descriptors: int
    threads: int
    tasks: int

    @classmethod
    def now(cls):
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:  # no loop is running
            tasks = 0
        descriptors = sum(1 for _ in Path("/dev/fd").iterdir())
        return cls(descriptors, threading.active_count(), tasks)


class Notes:
    """What was held, and how many bytes of memory, after some of the cycles."""

    def __init__(self):
        self.held, self.memory = {}, {}

    def is_due(self, count):
        return count in (EARLY, WARM, CYCLES)

    def __call__(self, count):
        if self.is_due(count):
            gc.collect()
            self.memory[count] = tracemalloc.get_traced_memory()[0]
            self.held[count] = Held.now()


@pytest.mark.timeout(90)
@pytest.mark.parametrize("run", [run_sync, run_async], ids=["sync", "async"])
def test_a_thousand_cycles_leave_nothing_behind(run):
    notes = Notes()
    tracemalloc.start()
    try:
        with steady_server() as url:
            run(url, CYCLES, notes)
    finally:
        tracemalloc.stop()
    assert notes.held[CYCLES] == notes.held[EARLY]
    assert notes.memory[CYCLES] - notes.memory[WARM] < MIB


@pytest.mark.parametrize("way", SYNC_WAYS, ids=lambda way: way.__name__)
def test_each_way_on_the_sync_face_frees_the_socket_at_once(way):
    with steady_server() as url:
        sources = Sources("sync", url)
        way(sources)  # what is made once, and kept, is made now
        gc.collect()
        before = Held.now()
        way(sources)
        gc.collect()
        assert Held.now() == before


@pytest.mark.parametrize("way", ASYNC_WAYS, ids=lambda way: way.__name__)
def test_each_way_on_the_async_face_frees_the_socket(way):
    async def main(url):
        sources = Sources("async", url)
        await way(sources)
        await settled()
        before = Held.now()  # the resolver's thread stays as long as the loop
        await way(sources)
        await settled()
        assert Held.now() == before

    with steady_server() as url:
        asyncio.run(main(url))
