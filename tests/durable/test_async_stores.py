"""A store that is awaited, on the async face: a keeper that is a task."""

from __future__ import annotations

import asyncio
import threading

import httpxr
import pytest

from reconnecting_sse import (
    ClaimLost,
    CommitPolicy,
    ReconnectingEventSource,
    StoreUnavailable,
)
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription import keepers
from reconnecting_sse.subscription.keeping import Keeping
from tests.durable.playing import SECONDS, Log, feed

QUICK = CommitPolicy(interval=0.01)


class Awaited:
    """A MemoryStore whose calls are awaited; each may be made to fail or to hang."""

    is_async, is_exclusive = True, False

    def __init__(self):
        self.inner, self.calls, self.before = MemoryStore(), [], {}

    def __getattr__(self, name):
        method = getattr(self.inner, name)

        async def call(*args):
            await asyncio.sleep(0)
            if name in self.before:
                await self.before[name](*args)
            self.calls.append(name)
            return method(*args)

        return call

    @property
    def position(self):
        return self.inner.places()[0].position


def source_of(client, url, store, **options):
    options = {"name": "prices", "commits": QUICK, "logger": Log(), **options}
    return ReconnectingEventSource(client, "GET", url, store=store, **options)


def test_positions_are_committed_and_gone_on_from():
    store = Awaited()

    async def main(url, count):
        async with httpxr.AsyncClient() as client, source_of(client, url, store) as s:
            events = aiter(s)
            return [(await anext(events)).id for _ in range(count)]

    with feed() as server:
        assert asyncio.run(main(server.url, 3)) == ["1", "2", "3"]
        assert asyncio.run(main(server.url, 2)) == ["4", "5"]
    assert store.position == "5"
    assert store.calls.count("release") == 2


def test_a_source_goes_on_in_another_event_loop():
    store = Awaited()

    with feed() as server:
        source = source_of(httpxr.AsyncClient(), server.url, store)
        events = aiter(source)

        async def take(count):
            return [(await anext(events)).id for _ in range(count)]

        assert asyncio.run(take(2)) == ["1", "2"]
        assert asyncio.run(take(2)) == ["3", "4"]
        asyncio.run(source.aclose())
    assert store.position == "4"
    assert store.calls[-1] == "release"


def test_two_sources_share_a_keeper_and_a_loop():
    store = Awaited()

    async def main(url):
        async with httpxr.AsyncClient() as client:
            one = source_of(client, url, store, name="one", lease=60)
            two = source_of(client, url, store, name="two", lease=60)
            async with one, two:
                return [(await anext(aiter(s))).id for s in (one, two)]

    with feed() as server:
        assert asyncio.run(main(server.url)) == ["1", "1"]
    assert [place.position for place in store.inner.places()] == ["1", "1"]


def test_a_lost_claim_is_told():
    store = Awaited()

    async def main(url):
        client = httpxr.AsyncClient()
        source = source_of(client, url, store, commits=CommitPolicy(every=1))
        async with source:
            events = aiter(source)
            await anext(events)
            store.inner.put("prices", "9")
            await anext(events)

    with feed() as server, pytest.raises(ClaimLost):
        asyncio.run(main(server.url))
    assert store.position == "9"


def test_a_store_that_hangs_does_not_hold_up_close():
    store = Awaited()

    async def main(url):
        hang = asyncio.Event()
        store.before["claim"] = lambda *_: hang.wait()
        source = source_of(httpxr.AsyncClient(), url, store)
        loop = asyncio.get_running_loop()
        threading.Timer(0.05, lambda: loop.call_soon_threadsafe(source.close)).start()
        async with asyncio.timeout(SECONDS):
            found = [event async for event in source]
        hang.set()
        return found

    with feed() as server:
        assert asyncio.run(main(server.url)) == []


def test_a_store_that_fails_is_tried_again():
    store = Awaited()
    fails = iter(range(3))

    async def fail(*_):
        if next(fails, None) is not None:
            raise StoreUnavailable("gone")

    store.before["claim"] = fail

    async def main(url):
        async with source_of(httpxr.AsyncClient(), url, store) as source:
            return (await anext(aiter(source))).id

    with feed() as server:
        assert asyncio.run(main(server.url)) == "1"


def test_a_blocking_client_cannot_await_a_store():
    with pytest.raises(TypeError, match="has to be awaited"):
        source_of(httpxr.Client(), "http://feed.test/", Awaited())


def test_a_keeper_whose_loop_is_closed_can_be_woken():
    store = Awaited()
    with feed() as server:
        source = source_of(httpxr.AsyncClient(), server.url, store)

        async def take():
            return (await anext(aiter(source))).id

        assert asyncio.run(take()) == "1"
        source._subscription.custody.wake()
        source.close()
        asyncio.run(source.aclose())
    assert store.calls[-1] == "release"


def test_a_fault_of_the_keeper_is_raised_by_whom_it_serves(monkeypatch):
    async def main(url):
        store = Awaited()
        async with httpxr.AsyncClient() as client, source_of(client, url, store) as s:
            async for _ in s:
                monkeypatch.setattr(Keeping, "_commit", lambda _: {}["a fault"])

    with feed() as server, pytest.raises(KeyError, match="a fault"):
        asyncio.run(main(server.url))


def test_a_keeper_whose_loop_ends_is_forgotten():
    store = Awaited()

    async def main(url):
        client = httpxr.AsyncClient()
        events = aiter(source_of(client, url, store))
        await anext(events)
        await client.aclose()

    with feed() as server:
        asyncio.run(main(server.url))
    assert id(store) not in keepers._keepers
