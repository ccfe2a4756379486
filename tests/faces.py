"""One scenario, both faces: the async one is driven step by step on its own loop."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager

import httpxr
import pytest

from reconnecting_sse import (
    AsyncStreamingTransport,
    EventSource,
    StreamingTransport,
    aconnect_sse,
    connect_sse,
)
from reconnecting_sse.testing import ScriptedServer

SSE = (("Content-Type", "text/event-stream"),)


class SyncFace:
    """``httpxr.Client`` and ``connect_sse``."""

    client = staticmethod(httpxr.Client)
    transport = StreamingTransport
    other_transport = AsyncStreamingTransport

    def __str__(self):
        return "sync"

    @contextmanager
    def connect(self, client, method, url, **request):
        with connect_sse(client, method, url, **request) as source:
            yield self._connected(source)

    @contextmanager
    def source(self, response):
        source = EventSource(response)
        yield self._connected(source)

    def _connected(self, source):
        read = source.response.read
        return Connected(source, source.iter_sse, source.iter_json, next, read)

    @contextmanager
    def streamed(self, *script, method="GET", **request):
        """What a plain client gets from a real server."""
        with (
            ScriptedServer(script) as server,
            self.connect(self.client(), method, server.url, **request) as connected,
        ):
            yield connected

    def ask(self, client, method, url, **request):
        """The response, once the block is left."""
        with self.connect(client, method, url, **request) as connected:
            return connected.response


class AsyncFace(SyncFace):
    """``httpxr.AsyncClient`` and ``aconnect_sse``."""

    client = staticmethod(httpxr.AsyncClient)
    transport = AsyncStreamingTransport
    other_transport = StreamingTransport

    def __str__(self):
        return "async"

    @contextmanager
    def connect(self, client, method, url, **request):
        with asyncio.Runner() as runner:
            manager = aconnect_sse(client, method, url, **request)
            source = runner.run(manager.__aenter__())
            try:
                yield self._connected(source, runner)
            except BaseException:
                if not runner.run(manager.__aexit__(*sys.exc_info())):
                    raise
            else:
                runner.run(manager.__aexit__(None, None, None))

    @contextmanager
    def source(self, response):
        with asyncio.Runner() as runner:
            yield self._connected(EventSource(response), runner)

    def _connected(self, source, runner):
        def step(iterator):
            try:
                return runner.run(_awaited(iterator))
            except StopAsyncIteration:
                raise StopIteration from None

        def read():
            return runner.run(_whole(source.response))

        return Connected(source, source.aiter_sse, source.aiter_json, step, read)


async def _awaited(iterator):
    return await anext(iterator)


async def _whole(response):
    return await response.aread()


class Connected:
    """An ``EventSource`` whose iterators are plain ones on either face."""

    def __init__(self, source, iter_sse, iter_json, step, read):
        self.read = read
        self.source = source
        self.response = source.response
        self._iter_sse = iter_sse
        self._iter_json = iter_json
        self._step = step

    def events(self):
        return Stepped(self._iter_sse(), self._step)

    def documents(self):
        return Stepped(self._iter_json(), self._step)

    def data(self):
        return [event.data for event in self.events()]


class Stepped:
    def __init__(self, iterator, step):
        self._iterator = iterator
        self._step = step

    def __iter__(self):
        return self

    def __next__(self):
        return self._step(self._iterator)


SYNC, ASYNC = SyncFace(), AsyncFace()
on_both_faces = pytest.mark.parametrize("face", [SYNC, ASYNC], ids=str)


class FakeStream:
    """A foreign body for either face, which knows whether it was closed.

    An exception among the chunks is raised in its place.
    """

    def __init__(self, chunks):
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def __aiter__(self):
        return self

    async def __anext__(self):
        for chunk in self:
            return chunk
        raise StopAsyncIteration

    def close(self):
        self.closed += 1

    async def aclose(self):
        self.closed += 1


def reply(status=200, headers=SSE, body=()):
    """An answer of a ``FakeTransport``."""

    def answer(_request):
        return httpxr.Response(status, headers=list(headers), stream=FakeStream(body))

    return answer


def redirect(location, status=307, headers=()):
    return reply(status, [("Location", location), *headers])


class FakeTransport:
    """A foreign transport for either face: plays answers, records requests.

    An answer is a callable or an exception; the last one is repeated.
    """

    def __init__(self, *answers):
        self._answers = list(answers) or [reply()]
        self.requests = []
        self.streams = []

    def handle_request(self, request):
        self.requests.append(Recorded(request))
        answer = self._answers[0]
        if len(self._answers) > 1:
            del self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        response = answer(request)
        self.streams.append(response.stream)
        return response

    async def handle_async_request(self, request):
        return self.handle_request(request)


def asked(face, url, method="GET", *, client=(), answers=(), **request):
    """The requests that a transport of the caller's was handed."""
    transport = FakeTransport(*answers)
    face.ask(face.client(transport=transport, **dict(client)), method, url, **request)
    return transport.requests


class Recorded:
    """A request as a transport was handed it."""

    def __init__(self, request):
        self.method = request.method
        self.url = str(request.url)
        self.fields = [(name.lower(), value) for name, value in request.headers.raw]
        self.content = request.content
        self.extensions = dict(request.extensions)

    def header(self, name):
        """Its values, joined; None without any."""
        wanted = name.lower().encode()
        values = [value for key, value in self.fields if key == wanted]
        return b", ".join(values).decode() if values else None
