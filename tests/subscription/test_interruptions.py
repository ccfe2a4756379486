"""Interruptions: cancelled tasks, exceptions of signal handlers, overlapping reads."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from contextlib import suppress

import httpxr
import pytest
from tenacity import wait_fixed, wait_none

from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.connection_harness import (
    FACES,
    LIMIT,
    PROMPT,
    Consumer,
    data_of,
    handed_over,
    new_source,
    reader_for,
    take_async,
)
from tests.stuck import FIRST, FOREVER, STAGES, child, on_signal, stuck_at, until_asleep


class Interruption(BaseException):
    """What a signal handler raises."""


def interrupt(*_):
    raise Interruption


def interrupt_sync(reader, scene, source):
    """Read on, and let a signal handler raise where the scene is stuck."""
    with pytest.raises(Interruption), on_signal(interrupt, scene.reached):
        reader.take(source)


def interrupt_async(reader, scene, source):
    """Read on, and cancel the task where the scene is stuck."""

    async def main():
        reading = asyncio.create_task(take_async(source))
        await asyncio.to_thread(scene.reached)
        await asyncio.to_thread(until_asleep, os.getpid())
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    reader.run(main())


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupted_call_drops_the_connection_and_iterating_resumes(face, stage):
    wait = 0.5
    with stuck_at(stage) as scene, reader_for(face) as reader:
        source = scene.source(face, wait=wait_fixed(wait))
        assert len(reader.take(source, scene.first)) == scene.first
        interrupted = interrupt_async if face == "async" else interrupt_sync
        interrupted(reader, scene, source)
        scene.assert_connection_closed()
        assert source.state == ("waiting" if stage == "wait" else "connecting")
        assert data_of(reader.take(source, 1)) == ["b"]
        first, second = scene.server.requests
        assert second.header("last-event-id") == "1"
        if stage == "wait":
            assert second.at - first.at >= wait
        reader.leave(source)


def test_short_waits_for_the_next_event_lose_nothing():
    async def main(source):
        ids, events = [], source.aiter_sse()
        while True:
            with suppress(TimeoutError):
                try:
                    event = await asyncio.wait_for(anext(events), 0.01)
                except StopAsyncIteration:
                    return ids
                ids.append(int(event.id))

    with ScriptedServer(NumberedFeed(40, pause=0.01, then="stop", retry=1)) as server:
        source = new_source("async", server.url)
        assert asyncio.run(main(source)) == list(range(1, 41))
        assert len(server.requests) > 1, "no wait was ever too short"


# A signal every now and then: it is wherever it happens to be.
SIGNALLED = """
import itertools, signal, sys
from contextlib import suppress
from tenacity import wait_fixed, wait_none
from tests.connection_harness import new_source

MOMENTS, ENOUGH = 100, 1000
_, url = sys.argv[1:]

class Interruption(BaseException):
    pass

def interrupt(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)
    raise Interruption

class Unheard:  # no lock that an interruption could leave locked
    def debug(self, name, **_):
        pass
    info = warning = debug

def read(source, delay):
    ids = []
    with suppress(Interruption):
        signal.setitimer(signal.ITIMER_REAL, delay, 0.5)  # the first may go unheard
        for event in itertools.islice(source.iter_sse(), ENOUGH):
            ids.append(int(event.id))
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(ids) == ENOUGH, "an interruption looked like an end"
    return ids

# One that lands in a destructor is reported by Python, and raised nowhere.
sys.unraisablehook = lambda _: None
signal.signal(signal.SIGALRM, interrupt)
source, cursor = new_source("sync", url, wait=wait_fixed(0.001), logger=Unheard()), 0
for moment in itertools.count():
    # On a slow machine none of the moments may be late enough to meet a stream.
    if moment >= MOMENTS and source.stats.connections >= 5:
        break
    ids = read(source, (0.0005 + moment % 17 * 0.0003) * (1 + moment // MOMENTS))
    assert ids == list(range(cursor + 1, cursor + 1 + len(ids))), (cursor, ids)
    # One that was handed over is the loop's to lose, before its body begins.
    lost = int(source.last_event_id or 0) - cursor - len(ids)
    assert lost in (0, 1), (cursor, ids, lost)
    cursor += len(ids) + lost
source.close()
print(cursor)
"""


def test_signals_at_any_moment_neither_end_the_stream_nor_lose_what_was_not_taken():
    with (
        ScriptedServer(_batches) as server,
        child("sync", SIGNALLED, server.url, is_traced=False) as process,
    ):
        try:
            cursor, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert int(cursor) > 0


def _batches(request):
    """An endless feed that sends five events at a time."""
    start = int(request.header("last-event-id") or 0) + 1
    batches = (
        "".join(f"id: {n}\ndata: n\n\n" for n in range(first, first + 5))
        for first in itertools.count(start, 5)
    )
    return Answer(body=batches, end="hang")


class _Gated(httpxr.BaseTransport):
    """Answers with two events, and says when the second is waited for."""

    def __init__(self):
        self.is_read, self.more = threading.Event(), threading.Event()

    def handle_request(self, request):
        headers = {"Content-Type": "text/event-stream"}
        return httpxr.Response(200, headers=headers, stream=self._body())

    def _body(self):
        yield FIRST.encode()
        self.is_read.set()
        assert self.more.wait(LIMIT)
        yield b"data: b\n\n"


def test_overlapping_reads_of_two_threads_raise_and_do_no_harm():
    transport = _Gated()
    client = httpxr.Client(transport=transport)
    source = new_source("sync", "http://feed.test/", client=client, wait=FOREVER)
    consumer = Consumer("sync", source)
    assert transport.is_read.wait(LIMIT)
    with pytest.raises(RuntimeError, match="being read already"):
        next(source.iter_sse())
    transport.more.set()
    consumer.wait_for_events(2)
    source.close()
    assert consumer.ended_within(PROMPT)
    assert consumer.error is None


def test_overlapping_reads_of_two_tasks_raise_and_do_no_harm():
    more = threading.Event()

    async def main(source):
        first = asyncio.create_task(take_async(source, 2))
        await handed_over(source, 1)
        with pytest.raises(RuntimeError, match="being read already"):
            await take_async(source, 1)
        more.set()
        assert data_of(await first) == ["a", "b"]
        await source.aclose()

    body = [FIRST, more, "data: b\n\n"]
    with ScriptedServer([Answer(body=body, end="hang")]) as server:
        asyncio.run(main(new_source("async", server.url)))


def test_an_async_source_goes_on_in_another_event_loop():
    """The connection cannot: it is dropped, and another one resumes."""
    feed = [Answer(body=[FIRST], end="hang"), Answer(body=["data: b\n\n"], end="hang")]
    with ScriptedServer(feed) as server:
        source = new_source("async", server.url, wait=wait_none())
        assert data_of(asyncio.run(take_async(source, 1))) == ["a"]
        assert data_of(asyncio.run(take_async(source, 1))) == ["b"]
        assert source.stats.reconnects == {"StreamInterrupted": 1}
        asyncio.run(source.aclose())
        assert [r.header("last-event-id") for r in server.requests] == [None, "1"]
