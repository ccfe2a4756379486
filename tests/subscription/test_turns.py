"""Turns: no host is asked before whoever counts attempts has let one in."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import httpxr
import pytest

from reconnecting_sse import AsyncStreamingTransport, ReconnectingEventSource
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.durable.playing import SECONDS, Log


class Door:
    """Lets attempts in, at once or when it is opened; remembers what for."""

    def __init__(self, *, is_open=True):
        self.asked, self.left = [], 0
        self._is_open = asyncio.Event()
        if is_open:
            self.open()

    def open(self):
        self._is_open.set()

    async def admit(self, host):
        self.asked.append(host)
        try:
            await self._is_open.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise

    async def wait_for(self, count):
        async with asyncio.timeout(SECONDS):
            while len(self.asked) < count:  # noqa: ASYNC110  (a few turns of the loop)
                await asyncio.sleep(0)


@asynccontextmanager
async def sharing(door, url, **options):
    transport = AsyncStreamingTransport()
    async with httpxr.AsyncClient(transport=transport, trust_env=False) as client:
        options = {"logger": Log(), **options}
        async with ReconnectingEventSource(client, "GET", url, **options) as source:
            source._effects.share(door.admit)
            yield source


def host_of(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


async def ids(source):
    return [event.id async for event in source]


def test_every_attempt_has_one_first_ones_and_reconnects_too():
    async def main(url):
        door, got = Door(), []
        async with sharing(door, url) as source:
            async for event in source:
                got.append(event.id)
                if event.id == "1":
                    source.reconnect()
        return door.asked, got

    first = Answer(body="retry: 10\nid: 1\ndata: one\n\n", end="hang")
    second = Answer(body="id: 2\ndata: two\n\n", end="cut")
    with ScriptedServer([first, second, Answer(204)]) as server:
        asked, got = asyncio.run(main(server.url))
        assert asked == [host_of(server.url)] * 3
    assert got == ["1", "2"]


def test_nothing_is_told_or_sent_before_it():
    async def main(server):
        door, log = Door(is_open=False), Log()
        async with sharing(door, server.url, logger=log) as source:
            reading = asyncio.create_task(ids(source))
            await door.wait_for(1)
            assert (source.state, log.names, server.requests) == ("connecting", [], [])
            door.open()
            return await reading

    with ScriptedServer(NumberedFeed(2, then="stop")) as server:
        assert asyncio.run(main(server)) == ["1", "2"]


def test_close_ends_the_wait_at_once():
    async def main(url):
        door = Door(is_open=False)
        async with sharing(door, url) as source:
            reading = asyncio.create_task(ids(source))
            await door.wait_for(1)
            began = time.monotonic()
            await asyncio.to_thread(source.close)
            assert await reading == []
            assert time.monotonic() - began < 1
        return door

    with ScriptedServer() as server:
        door = asyncio.run(main(server.url))
        assert (len(door.asked), door.left, server.requests) == (1, 1, [])


def test_reconnect_asks_for_another_one():
    async def main(url):
        door = Door(is_open=False)
        async with sharing(door, url) as source:
            reading = asyncio.create_task(ids(source))
            await door.wait_for(1)
            source.reconnect()
            await door.wait_for(2)
            door.open()
            assert await reading == ["1", "2"]
        return door

    with ScriptedServer(NumberedFeed(2, then="stop")) as server:
        assert asyncio.run(main(server.url)).left == 1


def test_a_cancellation_gives_it_up_and_another_reader_asks_again():
    async def main(url):
        door = Door(is_open=False)
        async with sharing(door, url) as source:
            reading = asyncio.create_task(ids(source))
            await door.wait_for(1)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
            door.open()
            assert await ids(source) == ["1", "2"]
        return door

    with ScriptedServer(NumberedFeed(2, then="stop")) as server:
        door = asyncio.run(main(server.url))
        assert (door.left, door.asked[0]) == (1, door.asked[1])


def test_another_host_that_a_redirect_leads_to_is_asked_for_as_well():
    async def main(server):
        door = Door()
        async with sharing(door, server.url) as source:
            await ids(source)
        return door.asked

    moved = Answer(307, headers=[("Location", "{other}/there")], framing="length")
    back = Answer(
        307,
        headers=[("Location", "{origin}/here")],
        framing="length",
        listener="other",
    )
    with ScriptedServer([moved, back, Answer(204)]) as server:
        home, other = host_of(server.url), host_of(server.other_url)
        assert asyncio.run(main(server)) == [home, other]


def test_a_host_that_prepare_gives_is_asked_for_as_well_and_after_prepare():
    async def main(server):
        door = Door()

        def prepare(request, _attempt):
            door.asked.append("prepare")
            return replace(request, url=server.other_url)

        async with sharing(door, server.url, prepare=prepare) as source:
            await ids(source)
        return door.asked

    with ScriptedServer([Answer(204, listener="other")]) as server:
        home, other = host_of(server.url), host_of(server.other_url)
        assert asyncio.run(main(server)) == [home, "prepare", other]


def test_close_ends_the_wait_for_another_host_too():
    async def main(server):
        door = Door(is_open=False)

        async def admit(host):
            if host == host_of(server.url):
                door.asked.append(host)
            else:
                await Door.admit(door, host)

        async with sharing(door, server.url) as source:
            source._effects.share(admit)
            reading = asyncio.create_task(ids(source))
            await door.wait_for(2)
            source.close()
            assert await reading == []

    moved = Answer(307, headers=[("Location", "{other}/")], framing="length")
    with ScriptedServer([moved]) as server:
        asyncio.run(main(server))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("HTTP://Feed.Test/a?b", ("http", "feed.test", 80)),
        ("https://user:secret@feed.test:8443/", ("https", "feed.test", 8443)),
        ("http://[::1]:80/", ("http", "::1", 80)),
        ("feed", ("https", "base.test", 443)),
    ],
)
def test_a_host_is_scheme_name_and_port(url, host):
    class Enough(Exception):
        pass

    asked = []

    async def admit(host):
        asked.append(host)
        raise Enough

    async def main():
        client = httpxr.AsyncClient(base_url="https://base.test/")
        source = ReconnectingEventSource(client, "GET", url)
        source._effects.share(admit)
        with pytest.raises(Enough):
            await ids(source)

    asyncio.run(main())
    assert asked == [host]
