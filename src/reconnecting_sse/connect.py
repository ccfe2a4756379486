"""The surface of ``httpxr.sse``, live: ``connect_sse`` and ``EventSource``.

One connection, no reconnecting: ``ReconnectingEventSource`` is built above it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpxr
import httpxr.sse

from reconnecting_sse.core.answer import EVENTS, refusal
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.documents import (
    LINES,
    AsyncJSONIterator,
    JSONDocuments,
    JSONIterator,
)
from reconnecting_sse.exchange.answers import answer_of
from reconnecting_sse.exchange.bodies import async_body_of, body_of
from reconnecting_sse.exchange.client import ClientSettings, Transports, is_async
from reconnecting_sse.exchange.exchange import Exchange
from reconnecting_sse.exchange.failures import explain
from reconnecting_sse.exchange.hop import check
from reconnecting_sse.exchange.reading import (
    EVENTS_OR_LINES,
    AsyncItems,
    Items,
    Reader,
)
from reconnecting_sse.exchange.request import ACCEPT, UNCOMPRESSED, request_of
from reconnecting_sse.exchange.runners import current_task, run, run_async
from reconnecting_sse.transports.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.exchange.calls import Exchanged, Steps
    from reconnecting_sse.exchange.client import Client
    from reconnecting_sse.exchange.request import StreamRequest

_DEFAULTS = (ACCEPT, (b"Cache-Control", b"no-store"), UNCOMPRESSED)


class EventSource(httpxr.sse.EventSource):
    """The events of one response, as they arrive. One reader at a time.

    Breaking out of a loop loses nothing: what was decoded waits here, and the next
    iterator goes on with it.

    Args:
        response: A response whose body has not been read.
    """

    def __init__(self, response: httpxr.Response) -> None:
        super().__init__(response)
        self._reader = Reader(response)
        is_lines = answer_of(response).content_type in LINES
        self._documents = JSONDocuments("line" if is_lines else "event")

    def __iter__(self) -> Iterator[ServerSentEvent]:
        return self.iter_sse()

    def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        return self.aiter_sse()

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """The events, in order, each before the next byte is waited for.

        Raises:
            SSEError: When iterated: the response is not an event stream.
            httpxr.TransportError: When iterated: the stream was cut, or was silent
                for longer than the read timeout.
        """
        return Items(self._reader, EVENTS)

    # httpxr declares a generator; this iterator can go on after an exception.
    def aiter_sse(self) -> AsyncIterator[ServerSentEvent]:  # type: ignore[override]
        """As ``iter_sse``, on the async face."""
        return AsyncItems(self._reader, EVENTS)

    def iter_json(self) -> Iterator[Any]:
        """The JSON documents of an event stream's data, or of NDJSON's lines.

        Which of the two it is, the content type says. Blank texts are skipped, and
        ``[DONE]`` ends the iteration.

        Raises:
            SSEError: When iterated: the response is neither.
            json.JSONDecodeError: When iterated: one is not JSON; it says which one.
        """
        return JSONIterator(Items(self._reader, EVENTS_OR_LINES), self._documents)

    def aiter_json(self) -> AsyncIterator[Any]:
        """As ``iter_json``, on the async face."""
        items = AsyncItems(self._reader, EVENTS_OR_LINES)
        return AsyncJSONIterator(items, self._documents)


def connect_sse(
    client: httpxr.Client, method: str, url: str, **kwargs: Any
) -> AbstractContextManager[EventSource]:
    """Open one stream and give its events; leaving the block frees the socket.

    Args:
        client: Its headers, cookies, auth, params, base URL and hooks are used.
        method: The request's method.
        url: The request's URL.
        kwargs: ``headers params json data content files cookies auth
            follow_redirects timeout extensions``, as for ``client.stream``. Redirects
            are followed unless ``follow_redirects=False``. ``timeout`` bounds the
            connect and each silence, never the whole; None lifts every limit, and
            without it the client's counts, or else 10 s for the connect and 30 s for
            the headers, and no limit on silence.

    Raises:
        TypeError: The client is an ``AsyncClient``, or a keyword is unknown.
        httpxr.InvalidURL: The URL is none that one can ask for; it is a ``ValueError``.
        httpxr.LocalProtocolError: The method, or a header, would break the request.
        httpxr.TransportError: When entered: no response could be had.
    """
    if is_async(client):
        raise TypeError(
            "connect_sse needs an httpxr.Client; use aconnect_sse for yours"
        )
    return _connected(client, _request_of(client, method, url, kwargs))


def aconnect_sse(
    client: httpxr.AsyncClient, method: str, url: str, **kwargs: Any
) -> AbstractAsyncContextManager[EventSource]:
    """As ``connect_sse``, for an ``AsyncClient`` and ``aiter_sse``."""
    if not is_async(client):
        raise TypeError("aconnect_sse needs an httpxr.AsyncClient; use connect_sse")
    return _aconnected(client, _request_of(client, method, url, kwargs))


def _request_of(
    client: Any, method: str, url: str, kwargs: dict[str, Any]
) -> StreamRequest:
    keywords = dict(kwargs)
    if "timeout" in keywords:
        timeouts = Timeouts.from_httpx(keywords.pop("timeout"))
    elif client.timeout is not None:  # an AsyncClient's number cannot be read back
        timeouts = Timeouts.from_httpx(client.timeout)
    else:
        timeouts = Timeouts()
    request = request_of(method, url, keywords)
    # A body may be one that gives its data only once.
    bodiless = replace(request, body={})
    settings, transports = ClientSettings.of(client), Transports(client)
    check(bodiless, settings, transports, is_async=is_async(client))
    extensions = {"timeout": timeouts.as_extension(), **request.extensions}
    return replace(request, defaults=_DEFAULTS, extensions=extensions)


@contextmanager
def _connected(client: httpxr.Client, request: StreamRequest) -> Iterator[EventSource]:
    transports = Transports(client)
    with _errors_explained(transports):
        exchanged = run(_steps(client, transports, request))
    body = body_of(exchanged.response)
    try:
        yield EventSource(_followed(exchanged))
    finally:
        body.close()


@asynccontextmanager
async def _aconnected(
    client: httpxr.AsyncClient, request: StreamRequest
) -> AsyncIterator[EventSource]:
    current_task()
    content: Any = request.body.get("content")
    if hasattr(content, "__aiter__"):
        gathered = b"".join([chunk async for chunk in content])
        request = replace(request, body={**request.body, "content": gathered})
    transports = Transports(client)
    with _errors_explained(transports):
        exchanged = await run_async(_steps(client, transports, request), _plainly)
    body = async_body_of(exchanged.response)
    try:
        yield EventSource(_followed(exchanged))
    finally:
        await body.aclose()


def _steps(client: Client, transports: Transports, request: StreamRequest) -> Steps:
    settings, faced = ClientSettings.of(client), is_async(client)
    return Exchange(
        request, settings, transports, extensions={}, is_async=faced
    ).steps()


@contextmanager
def _errors_explained(transports: Transports) -> Iterator[None]:
    """The caller's own errors as he raised them, a wire's with what he may not know."""
    try:
        yield
    except CallersError as callers:
        raise callers.error from callers.error.__cause__
    except httpxr.ConnectError as error:
        explain(error, substituted=transports.has_substituted)
        raise


def _followed(exchanged: Exchanged) -> httpxr.Response:
    if exchanged.refusal:
        answer = answer_of(exchanged.response, exchanged.refusal)
        raise refusal(answer, answer.url)
    return exchanged.response


async def _plainly(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
