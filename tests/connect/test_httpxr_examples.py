"""The programs one writes with ``httpxr.sse``, live after changing the import.

Each is written once and handed the module to use. The server sends an event, then
waits until the program's loop says that it has it, and writes down whether it did.
With ``httpxr.sse`` itself it never does in time: on the sync face everything comes at
the end, on the async face nothing comes at all.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading

import httpxr
import httpxr.sse
import pytest

import reconnecting_sse
from reconnecting_sse.testing import EVENT_STREAM, Answer, ScriptedServer

PATIENCE = 5.0
"""How long the server waits for a live program's loop."""

IMPATIENCE = 0.3
"""How long it waits for one that will not answer."""


class Feed:
    """Sends one piece after another, each only after the loop had the one before.

    Attributes:
        live: For each piece, whether the loop had it before the next was sent.
    """

    def __init__(self, *pieces, patience=PATIENCE, headers=EVENT_STREAM):
        self.live = []
        self._pieces = pieces
        self._patience = patience
        self._headers = headers
        self._arrived = threading.Semaphore(0)

    def arrived(self, *_):
        """Called by the loop, once for each piece."""
        self._arrived.release()

    def left(self):
        """Called when the program is over: nobody need be waited for."""
        self._arrived.release(len(self._pieces))

    def __call__(self, _request):
        return Answer(headers=self._headers, body=self._body())

    def _body(self):
        for piece in self._pieces:
            yield piece
            self.live.append(self._arrived.acquire(timeout=self._patience))


# ------------------------------------------------------------------ the programs


def read_feed(sse, url, show):
    client = httpxr.Client()
    with sse.connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            show(event.data)


async def read_feed_async(sse, url, show):
    client = httpxr.AsyncClient()
    async with sse.aconnect_sse(client, "GET", url) as source:
        async for event in source.aiter_sse():
            show(event.data)


QUESTION = {
    "model": "any",
    "stream": True,
    "messages": [{"role": "user", "content": "Say something long"}],
}


def chat(sse, url, show):
    client = httpxr.Client(headers={"Authorization": "Bearer key"})
    with sse.connect_sse(client, "POST", url, json=QUESTION) as source:
        for event in source.iter_sse():
            if event.data == "[DONE]":
                break
            delta = event.json()["choices"][0]["delta"]
            show(delta.get("content", ""))


async def chat_async(sse, url, show):
    client = httpxr.AsyncClient(headers={"Authorization": "Bearer key"})
    async with sse.aconnect_sse(client, "POST", url, json=QUESTION) as source:
        async for event in source.aiter_sse():
            if event.data == "[DONE]":
                break
            delta = event.json()["choices"][0]["delta"]
            show(delta.get("content", ""))


def watch(sse, url, show):
    client = httpxr.Client()
    with sse.connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            match event.event:
                case "ping":
                    show("still there")
                case "update":
                    show(event.json()["price"])
                case "error":
                    show(f"over: {event.data}")
                    break


async def watch_async(sse, url, show):
    client = httpxr.AsyncClient()
    async with sse.aconnect_sse(client, "GET", url) as source:
        async for event in source.aiter_sse():
            match event.event:
                case "ping":
                    show("still there")
                case "update":
                    show(event.json()["price"])
                case "error":
                    show(f"over: {event.data}")
                    break


def spoken(word):
    choice = {"index": 0, "delta": {"content": word}}
    return f"data: {json.dumps({'choices': [choice]})}\n\n"


FEED = [f"id: {n}\ndata: {n}\n\n" for n in (1, 2, 3)]
CHAT = [*map(spoken, ("Once", " upon", " a time")), "data: [DONE]\n\n"]
WATCHED = [
    "event: ping\ndata:\n\n",
    'event: update\ndata: {"price": 5}\n\n',
    "event: error\ndata: sold out\n\n",
    "event: update\ndata: never seen\n\n",
]
PROGRAMS = {
    "feed": (read_feed, FEED, ["1", "2", "3"]),
    "chat": (chat, CHAT, ["Once", " upon", " a time"]),
    "watch": (watch, WATCHED, ["still there", 5, "over: sold out"]),
}
ASYNC_PROGRAMS = {
    "feed": (read_feed_async, *PROGRAMS["feed"][1:]),
    "chat": (chat_async, *PROGRAMS["chat"][1:]),
    "watch": (watch_async, *PROGRAMS["watch"][1:]),
}
programs = pytest.mark.parametrize(
    ("program", "pieces", "expected"), PROGRAMS.values(), ids=PROGRAMS
)
async_programs = pytest.mark.parametrize(
    ("program", "pieces", "expected"), ASYNC_PROGRAMS.values(), ids=ASYNC_PROGRAMS
)


