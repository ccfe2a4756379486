"""The transport of the sync face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.conversation import Conversation
from reconnecting_sse.transports.drivers.sync_body import SyncBody
from reconnecting_sse.transports.drivers.sync_wire import SyncWire
from reconnecting_sse.transports.settings import Settings

if TYPE_CHECKING:
    from reconnecting_sse.transports.abort import AbortSignal
    from reconnecting_sse.transports.ways.proxy import ProxyTypes
    from reconnecting_sse.transports.ways.trust import Certificate, StrPath, Verify


class StreamingTransport(httpxr.BaseTransport):
    """A transport for ``httpxr.Client`` whose streams arrive live.

    Live are the requests of this package, and event streams and lines of JSON whoever
    asks; any other response is read whole before it is returned.

    Each request gets its own connection, which is closed at the end of the response's
    body, or with it. Nothing is retried and no redirect followed here. Threads may
    share one transport; a forked process may go on using it. Files are read when they
    are first needed.

    Args:
        verify: True trusts the system's certificate authorities, a path those in that
            file or directory, False anyone. A context is used as it is.
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

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request and return as soon as the response's head is complete.

        Raises:
            httpxr.LocalProtocolError: The request cannot be sent as it is.
            httpxr.UnsupportedProtocol: The URL is neither http nor https.
            httpxr.ProxyError: The proxy does not open the way.
            httpxr.TransportError: The exchange failed on the way.
            ValueError: A certificate's file cannot be loaded, or the environment names
                a proxy that is none.
        """
        route = self._settings.route(request)
        contexts = self._settings.trust.contexts(route)
        wire = SyncWire()
        conversation = Conversation(request, _content(request), route, contexts, wire)
        # httpxr's stubs do not know the attribute.
        signal: AbortSignal | None = cast("Any", request).extensions.get(ABORT)
        if signal is not None:
            signal.attach(wire.release)
        try:
            answered = wire.run(conversation.steps())
            live = SyncBody(wire, conversation, answered)
            body = live if conversation.is_live(answered) else b"".join(live)
        except BaseException:
            wire.close()
            raise
        return conversation.response(answered, body)

    def close(self) -> None:
        """Nothing is shared between requests: open responses stay open."""


def _content(request: httpxr.Request) -> bytes:
    try:
        return request.content
    except httpxr.RequestNotRead:
        pass
    try:
        return request.read()
    except AttributeError as error:
        raise TypeError(
            "this request's body cannot be read here; give bytes or a sync iterator"
        ) from error
