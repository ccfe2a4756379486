"""One connection for one request, which any thread can break at any moment."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from urllib3.connection import HTTPConnection
from urllib3.util.wait import wait_for_write

from reconnecting_sse.transports._http1 import LiveResponse

if TYPE_CHECKING:
    import ssl
    from typing import Any

    from reconnecting_sse.transports._headers import Fields
    from reconnecting_sse.transports._timeouts import Timeouts


class _Twin:
    """Owns a socket's second descriptor; closed when its last user lets go of it."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def shut_down(self) -> None:
        # Not connected yet, or no longer: there is nothing to free.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def __del__(self) -> None:
        self._socket.close()


class Release:
    """Frees whoever is blocked on one connection: from any thread or signal handler.

    Takes no lock. Whoever shuts the twin down holds a reference to it meanwhile, so
    that its descriptor cannot be closed, and its number used again, under the call.

    Attributes:
        requested: The connection was given up; said before its socket is shut down.
    """

    __slots__ = ("_owner", "_twin", "requested")

    def __init__(self) -> None:
        self.requested = False
        self._owner = os.getpid()
        self._twin: _Twin | None = None

    def __call__(self) -> None:
        self.requested = True
        twin = self._twin
        # After a fork the connection is the parent's; the child may only let go of it.
        if twin is not None and os.getpid() == self._owner:
            twin.shut_down()

    def hold(self, sock: socket.socket) -> None:
        kind = sock.family, sock.type, sock.proto
        self._twin = _Twin(socket.socket(*kind, fileno=os.dup(sock.fileno())))

    def let_go(self) -> None:
        self._twin = None


class Connection(HTTPConnection):
    """Connects, sends and waits for the head, each within its time.

    Args:
        context: Present for TLS; never changed.
        release: What frees a thread blocked here.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None,
        timeouts: Timeouts,
        release: Release,
    ) -> None:
        super().__init__(host, port)
        self.auto_open = 0
        self.release = release
        self._target = host, port
        self._context = context
        self._timeouts = timeouts
        self._deadline: float | None = None

    @property
    def where(self) -> str:
        """Host and port, as messages show them."""
        host, port = self._target
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def connect(self) -> None:
        """Connect, and shake hands for TLS, within the connect timeout in total."""
        self._deadline = _after(self._timeouts.connect)
        super().connect()
        if self._context is not None:
            self.sock = self._context.wrap_socket(
                self.sock,
                server_hostname=self.host,
                do_handshake_on_connect=False,
                # RFC 9112, section 9.8: an end without TLS's own is a cut.
                suppress_ragged_eofs=False,
            )
            self._rearm()
            self.sock.do_handshake()
        self._check()
        self._deadline = _after(self._timeouts.headers)

    def _new_conn(self) -> socket.socket:
        """Try each address, with a fair share of what time is left."""
        self._check()
        addresses = socket.getaddrinfo(*self._target, type=socket.SOCK_STREAM)
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

    def ask(self, method: str, target: str, fields: Fields, body: bytes) -> None:
        """Send the request: these fields, byte for byte, and no others."""
        self.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            self.putheader(name, value)  # type: ignore[arg-type] # bytes go out as is
        self.endheaders(body or None)

    def answer(self, method: str) -> LiveResponse:
        """Wait for the head of the final response."""
        response = LiveResponse(self.sock, method=method, deadline=self._deadline)
        try:
            response.begin()
            self._check()
        except BaseException:
            response.close()
            raise
        return response

    def send(self, data: Any) -> None:
        self._rearm()
        super().send(data)

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

    def _rearm(self) -> None:
        self.sock.settimeout(self._remaining())


def _await_connection(sock: socket.socket, timeout: float | None) -> None:
    if not wait_for_write(sock, timeout):
        raise TimeoutError("the connection was not established in time")
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds
