"""One run: a source reads the whole feed through the proxy, and is judged."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpxr
from tenacity import stop_never

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
)
from tests.chaos.events import data_of

FACES = ("sync", "async")
WIRES = ("explicit", "substituted")
"""Whether the client was given our transport, or got it in place of its own."""

_ROOT = Path(__file__).parents[2]
_POLICY = ReconnectPolicy(
    initial_delay=0.005, max_delay=0.05, retry_bounds=(0, 3600), stop=stop_never
)
_SILENCE = 0.2


@dataclass
class Verdict:
    """What came of a run.

    Attributes:
        events: How many there are to receive.
        ids: What was received, in order.
        wrong: Events whose data is not theirs.
        leaked: What was open after the run, and not before it.
        connections: How many streams were opened.
        happened: What the proxy did, and how often.
    """

    name: str
    events: int
    ids: list = field(default_factory=list, repr=False)
    wrong: list = field(default_factory=list)
    leaked: str = ""
    error: str = ""
    connections: int = 0
    seconds: float = 0.0
    happened: dict = field(default_factory=dict, repr=False)

    @property
    def lost(self):
        return self.events - len(set(self.ids))

    @property
    def duplicated(self):
        return len(self.ids) - len(set(self.ids))

    @property
    def out_of_order(self):
        pairs = zip(self.ids, self.ids[1:], strict=False)
        return sum(after < before for before, after in pairs)

    @property
    def is_good(self):
        return self.ids == list(range(1, self.events + 1)) and not (
            self.wrong or self.leaked or self.error
        )

    def __str__(self):
        notes = [f"{len(self.wrong)} garbled"] if self.wrong else []
        notes += [note for note in (self.leaked, self.error) if note]
        return (
            f"{'ok' if self.is_good else 'FAILED':6} {self.name}: {len(self.ids)}"
            f" events, {self.lost} lost, {self.duplicated} duplicated,"
            f" {self.out_of_order} out of order; {self.connections} streams,"
            f" {sum(self.happened.values())} connections, {self.seconds:.1f} s"
            + "".join(f"; {note}" for note in notes)
        )


def run(face, wire, seed, *, events, reach, seconds):
    """Read the feed, and judge what came.

    Args:
        reach: How many bytes pass before a connection is cut, on average.
        seconds: After which the run is given up.
    """
    verdict = Verdict(f"seed {seed} {face} {wire}", events)
    before, began = open_things(), time.monotonic()
    with served(seed, events, reach) as (url, happened):
        source = new_source(face, wire, url)
        _read(source, verdict, seed, seconds, is_async=face == "async")
        del source
    verdict.happened = happened
    verdict.seconds = time.monotonic() - began
    gc.collect()
    after = open_things()
    if after != before:
        verdict.leaked = f"leaked: {before} became {after}"
    return verdict


def _read(source, verdict, seed, seconds, *, is_async):
    reader = Reader(source, verdict, random.Random(f"{seed}/reader"))
    watchdog = threading.Timer(seconds, reader.give_up)
    watchdog.start()
    try:
        asyncio.run(reader.read_async()) if is_async else reader.read()
    except Exception as error:
        verdict.error = repr(error)
    finally:
        watchdog.cancel()
        watchdog.join()
        source.close()
    verdict.connections = source.stats.connections


class Reader:
    """Reads a source to its end, and does now and then what callers may do."""

    def __init__(self, source, verdict, draw):
        self._source, self._verdict, self._draw = source, verdict, draw

    def read(self):
        while self._source.state != "closed":
            for event in self._source.iter_sse():
                if self._leaves_after(event):
                    break

    async def read_async(self):
        while self._source.state != "closed":
            async for event in self._source.aiter_sse():
                if self._leaves_after(event):
                    break
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            self._verdict.leaked = f"leaked: {others}"

    def give_up(self):
        self._verdict.error = "not done in time"
        self._source.close()

    def _leaves_after(self, event):
        verdict = self._verdict
        number = int(event.id)
        verdict.ids.append(number)
        if event.data != data_of(number):
            verdict.wrong.append((number, event.data))
        chance = self._draw.random()
        if chance < 0.0005:
            self._source.reconnect()
        return chance > 0.99


def new_source(face, wire, url, **options):
    transports = {"sync": StreamingTransport, "async": AsyncStreamingTransport}
    clients = {"sync": httpxr.Client, "async": httpxr.AsyncClient}
    given = {"transport": transports[face]()} if wire == "explicit" else {}
    return ReconnectingEventSource(
        clients[face](**given),
        "GET",
        url,
        policy=_POLICY,
        header_timeout=_SILENCE,
        **{"idle_timeout": _SILENCE, **options},
    )


@contextmanager
def served(seed, events, reach):
    """The feed's URL, and a dict that holds what happened after the block."""
    # Without site, so that no coverage is measured there; all it needs is Python.
    command = [sys.executable, "-S", "-m", "tests.chaos.server"]
    happened = {}
    with subprocess.Popen(
        [*command, str(seed), str(events), str(reach)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            port, _ = json.loads(process.stdout.readline())
            yield f"http://127.0.0.1:{port}/feed", happened
            happened |= json.loads(process.communicate()[0])
        finally:
            process.kill()


def open_things():
    """How many descriptors and threads this process has."""
    return {
        "descriptors": sum(1 for _ in Path("/dev/fd").iterdir()),
        "threads": threading.active_count(),
    }
