"""One connection for one request, which any thread can break at any moment."""

from __future__ import annotations

import os
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from urllib3.connection import HTTPConnection
from urllib3.util.ssltransport import SSLTransport
from urllib3.util.wait import wait_for_write

from reconnecting_sse.transports.http1.response import LiveResponse
from reconnecting_sse.transports.urllib3_sockets import BoundedSocket
from reconnecting_sse.transports.ways.refusals import refuse_login
from reconnecting_sse.transports.ways.trust import wrap
from reconnecting_sse.transports.ways.tunnel import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from reconnecting_sse.transports.timeouts import Timeouts
    from reconnecting_sse.transports.urllib3_sockets import Release
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps
    from reconnecting_sse.transports.ways.trust import Contexts

_TUNNEL_READ = 4096
_SEND_SIZE = 1 << 20


class Connection(HTTPConnection):
    """Connects, sends and waits for the head, each within its time.

    Args:
        route: By which hops to connect.
        contexts: Present for each hop with TLS; never changed.
        release: What frees a thread blocked here.

    Attributes:
        hop: What is being connected to, or was, as messages name it.
    """

    def __init__(
        self, route: Route, contexts: Contexts, timeouts: Timeouts, release: Release
    ) -> None:
        super().__init__(*route.address)
        self.auto_open = 0
        self.release = release
        self.timeouts = timeouts
        self.hop = route.first_hop
        self._route = route
        self._contexts = contexts
        self._deadline: float | None = None

    def connect(self) -> None:
        """Connect to the origin, by all hops, within the connect timeout in total."""
        route = self._route
        self._deadline = _after(self.timeouts.connect)
        super().connect()
        if self._contexts.proxy is not None:
            self._secure(self._contexts.proxy, route.address[0])
        if route.is_tunnelled:
            self.hop = route.tunnel
            _run(opened(route, self._target()), self._tunnel_step)
        self.hop = route.where
        if self._contexts.origin is not None:
            self._secure(self._contexts.origin, route.host)
        self._check()
        self._deadline = _after(self.timeouts.headers)
        self.sock.settimeout(self.timeouts.headers)  # or connecting's would go on

    def _new_conn(self) -> socket.socket:
        """Try each address, with a fair share of what time is left."""
        self._check()
        if self._route.uds is not None:
            sock = socket.socket(socket.AF_UNIX)
            return self._dial(sock, self._route.uds, self._remaining())
        addresses = socket.getaddrinfo(*self._route.address, type=socket.SOCK_STREAM)
        failure = OSError("the host has no address")
        for index, (family, kind, protocol, _, address) in enumerate(addresses):
            self._check()
            share = self._remaining(len(addresses) - index)
            try:
                return self._dial(socket.socket(family, kind, protocol), address, share)
            except OSError as error:
                failure = error
        raise failure

    def _dial(
        self, sock: socket.socket, address: Any, timeout: float | None
    ) -> socket.socket:
        try:
            # Not blocking: once connect() was called a shutdown ends the wait, and
            # what was requested before is seen by the check after it.
            self.release.hold(sock)
            sock.setblocking(False)
            if sock.family == socket.AF_UNIX:
                sock.connect(address)  # at once, or not: there is nothing to wait for
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with suppress(BlockingIOError):
                    sock.connect(address)
            self._check()
            _await_connection(sock, timeout)
            sock.settimeout(self._remaining())
        except BaseException:
            sock.close()
            raise
        return sock

    def _target(self) -> str:
        """The origin's name, or its address where the proxy wants one."""
        route = self._route
        if route.proxy is None or route.proxy.resolves_names:
            return route.host
        first = socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)[0]
        return str(first[4][0])

    def _tunnel_step(self, data: bytes | None) -> bytes:
        if data is not None:
            self.send(data)
            return b""
        self.rearm()
        received = self.sock.recv(_TUNNEL_READ)
        self._check()
        return received

    def _secure(self, context: ssl.SSLContext, host: str) -> None:
        # RFC 9112, section 9.8: an end without TLS's own is a cut, so it is not hidden.
        if isinstance(self.sock, ssl.SSLSocket):
            within: Any = BoundedSocket(self.sock, self.rearm)
            self.sock = SSLTransport(within, context, host, suppress_ragged_eofs=False)
            return
        self.sock = wrap(
            context, self.sock, server_hostname=host, suppress_ragged_eofs=False
        )
        self.rearm()
        self.sock.do_handshake()

    def send(self, data: Any) -> None:
        """Send all of it: these bytes, and no others."""
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                # Each time anew: TLS would give every part of it the whole time.
                self.rearm()
                sent += self.sock.send(view[sent : sent + _SEND_SIZE])

    def send_or_be_refused(self, data: bytes) -> OSError | None:
        """Send it; the error if the server stops reading: it may have answered."""
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError) as error:
            return error
        return None

    def answer(self, method: str) -> LiveResponse:
        """Wait for the head of the final response."""
        response = LiveResponse(self.sock, method=method, deadline=self._deadline)
        try:
            response.begin()
            self._check()
            refuse_login(self._route, response.status)
        except BaseException:
            response.close()
            raise
        self._deadline = None  # from here on each read has a time of its own
        return response

    def close(self) -> None:
        self.release.let_go()
        super().close()

    def _check(self) -> None:
        if self.release.requested:
            raise ConnectionAbortedError("closed while the request was under way")

    def _remaining(self, shares: int = 1) -> float | None:
        if self._deadline is None:
            return None
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time was used up")
        return remaining / shares

    def rearm(self) -> None:
        """Let the socket's next call take what time is left."""
        if self._deadline is not None:
            self.sock.settimeout(self._remaining())


def _run(steps: Steps[None], step: Callable[[bytes | None], bytes]) -> None:
    wanted = next(steps)
    while True:
        answer = step(wanted)
        try:
            wanted = steps.send(answer)
        except StopIteration:
            return


def _await_connection(sock: socket.socket, timeout: float | None) -> None:
    if not wait_for_write(sock, timeout):
        raise TimeoutError("the connection was not established in time")
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds
