"""What frees a thread that is blocked on a socket."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


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

    Takes no lock. Whoever shuts a twin down holds a reference to it meanwhile, so
    that its descriptor cannot be closed, and its number used again, under the call.

    Attributes:
        requested: The connection was given up; said before its sockets are shut down.
    """

    __slots__ = ("_owner", "_twins", "requested")

    def __init__(self) -> None:
        self.requested: bool = False
        self._owner = os.getpid()
        # One for each address that is tried at the moment.
        self._twins: tuple[_Twin, ...] = ()

    def __call__(self) -> None:
        self.requested = True
        # After a fork the connection is the parent's; the child may only let go of it.
        if os.getpid() == self._owner:
            for twin in self._twins:
                twin.shut_down()

    def hold(self, sock: socket.socket) -> None:
        """Shut this one down, too."""
        self._twins = (*self._twins, _Twin(sock))

    def hold_only(self, sock: socket.socket) -> None:
        """Shut this one down, and none of the others."""
        self._twins = (_Twin(sock),)

    def let_go(self) -> None:
        """Shut nothing down any more."""
        self._twins = ()