# ------------------------------------------------------------------ live


def shown(run, feed):
    """What the program's loop shows, and the request that it made."""
    seen = []

    def show(what):
        seen.append(what)
        feed.arrived()

    with ScriptedServer([feed]) as server:
        run(server.url, show)
        feed.left()
        (request,) = server.requests
    return seen, request


@programs
def test_each_event_reaches_the_loop_before_the_next_is_sent(program, pieces, expected):
    feed = Feed(*pieces)
    seen, request = shown(lambda url, show: program(reconnecting_sse, url, show), feed)
    assert seen == expected
    assert feed.live[: len(expected)] == [True] * len(expected)
    assert request.header("accept") == "text/event-stream"


@async_programs
def test_each_event_reaches_the_async_loop_before_the_next_is_sent(
    program, pieces, expected
):
    feed = Feed(*pieces)
    seen, request = shown(
        lambda url, show: asyncio.run(program(reconnecting_sse, url, show)), feed
    )
    assert seen == expected
    assert feed.live[: len(expected)] == [True] * len(expected)
    assert request.header("accept") == "text/event-stream"


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_chat_is_asked_as_the_caller_said(is_async):
    def run(url, show):
        if is_async:
            asyncio.run(chat_async(reconnecting_sse, url, show))
        else:
            chat(reconnecting_sse, url, show)

    _, request = shown(run, Feed(*CHAT))
    assert request.method == "POST"
    assert json.loads(request.body) == QUESTION
    assert request.header("content-type") == "application/json"
    assert request.header("content-length") == str(len(request.body))
    assert request.header("authorization") == "Bearer key"


LINES = ['{"n": 1}\n', '{"n": 2}\n', '{"n": 3}']
JSON = {
    "lines": (LINES, [("Content-Type", "application/x-ndjson")]),
    "events": ([f"data: {line.strip()}\n\n" for line in LINES], EVENT_STREAM),
}


def documents(url, show):
    client = httpxr.Client()
    with reconnecting_sse.connect_sse(client, "GET", url) as source:
        for document in source.iter_json():
            show(document["n"])


async def documents_async(url, show):
    client = httpxr.AsyncClient()
    async with reconnecting_sse.aconnect_sse(client, "GET", url) as source:
        async for document in source.aiter_json():
            show(document["n"])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("pieces", "headers"), JSON.values(), ids=JSON)
def test_each_document_reaches_the_loop_before_the_next_is_sent(
    pieces, headers, is_async
):
    def run(url, show):
        if is_async:
            asyncio.run(documents_async(url, show))
        else:
            documents(url, show)

    # A last line without a line end is complete only when the stream ends.
    feed = Feed(*pieces[:2], headers=headers)
    seen, _ = shown(run, feed)
    assert seen == [1, 2]
    assert feed.live == [True, True]
    feed = Feed(*pieces[2:], headers=headers, patience=0)
    assert shown(run, feed)[0] == [3]


# ------------------------------------------------------------------ httpxr.sse


@programs
def test_with_httpxr_sse_nothing_comes_until_the_end(program, pieces, expected):
    feed = Feed(*pieces, patience=IMPATIENCE)
    seen, _ = shown(lambda url, show: program(httpxr.sse, url, show), feed)
    assert seen == expected
    assert feed.live == [False] * len(pieces)


@pytest.mark.parametrize("name", ASYNC_PROGRAMS)
def test_with_httpxr_sse_nothing_at_all_comes_on_the_async_face(name):
    _, pieces, _ = ASYNC_PROGRAMS[name]
    feed = Feed(*pieces, patience=IMPATIENCE)
    with ScriptedServer([feed]) as server:
        # A child: httpxr's runtime may abort a process that ends soon after its use.
        child = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.connect.test_httpxr_examples",
                name,
                server.url,
            ],
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE * 2,
            check=True,
        )
        assert len(server.requests) == 1
    assert child.stdout.splitlines() == ["the loop has ended"]


if __name__ == "__main__":
    asyncio.run(ASYNC_PROGRAMS[sys.argv[1]][0](httpxr.sse, sys.argv[2], print))
    print("the loop has ended", flush=True)  # noqa: T201  (its one output)
    os._exit(0)
