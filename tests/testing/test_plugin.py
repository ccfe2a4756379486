"""pytest finds the fixtures by itself, and pays nothing for those it does not use."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import httpxr
import pytest

from reconnecting_sse import ReconnectingEventSource
from reconnecting_sse.lifecycle import Waiting
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer


def test_a_server_of_a_script(sse_server):
    server = sse_server([Answer(body="data: a\n\n", end="hang")])
    other = sse_server(NumberedFeed(3, then="stop"))
    with httpxr.Client() as client:
        with ReconnectingEventSource(client, "GET", server.url) as source:
            assert next(source.iter_sse()).data == "a"
        with ReconnectingEventSource(client, "GET", other.url) as source:
            assert [event.id for event in source.iter_sse()] == ["1", "2", "3"]


def test_an_application_is_served(sse_app):
    async def app(scope, receive, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: a\n\n"})

    with sse_app(app) as served:
        source = ReconnectingEventSource(served.client(), "GET", "/", on_end="finish")
        assert [event.data for event in source] == ["a"]


def test_a_handler_that_fails_a_test_is_told():
    def handler(request):
        pytest.fail("no")

    with pytest.raises(pytest.fail.Exception), ScriptedServer(handler) as server:
        with httpxr.Client() as client, pytest.raises(httpxr.TransportError):
            client.get(server.url)
        server.wait_for_requests(1)


def waits(url):
    found = []
    with httpxr.Client() as client:
        source = ReconnectingEventSource(client, "GET", url, on_lifecycle=found.append)
        assert list(source) == []
    return [fact.delay for fact in found if isinstance(fact, Waiting)]


def test_jitter_is_the_same_each_time(sse_server, sse_jitter, virtual_time):
    busy = Answer(503, framing="length")
    seen = []
    for seed in (7, 7, 8):
        sse_jitter(seed)
        seen.append(waits(sse_server([busy, busy, busy, Answer(204)]).url))
    assert seen[0] == seen[1] != seen[2]
    assert len(seen[0]) == 3


def test_routes_answer_both_faces(sse_routes):
    event = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=b"data: a\n\n"
    )
    sse_routes.router.get("http://feed.test/").side_effect = [event] * 2
    source = ReconnectingEventSource(
        sse_routes.client(), "GET", "http://feed.test/", on_end="finish"
    )
    assert [each.data for each in source] == ["a"]

    async def main():
        client = sse_routes.async_client()
        url = "http://feed.test/"
        source = ReconnectingEventSource(client, "GET", url, on_end="finish")
        assert [each.data async for each in source] == ["a"]

    asyncio.run(main())


def test_the_plugin_imports_nothing_of_the_package():
    program = (
        "import sys, pytest_reconnecting_sse;"
        "sys.exit('reconnecting_sse' in sys.modules or 'httpxr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
