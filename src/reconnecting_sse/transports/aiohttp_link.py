"""The way to an origin, over aiohttp's connector."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from reconnecting_sse.core.authority import authority
from reconnecting_sse.transports.aiohttp_protocols import Arrivals, Carrier
from reconnecting_sse.transports.ways.tunnel import opened

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps
    from reconnecting_sse.transports.ways.trust import Contexts


class Link:
    """Connects to the first hop, and goes on from there.

    Attributes:
        hop: What is being connected to, or was, as messages name it.
    """

    def __init__(self, route: Route) -> None:
        self.hop = route.first_hop
        self._route = route
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._protocol: ResponseHandler
        self._transport: asyncio.Transport
        self._plain_transport: Any = None
        self._lost: asyncio.Future[None]

    def _wake(self, lost: asyncio.Future[None]) -> None:
        lost.exception()  # looked at, or asyncio would log it

    async def _pass_hops(self, contexts: Contexts) -> None:
        """Go from the first hop to the origin."""
        route = self._route
        if route.is_tunnelled:
            self.hop = route.tunnel
            await self._open_tunnel()
        self.hop = route.where
        if contexts.origin is not None and not self._dials_origin_tls:
            await self._start_tls(contexts.origin)

    @property
    def _dials_origin_tls(self) -> bool:
        route = self._route
        return route.needs_tls and route.proxy is None and route.uds is None

    async def _dial(self, contexts: Contexts) -> None:
        is_tls = self._dials_origin_tls or contexts.proxy is not None
        context = (contexts.proxy or contexts.origin) if is_tls else None
        where = authority(*self._route.address)
        url = URL(f"{'https' if is_tls else 'http'}://{where}/", encoded=True)
        request = aiohttp.ClientRequest(
            "GET", url, loop=self._loop, ssl=context or True
        )
        timeout = aiohttp.ClientTimeout(total=None)
        connection = await self._connector().connect(request, [], timeout)
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or (lost := protocol.closed) is None:
            connection.close()
            raise ConnectionResetError(errno.ECONNRESET, "closed as soon as open")
        self._connection, self._protocol, self._lost = connection, protocol, lost
        self._use(transport)
        self._lost.add_done_callback(self._wake)
        # asyncio takes a Unix socket whose server's queue is full for connected.
        if transport.get_extra_info("peername") is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "not accepted")

    def _connector(self) -> aiohttp.BaseConnector:
        if self._route.uds is not None:
            return aiohttp.UnixConnector(self._route.uds, force_close=True, limit=0)
        return aiohttp.TCPConnector(
            resolver=aiohttp.ThreadedResolver(),
            use_dns_cache=False,
            force_close=True,
            limit=0,
        )

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        plain: Any = transport
        while (tls := getattr(plain, "_ssl_protocol", None)) is not None:
            plain = tls._transport  # noqa: SLF001 # see discard
        self._plain_transport = plain

    async def _open_tunnel(self) -> None:
        arrivals = Arrivals(self._protocol)
        self._transport.set_protocol(arrivals)

        async def step(data: bytes | None) -> bytes:
            if data is None:
                return await arrivals.receive()
            self._transport.write(data)
            return b""

        await _run(opened(self._route, await self._target()), step)
        self._transport.set_protocol(self._protocol)

    async def _target(self) -> str:
        """The origin's name, or its address where the proxy wants one."""
        route = self._route
        if route.proxy is None or route.proxy.resolves_names:
            return route.host
        found = await self._loop.getaddrinfo(
            route.host, route.port, type=socket.SOCK_STREAM
        )
        return str(found[0][4][0])

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        if self._transport.is_closing():
            # asyncio would wait for an answer until the time is up.
            raise ConnectionResetError(errno.ECONNRESET, "closed as soon as open")
        carrier: Any = self._transport
        if carrier is not self._plain_transport:
            carrier = Carrier(carrier)
        secured: Any = await self._loop.start_tls(
            carrier,
            self._protocol,
            context,
            server_hostname=self._route.host,
        )
        self._protocol.connection_made(secured)
        self._use(secured)


async def _run(
    steps: Steps[None], step: Callable[[bytes | None], Awaitable[bytes]]
) -> None:
    wanted = next(steps)
    while True:
        answer = await step(wanted)
        try:
            wanted = steps.send(answer)
        except StopIteration:
            return
