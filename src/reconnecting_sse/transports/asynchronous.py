"""The asyncio transport: responses whose bodies are read as they arrive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.body import content_of
from reconnecting_sse.transports.conversation import Conversation
from reconnecting_sse.transports.drivers.async_body import AsyncBody
from reconnecting_sse.transports.drivers.async_wire import AsyncWire
from reconnecting_sse.transports.settings import Settings

if TYPE_CHECKING:
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
    """Sends each request over a connection of its own, and streams what is a stream.

    Live are the responses to this package, and event streams and lines of JSON whoever
    asks; any other is read whole before it is returned.

    One instance serves any number of tasks and event loops. Nothing is ever resent,
    redirected or kept for another request. The response's stream owns the connection:
    whoever opens it closes it. The content codings that were offered are decoded; any
    other is handed over as it came. Files are read, in a thread, when they are first
    needed.

    Args:
        verify: Whether certificates are checked; or a file or directory of the CAs to
            trust, or an ``ssl.SSLContext`` to use as it is.
        cert: The client certificate: a PEM file with its key, or (certificate, key),
            or (certificate, key, password).
        proxy: The proxy's URL, with its credentials, or an ``httpxr.Proxy``: http,
            https, socks5 or socks5h (the last leaves names to the proxy).
        uds: The path of a Unix-domain socket to connect to, whatever the URL's host.
        trust_env: Whether to go by the proxies that the environment names
            (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, less ``NO_PROXY``), asked
            anew for each request.
        server_hostname: The name that certificates of origins must have, and that they
            are asked for by (SNI), instead of the URL's host; a request's
            ``extensions={"sni_hostname": …}`` counts more.

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
        trust_env: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        self._settings = Settings.of(
            verify,
            cert,
            proxy,
            uds,
            trust_env=trust_env,
            server_hostname=server_hostname,
        )

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request; the response once its headers are complete.

        Raises:
            httpxr.ProxyError: The proxy does not open the way.
            httpxr.TransportError: There was no response.
            RuntimeError: The event loop cannot watch a socket.
            ValueError: A certificate's file cannot be loaded, or the environment names
                a proxy that is none.
        """
        route = self._settings.route(request)
        contexts, content = await self._contexts(route), await content_of(request)
        wire = AsyncWire()
        conversation = Conversation(request, content, route, contexts, wire)
        # httpxr's stubs do not know the attribute.
        signal: AbortSignal | None = cast("Any", request).extensions.get(ABORT)
        if signal is not None:
            signal.attach(wire.abort)
            wire.is_given_up = signal.aborted
        try:
            answered = await wire.run(conversation.steps())
            live = AsyncBody(wire, conversation, answered)
            is_live = conversation.is_live(answered)
            body = live if is_live else b"".join([chunk async for chunk in live])
        except BaseException:
            wire.close()
            raise
        return conversation.response(answered, body)

    async def aclose(self) -> None:
        """Nothing to free: each response owns its connection."""

    async def _contexts(self, route: Route) -> Contexts:
        trust = self._settings.trust
        if trust.is_loaded_for(route):
            return trust.contexts(route)
        # Reading the CAs takes some 20 ms: not the loop's.
        return await asyncio.to_thread(trust.contexts, route)
