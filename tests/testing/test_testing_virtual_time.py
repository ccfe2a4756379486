"""Virtual time: waits are instant and exact, on both faces, over real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import islice

import httpxr
import pytest
from tenacity import Retrying, stop_after_attempt, wait_fixed

from reconnecting_sse import (
    AsyncStreamingTransport,
    CommitPolicy,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
    SubscriptionWorker,
    UnexpectedStatus,
    stores,
)
from reconnecting_sse.lifecycle import Opened, Waiting
from reconnecting_sse.testing import (
    Answer,
    Hang,
    NumberedFeed,
    Pause,
    ScriptedServer,
    ServedApplication,
    VirtualTime,
)


@pytest.fixture(autouse=True)
def _in_little_real_time():
    before = time.monotonic()
    yield
    assert time.monotonic() - before < 20  # of hours


class Face:
    """Reads a feed on one face, in the time of the test."""

    def __init__(self, virtual, *, is_async):
        self.time, self.is_async = virtual, is_async
        self.waits, self.opened = [], []

    def hear(self, fact):
        if isinstance(fact, Waiting):
            self.waits.append(fact.delay)
        if isinstance(fact, Opened):
            self.opened.append(self.time.now)

    def read(self, url, count=None, **options):
        """The first events, and when they came."""
        if self.is_async:
            client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
            return self.time.run(self._aread(client, url, count, options))
        client = httpxr.Client(transport=StreamingTransport())
        return self._read(client, url, count, options)

    def read_application(self, application, count):
        """The same of one that is served in process."""
        served = ServedApplication(application)
        if self.is_async:
            return self.time.run(self._aread_application(served, count))
        with served:
            return self._read(served.client(), "/", count, {})

    def _read(self, client, url, count, options):
        options = {"on_lifecycle": self.hear, **options}
        with ReconnectingEventSource(client, "GET", url, **options) as source:
            return [(event.data, self.time.now) for event in islice(source, count)]

    async def _aread_application(self, served, count):
        async with served:
            return await self._aread(served.async_client(), "/", count, {})

    async def _aread(self, client, url, count, options):
        options, found = {"on_lifecycle": self.hear, **options}, []
        async with ReconnectingEventSource(client, "GET", url, **options) as source:
            async for event in source:
                found.append((event.data, self.time.now))
                if len(found) == count:
                    break
        return found

    def work(self, url, handler, store, **options):
        """A worker, to the end of its feed."""
        source = {"store": store, "name": "prices", "on_lifecycle": self.hear}
        if self.is_async:

            async def main():
                client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
                made = ReconnectingEventSource(client, "GET", url, **source)
                await SubscriptionWorker(made, handler, **options).arun()

            self.time.run(main())
            return
        client = httpxr.Client(transport=StreamingTransport())
        made = ReconnectingEventSource(client, "GET", url, **source)
        SubscriptionWorker(made, handler, **options).run()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def face(request, virtual_time):
    return Face(virtual_time, is_async=request.param)


def test_a_storm_of_503_is_waited_out_exactly(face):
    busy = Answer(503, framing="length")
    script = [busy] * 5 + [Answer(body="data: a\n\n"), Answer(204)]
    doubling = ReconnectPolicy(wait=lambda state: 2.0**state.attempt_number)
    with ScriptedServer(script) as server:
        assert face.read(server.url, policy=doubling) == [("a", 2 + 4 + 8 + 16 + 32)]
    assert face.waits[:5] == [2, 4, 8, 16, 32]


def test_what_the_server_asks_for_is_kept_to_the_second(face):
    script = [
        Answer(503, headers=[("Retry-After", "3000")], framing="length"),
        Answer(body="retry: 600000\ndata: a\n\n"),
        Answer(body="data: b\n\n", end="hang"),
    ]
    policy = ReconnectPolicy.standard()
    policy = ReconnectPolicy(wait=policy.wait)
    with ScriptedServer(script) as server:
        found = face.read(server.url, 2, policy=policy)
    assert found == [("a", 3000), ("b", 3600)]


def test_silence_is_noticed_after_exactly_its_time(face):
    feed = NumberedFeed(2, retry=100, then="hang")
    with ScriptedServer([feed, Answer(204)]) as server:
        assert [data for data, _ in face.read(server.url, idle_timeout=300)] == [
            "n1",
            "n2",
        ]
    assert 300 <= face.time.now < 302


def test_a_pause_of_the_server_is_no_silence(face):
    body = ["data: a\n\n", Pause(200), "data: b\n\n", Pause(200), "data: c\n\n"]
    with ScriptedServer([Answer(body=body, end="hang")]) as server:
        found = face.read(server.url, 3, idle_timeout=300)
    assert found == [("a", 0), ("b", 200), ("c", 400)]


def test_headers_that_do_not_come_are_given_up_in_time(face):
    with ScriptedServer([Hang(), Answer(204)]) as server:
        policy = ReconnectPolicy(wait=lambda _: 7.0)
        assert face.read(server.url, header_timeout=1000, policy=policy) == []
    assert face.time.now == 1007


def test_a_worker_tries_again_and_puts_aside(face):
    store, tries = stores.MemoryStore(), []

    def handle(event):
        if event.id == "2":
            tries.append(face.time.now)
            raise ValueError("no")

    async def ahandle(event):
        handle(event)

    retrying = Retrying(wait=wait_fixed(10), stop=stop_after_attempt(4))
    with ScriptedServer(NumberedFeed(3, retry=100, then="stop")) as server:
        handler = ahandle if face.is_async else handle
        face.work(server.url, handler, store, retrying=retrying)
    assert [round(at - tries[0]) for at in tries] == [0, 10, 20, 30]
    assert [letter.id for letter in store.letters("prices")] == ["2"]


def test_a_lease_runs_out(face):
    store = stores.MemoryStore()
    store.claim("prices", 10.0, "somebody who died")
    with ScriptedServer(NumberedFeed(1, then="hang")) as server:
        options = {"store": store, "name": "prices", "lease": 5.0}
        (_, at), *_ = face.read(server.url, 1, **options)
    assert 10 <= at < 11


def test_a_handler_that_computes_holds_time_back(virtual_time):
    def handle(event):
        real = time.monotonic() + 0.05
        while time.monotonic() < real:
            pass
        assert virtual_time.now == before

    before = virtual_time.now
    source = {"store": stores.MemoryStore(), "name": "prices"}
    source["commits"] = CommitPolicy(interval=1.0)
    with ScriptedServer(NumberedFeed(3, then="stop")) as server:
        client = httpxr.Client(transport=StreamingTransport())
        made = ReconnectingEventSource(client, "GET", server.url, **source)
        SubscriptionWorker(made, handle, concurrency=3).run()


def test_threads_of_an_event_loop_hold_time_back(virtual_time):
    async def main():
        slow = asyncio.create_task(asyncio.to_thread(time.sleep, 0.1))
        await asyncio.sleep(1000)
        assert slow.done()
        return virtual_time.now

    assert virtual_time.run(main()) == 1000


def test_any_code_that_sleeps_on_the_loop_is_instant(virtual_time):
    async def main():
        async with asyncio.timeout(3600):
            await asyncio.sleep(3599)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.Event().wait()

    virtual_time.run(main())
    assert virtual_time.now == 3609


def test_close_from_another_thread_ends_a_wait_at_once(face):
    with ScriptedServer([Answer(503)]) as server:
        client = httpxr.Client(transport=StreamingTransport())
        policy = ReconnectPolicy(wait=lambda _: 10.0**9)
        source = ReconnectingEventSource(client, "GET", server.url, policy=policy)
        closing = threading.Timer(0.002, source.close)
        closing.start()
        assert list(source) == []
        closing.join()


def test_an_application_in_process_waits_in_it_too(face):
    async def feed(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-type", b"text/event-stream")]
            await send(
                {"type": "http.response.start", "status": 200, "headers": headers}
            )
            for data, then in ((b"a", 240), (b"b", 0)):
                body = {"body": b"data: " + data + b"\n\n", "more_body": then > 0}
                await send({"type": "http.response.body", **body})
                await asyncio.sleep(then)

    assert face.read_application(feed, 2) == [("a", 0), ("b", 240)]


def test_there_is_one_at_a_time(virtual_time):
    with pytest.raises(RuntimeError, match="virtual already"), VirtualTime():
        pass
    assert virtual_time.run(asyncio.sleep(60, "slept")) == "slept"
    assert virtual_time.now == 60


def test_time_is_real_again_afterwards():
    with VirtualTime() as virtual:
        assert virtual.now == 0
    before = time.monotonic()
    with ScriptedServer([Answer(503), Answer(404)]) as server:
        client = httpxr.Client(transport=StreamingTransport())
        policy = ReconnectPolicy(wait=lambda _: 0.05)
        with pytest.raises(UnexpectedStatus):
            list(ReconnectingEventSource(client, "GET", server.url, policy=policy))
    assert time.monotonic() - before >= 0.05
