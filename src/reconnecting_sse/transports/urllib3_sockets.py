"""A socket's second owner, and a TLS socket within a TLS socket."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class _Twin:
    """Owns a socket's second descriptor; closed when its last user lets go of it."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock.dup()

    def shut_down(self) -> None:
        # Not connected yet, or no longer: there is nothing to free.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def __del__(self) -> None:
        # There was no descriptor left for it, or a signal came before it had one.
        with suppress(AttributeError):
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
        self._twin = _Twin(sock)

    def let_go(self) -> None:
        self._twin = None


class BoundedSocket:
    """A TLS socket that carries another TLS, whose every read and write is rearmed.

    One read of the inner TLS takes as many of the outer's as it needs, and each would
    have the whole time.
    """

    def __init__(self, sock: ssl.SSLSocket, rearm: Callable[[], None]) -> None:
        self._sock = sock
        self._rearm = rearm

    def recv(self, size: int) -> bytes:
        self._rearm()
        return self._sock.recv(size)

    def sendall(self, data: bytes) -> None:
        self._rearm()
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
