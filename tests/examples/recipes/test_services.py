"""Recipes for services."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from itertools import islice

import pytest

from reconnecting_sse import (
    ReconnectingEventSource,
    UnexpectedStatus,
)
from reconnecting_sse.testing import (
    Answer,
    NumberedFeed,
    RandomFaults,
    ScriptedServer,
    ServedApplication,
)
from tests.examples.recipes.programs import recipe


def test_a_relay_passes_on_where_a_browser_was(monkeypatch):
    relay = recipe("relay")
    faults = RandomFaults(3, limit=2, kinds=["cut", "reset"], reach=100)
    with ScriptedServer(NumberedFeed(9, then="hang", faults=faults)) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        monkeypatch.setenv("FEED_TOKEN", "secret")
        with ServedApplication(relay.app) as served:
            browser = ReconnectingEventSource(
                served.client(), "GET", "/events", last_event_id="4"
            )
            with browser:
                assert [e.id for e in islice(browser, 5)] == list("56789")
        first, *_ = server.requests
        assert first.header("authorization") == "Bearer secret"
        assert first.header("last-event-id") == "4"


def test_a_relay_leaves_the_feed_with_its_browser(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(3, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            with ReconnectingEventSource(served.client(), "GET", "/events") as browser:
                assert next(iter(browser)).id == "1"
            assert server.requests[0].closed_by_client.wait(5)


def test_a_relay_leaves_the_feed_though_it_was_just_sending(monkeypatch):
    """The server cancels it then outside of the generator, which would live on."""
    relay = recipe("relay")

    async def left_while_sent():
        is_sending = asyncio.Event()

        async def send(message):
            if message["type"] == "http.response.body":
                is_sending.set()
                await asyncio.Event().wait()

        async def receive():
            await is_sending.wait()
            return {"type": "http.disconnect"}

        kind = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}
        place = {"method": "GET", "path": "/events", "query_string": b""}
        async with asyncio.timeout(5):
            await relay.app({**kind, **place, "headers": []}, receive, send)
        # Its connection is closed by now: nothing waits for a collection of garbage.
        hung_up = server.requests[0].closed_by_client
        assert await asyncio.to_thread(hung_up.wait, 5)

    with ScriptedServer(NumberedFeed(3, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        asyncio.run(left_while_sent())


def test_a_relay_serves_many_each_from_where_he_was(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(9, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served, ExitStack() as stack:
            browsers = [
                stack.enter_context(
                    ReconnectingEventSource(
                        served.client(), "GET", "/events", last_event_id=seen
                    )
                )
                for seen in ("2", "5", "é")
            ]
            turns = islice(zip(*browsers, strict=True), 3)
            found = [[event.id for event in turn] for turn in turns]
        assert found == [["3", "6", "1"], ["4", "7", "2"], ["5", "8", "3"]]
        sent = {request.header("last-event-id") for request in server.requests}
        assert sent == {"2", "5", "é".encode().decode("latin-1")}


def test_a_relay_ends_with_its_feed(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(3, then="stop")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            ends = {"on_end": "finish"}
            with ReconnectingEventSource(
                served.client(), "GET", "/events", **ends
            ) as browser:
                assert [event.id for event in browser] == ["1", "2", "3"]


def test_a_relay_shows_that_all_is_well(monkeypatch):
    relay = recipe("relay")
    monkeypatch.setattr(relay, "HEARTBEAT", 0.01)
    with ScriptedServer([Answer(body="data: a\n\n", end="hang")]) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            seen = []
            browser = ReconnectingEventSource(
                served.client(),
                "GET",
                "/events",
                on_comment=lambda _: browser.close() if seen else None,
            )
            for event in browser:
                seen += [event.data]
    assert seen == ["a"]


def test_several_feeds_are_followed_at_once():
    recipes, seen = recipe("several_feeds"), []

    async def main(*urls):
        async with asyncio.timeout(5):
            await recipes.follow_all(
                list(urls), lambda url, e: seen.append((url, e.id))
            )

    faults = [RandomFaults(n, limit=1, kinds=["cut"], reach=60) for n in range(2)]
    feeds = [NumberedFeed(4, then="stop", faults=each) for each in faults]
    with ScriptedServer(feeds[0]) as one, ScriptedServer(feeds[1]) as other:
        asyncio.run(main(one.url, other.url))
        expected = [(url, n) for url in (one.url, other.url) for n in "1234"]
        assert sorted(seen) == sorted(expected)
        with ScriptedServer([Answer(404)]) as gone:
            with pytest.raises(ExceptionGroup) as caught:
                asyncio.run(main(gone.url))
            assert isinstance(caught.value.exceptions[0], UnexpectedStatus)
