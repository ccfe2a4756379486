"""The asyncio transport: responses whose bodies are read as they arrive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.aiohttp_body import Body
from reconnecting_sse.transports.aiohttp_connection import Wire
from reconnecting_sse.transports.aiohttp_errors import (
    CONNECT_ERRORS,
    WIRE_ERRORS,
    ClosedError,
    connect_error,
    connect_timeout,
    head_error,
    headers_timeout,
)
from reconnecting_sse.transports.body import is_bodyless
from reconnecting_sse.transports.codings.codings import decoder_for, without_coding
from reconnecting_sse.transports.http1.message import Message
from reconnecting_sse.transports.settings import Settings
from reconnecting_sse.transports.timeouts import Timeouts
from reconnecting_sse.transports.ways.refusals import refuse_login

if TYPE_CHECKING:
    from aiohttp.http import RawResponseMessage

    from reconnecting_sse.transports.abort import AbortSignal
    from reconnecting_sse.transports.ways.proxy import ProxyTypes
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.trust import (
        Certificate,
        Contexts,
        StrPath,
        Verify,
    )


class AsyncStreamingTransport(httpxr.AsyncBaseTransport):
    """Sends each request over a connection of its own, and streams the response.

    One instance serves any number of tasks and event loops. Nothing is ever resent,
    redirected or kept for another request. The response's stream owns the connection:
    whoever opens it closes it. The content codings that were offered are decoded; any
    other is handed over as it came. The environment is not read. Files are, in a
    thread, when they are first needed.

    Args:
        verify: Whether certificates are checked; or a file or directory of the CAs to
            trust, or an ``ssl.SSLContext`` to use as it is.
        cert: The client certificate: a PEM file with its key, or (certificate, key),
            or (certificate, key, password).
        proxy: The proxy's URL, with its credentials, or an ``httpxr.Proxy``: http,
            https, socks5 or socks5h (the last leaves names to the proxy).
        uds: The path of a Unix-domain socket to connect to, whatever the URL's host.

    Raises:
        ValueError: The arguments do not fit together, or name no proxy.
        ImportError: A SOCKS proxy needs the extra ``socks``.
    """

    is_live: ClassVar[bool] = True
    """It decodes, obeys its timeouts, and can be aborted: no adapter is needed."""

    def __init__(
        self,
        *,
        verify: Verify = True,
        cert: Certificate | None = None,
        proxy: ProxyTypes | None = None,
        uds: StrPath | None = None,
    ) -> None:
        self._settings = Settings.of(verify, cert, proxy, uds)

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request; the response once its headers are complete.

        Raises:
            httpxr.ProxyError: The proxy does not open the way.
            httpxr.TransportError: There was no response.
            ValueError: A certificate's file cannot be loaded.
        """
        route = self._settings.route(request.url)
        message = Message.of(request, route).with_body(await _content(request))
        contexts = await self._contexts(route)
        wire = Wire(route)
        # httpxr's stubs do not know the attribute.
        signal: AbortSignal | None = cast("Any", request).extensions.get(ABORT)
        if signal is not None:
            signal.attach(wire.abort)
            wire.closed = signal.aborted
        timeouts = Timeouts.of(request)
        try:
            await _connect(wire, contexts, timeouts.connect)
            head = await _exchange(wire, request.method, message, timeouts.headers)
            refuse_login(route, head.code)
        except BaseException:
            wire.close()
            raise
        body = Body(wire, timeouts.read)
        return _response(request, head, body)

    async def aclose(self) -> None:
        """Nothing to free: each response owns its connection."""

    async def _contexts(self, route: Route) -> Contexts:
        trust = self._settings.trust
        if trust.is_loaded_for(route):
            return trust.contexts(route)
        # Reading the CAs takes some 20 ms: not the loop's.
        return await asyncio.to_thread(trust.contexts, route)


async def _connect(wire: Wire, contexts: Contexts, seconds: float | None) -> None:
    try:
        if wire.closed:
            raise ClosedError
        await wire.within(seconds, wire.connect(contexts))
    except TimeoutError as error:
        raise connect_timeout(wire.hop, seconds) from error
    except CONNECT_ERRORS as error:
        raise connect_error(wire.hop, error) from error


async def _exchange(
    wire: Wire, method: str, message: bytes, seconds: float | None
) -> RawResponseMessage:
    try:
        return await wire.within(seconds, wire.exchange(method, message))
    except TimeoutError as error:
        raise headers_timeout(wire.hop, seconds) from error
    except WIRE_ERRORS as error:
        cause = ClosedError() if wire.closed else error
        raise head_error(wire.hop, cause, is_sending=wire.is_sending) from error


async def _content(request: httpxr.Request) -> bytes:
    """The request's body, gathered where it is a stream."""
    try:
        return request.content
    except httpxr.RequestNotRead:
        stream = request.stream
    if hasattr(stream, "__aiter__"):
        return b"".join([chunk async for chunk in stream])
    return b"".join(stream)


def _response(
    request: httpxr.Request, head: RawResponseMessage, body: Body
) -> httpxr.Response:
    headers = list(head.raw_headers)
    if not is_bodyless(request.method, head.code):
        body.decoder = decoder_for(head.headers.getall("Content-Encoding", []))
    if body.decoder is not None:
        headers = without_coding(headers)
    version = f"HTTP/{head.version.major}.{head.version.minor}".encode()
    reason = head.reason.encode("utf-8", "surrogateescape")
    return httpxr.Response(
        head.code,
        headers=cast("Any", headers),  # bytes, too, whatever the stubs say
        stream=body,
        request=request,
        extensions={"http_version": version, "reason_phrase": reason},
    )
