"""pytest finds the fixtures by itself, and pays nothing for those it does not use."""

from __future__ import annotations

import subprocess
import sys

import httpxr

from reconnecting_sse import ReconnectingEventSource
from reconnecting_sse.testing import Answer, NumberedFeed


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


def test_the_plugin_imports_nothing_of_the_package():
    program = (
        "import sys, pytest_reconnecting_sse;"
        "sys.exit('reconnecting_sse' in sys.modules or 'httpxr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
