"""Ordinary requests on clients with our transports: they work as on plain ones."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import httpxr
import pytest

from reconnecting_sse import AsyncStreamingTransport, StreamingTransport
from reconnecting_sse.testing import Answer, Hang, Pause, ScriptedServer
from reconnecting_sse.transports.body import LIVE
from tests.raw_wire import PATIENCE, Server, answering

JSON = [("Content-Type", "application/json; charset=utf-8")]


class SyncCaller:
    def __init__(self, **options):
        self.client = httpxr.Client(transport=StreamingTransport(), **options)

    def ask(self, method, url, **request):
        return self.client.request(method, url, **request)

    def parts(self, url, gate, **request):
        """What comes before the gate is opened, and after."""
        with self.client.stream("GET", url, **request) as response:
            first = next(response.stream)
            gate.set()
            return [first, *response.stream]

    def close(self):
        self.client.close()


class AsyncCaller:
    """The client is not closed: that can end the process of the tests."""

    def __init__(self, **options):
        self.runner = asyncio.Runner()
        transport = AsyncStreamingTransport()
        self.client = httpxr.AsyncClient(transport=transport, **options)

    def ask(self, method, url, **request):
        return self.runner.run(self._ask(method, url, request))

    async def _ask(self, method, url, request):
        return await self.client.request(method, url, **request)

    def parts(self, url, gate, **request):
        return self.runner.run(self._parts(url, gate, request))

    async def _parts(self, url, gate, request):
        async with self.client.stream("GET", url, **request) as response:
            first = await anext(response.stream)
            gate.set()
            return [first, *[part async for part in response.stream]]

    def close(self):
        self.runner.close()


@pytest.fixture(params=[SyncCaller, AsyncCaller], ids=["sync", "async"])
def caller(request):
    made = request.param(trust_env=False)
    yield made
    made.close()


@contextmanager
def answered(caller, *steps, method="GET", path="", **request):
    with ScriptedServer(steps) as server:
        yield caller.ask(method, server.url + path, **request), server


FRAMINGS = ["chunked", "length", "close"]


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_ordinary_answer_is_read_whole_and_decoded(caller, framing, encoding):
    step = Answer(
        headers=JSON, body=['{"a": ', '"é"}'], framing=framing, encoding=encoding
    )
    with answered(caller, step) as (response, _):
        assert response.raise_for_status().status_code == 200
        assert response.json() == {"a": "é"}
        assert (response.text, response.content) == ('{"a": "é"}', b'{"a": "\xc3\xa9"}')
        assert "content-encoding" not in response.headers


def test_the_connection_is_closed_whatever_is_kept_of_the_answer(caller):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with Server(answering(answer)) as server:
        response = caller.ask("GET", server.url)
        assert server.closed.wait(PATIENCE)
        assert response.json() == {}


@pytest.mark.parametrize("status", [200, 201, 404, 500])
def test_each_status_has_its_body(caller, status):
    step = Answer(status, headers=JSON, body='{"s": 1}', framing="length")
    with answered(caller, step, method="POST", json={"q": "é"}) as (response, server):
        assert response.status_code == status
        assert response.json() == {"s": 1}
        assert server.requests[0].header("content-type") == "application/json"
        if status >= 400:
            with pytest.raises(httpxr.HTTPStatusError):
                response.raise_for_status()


@pytest.mark.parametrize(
    ("method", "step"),
    [
        ("HEAD", Answer(headers=JSON, framing="length", declared_length=7)),
        ("HEAD", Answer()),
        ("GET", Answer(204)),
        ("GET", Answer(304, headers=JSON)),
        ("GET", Answer(headers=JSON, framing="length")),
    ],
)
def test_no_body_is_an_empty_one(caller, method, step):
    with answered(caller, step, method=method) as (response, _):
        assert (response.content, response.text) == (b"", "")


def test_httpxr_follows_redirects(caller):
    steps = [
        Answer(302, headers=[("Location", "/b")], body="moved", framing="length"),
        Answer(headers=JSON, body="{}", framing="length"),
    ]
    with answered(caller, *steps, follow_redirects=True) as (response, server):
        assert response.json() == {}
        assert [request.target for request in server.requests] == ["/", "/b"]


def test_httpxr_authenticates(caller):
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    steps = [
        Answer(401, headers=[challenge], body="who?", framing="length"),
        Answer(headers=JSON, body="{}", framing="length"),
    ]
    auth = httpxr.DigestAuth("me", "hush")
    with answered(caller, *steps, auth=auth) as (response, server):
        assert response.json() == {}
        assert server.requests[1].header("authorization").startswith("Digest ")


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_body_that_is_cut_is_an_error(caller, end):
    step = Answer(headers=JSON, body=['{"a": '], end=end)
    with pytest.raises(httpxr.TransportError), answered(caller, step):
        pass


@pytest.mark.parametrize(
    "steps", [[Hang()], [Answer(headers=JSON, body=["["], end="hang")]]
)
def test_a_silence_has_the_read_timeout(caller, steps):
    """A single number, as users give it."""
    with ScriptedServer(steps) as server:
        with pytest.raises(httpxr.ReadTimeout, match=r"0\.1 s"):
            caller.ask("GET", server.url, timeout=0.1)
        assert server.requests[0].closed_by_client.wait(PATIENCE)


def test_a_body_longer_than_the_read_timeout_is_read_whole(caller):
    """The timeout is of each silence, not of the whole."""
    pieces = [Pause(0.05), "1"] * 10
    step = Answer(headers=JSON, body=pieces)
    with answered(caller, step, timeout=0.4) as (response, _):
        assert response.text == "1" * 10


# ------------------------------------------------------------------ live, all the same


@pytest.mark.parametrize(
    "kind", ["text/event-stream", "Text/Event-Stream; a=b", "application/x-ndjson"]
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_stream_is_handed_over_as_it_arrives(caller, kind, status):
    gate = threading.Event()
    headers = [("Content-Type", kind)]
    step = Answer(status, headers=headers, body=["one\n\n", gate, "two\n\n"])
    with ScriptedServer([step]) as server:
        assert caller.parts(server.url, gate) == [b"one\n\n", b"two\n\n"]


def test_any_other_answer_may_be_asked_for_live(caller):
    gate = threading.Event()
    step = Answer(headers=JSON, body=["one", gate, "two"])
    with ScriptedServer([step]) as server:
        parts = caller.parts(server.url, gate, extensions={LIVE: True})
        assert parts == [b"one", b"two"]


def test_an_error_that_says_it_is_a_stream_is_read_whole(caller):
    with answered(caller, Answer(400, body="data: why\n\n")) as (response, _):
        assert response.text == "data: why\n\n"
