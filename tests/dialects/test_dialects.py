"""Each ready-made dialect against a stand-in that speaks as its documentation says."""

from __future__ import annotations

import asyncio
import json

import httpxr
import pytest

from reconnecting_sse import Dialect, ReconnectingEventSource, dialects
from reconnecting_sse.testing import ScriptedServer
from tests.dialects.stand_ins import (
    CouchDB,
    DurableStreams,
    Horizon,
    LaunchDarkly,
    Mcp,
    Mercure,
    NewerMercure,
    Ntfy,
    OpenAI,
    Wikimedia,
)


def is_message(event):
    return json.loads(event.data)["event"] == "message"


CASES = {
    "mercure": (
        Mercure,
        {"dialect": dialects.mercure()},
        [f"update {n}" for n in range(1, 7)],
        ["/feed", "/feed?lastEventID=urn%3A4"],
    ),
    "mercure, newer": (
        NewerMercure,
        {"dialect": dialects.mercure("last_event_id")},
        [f"update {n}" for n in range(1, 7)],
        ["/feed", "/feed?last_event_id=urn%3A4"],
    ),
    "wikimedia": (
        Wikimedia,
        {"dialect": dialects.WIKIMEDIA, "params": {"since": "2026-01-01"}},
        [f"change {n}" for n in range(3, 7)],
        ["/feed?since=2026-01-01", "/feed"],
    ),
    "openai": (
        OpenAI,
        {
            "dialect": dialects.OPENAI,
            "method": "POST",
            "json": {"background": True, "stream": True},
        },
        None,
        ["/v1/responses", "/v1/responses/resp_1?stream=true&starting_after=3"],
    ),
    "ntfy": (
        Ntfy,
        {"dialect": dialects.NTFY, "params": {"since": "all"}},
        None,
        ["/topic/sse?since=all", "/topic/sse?since=m2"],
    ),
    "horizon": (
        Horizon,
        {"dialect": dialects.HORIZON, "params": {"cursor": "now"}},
        None,
        ["/feed?cursor=now", "/feed?cursor=3"],
    ),
    "couchdb": (
        CouchDB,
        {"dialect": dialects.COUCHDB},
        None,
        [
            "/db/_changes?feed=eventsource",
            "/db/_changes?feed=eventsource&since=3-x",
        ],
    ),
    "launchdarkly": (
        LaunchDarkly,
        {"dialect": dialects.LAUNCHDARKLY},
        None,
        ["/feed", "/feed?basis=%28p%3A1%29"],
    ),
    "durable streams": (
        DurableStreams,
        {
            "dialect": dialects.DURABLE_STREAMS,
            "params": {"offset": "-1", "live": "sse"},
        },
        None,
        ["/feed?offset=-1&live=sse", "/feed?live=sse&offset=1"],
    ),
    "mcp": (
        Mcp,
        {"dialect": dialects.MCP, "method": "POST", "json": {"jsonrpc": "2.0"}},
        None,
        ["/mcp", "/mcp"],
    ),
}

# What is handed over: the first connection's, then the second's.
HANDED = {
    "openai": lambda s: [*s.blocks(-1)[:4], *s.blocks(3)],
    "ntfy": lambda s: [*s.blocks(0)[:4], *s.blocks(2)],
    "horizon": lambda s: [*s.blocks(0)[:4], *s.blocks(3)],
    "couchdb": lambda s: [*s.blocks(0)[:4], *s.blocks(3)],
    "launchdarkly": lambda s: [*s.blocks(0)[:3], *s.blocks(1)],
    "durable streams": lambda s: [*s.blocks(0)[:3], *s.blocks(1)],
    "mcp": lambda s: [*s.blocks(0)[:4], *s.blocks(4)],
}


def data_of(blocks):
    lines = "".join(blocks).splitlines()
    return [line.removeprefix("data: ") for line in lines if line.startswith("data:")]


def read(face, url, count, *, method="GET", **options):
    options = {"wait": lambda _: 0, **options}
    if face == "sync":
        client = httpxr.Client()
        with ReconnectingEventSource(client, method, url, **options) as source:
            return [event.data for _, event in zip(range(count), source, strict=False)]

    async def main():
        found = []
        async with (
            httpxr.AsyncClient() as client,
            ReconnectingEventSource(client, method, url, **options) as source,
        ):
            async for event in source:
                found.append(event.data)
                if len(found) == count:
                    break
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_feed_is_resumed_as_its_documentation_says(name, face):
    kind, options, expected, targets = CASES[name]
    stand_in = kind()
    if expected is None:
        expected = data_of(HANDED[name](stand_in))
    with ScriptedServer(stand_in) as server:
        url = server.url.rstrip("/") + kind.path
        assert read(face, url, len(expected), **options) == expected
    assert [target for _, target in stand_in.asked] == targets
    is_header = name in ("wikimedia", "mcp")
    assert stand_in.headers[0] is None
    assert (stand_in.headers[1] is not None) is is_header


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("name", ["openai", "durable streams"])
def test_a_feed_that_says_it_is_over_is(name, face):
    kind, options, _, _ = CASES[name]
    stand_in = kind()
    with ScriptedServer(stand_in) as server:
        url = server.url.rstrip("/") + kind.path
        found = read(face, url, 100, **options)
    assert found == data_of(HANDED[name](stand_in))


def test_the_standard_is_the_default():
    assert Dialect() == dialects.STANDARD
