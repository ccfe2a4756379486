"""One accepted connection, seen from the server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
import weakref
from typing import TYPE_CHECKING, NoReturn

from reconnecting_sse.testing.request import read_request
from reconnecting_sse.testing.tls import wrapped

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from reconnecting_sse.testing.script import Ending, Origin, RecordedRequest

SOCKET_TIMEOUT = 10.0
"""Bounds a handshake, a request, or one write to a client that does not read."""

POLL = 0.02
"""How soon a client's leaving is noticed."""

LINGER = 1.0
"""How long the client may take to close its side after the answer's end."""

RESET_DELAY = 0.05
"""A reset may overtake the data before it, at the receiver: let that be read."""


class ClientLeftError(Exception):
    """The client closed the connection."""


class ServerStoppedError(Exception):
    """The server is being closed."""


OPEN: weakref.WeakSet[Connection] = weakref.WeakSet()
"""Those that are served: virtual time asks whether one of them is at something."""


class Connection:
    """A client's connection, for the thread that serves it.

    Every method but ``abort`` belongs to that thread, and each may raise
    ``ClientLeftError`` or ``ServerStoppedError`` as soon as it is so.
    """

    def __init__(self, accepted: socket.socket, stopping: threading.Event) -> None:
        accepted.settimeout(SOCKET_TIMEOUT)
        self._socket = accepted
        self._stopping = stopping
        self._has_sent = False
        self.is_at_rest: bool = False
        OPEN.add(self)

    def read_request(
        self, listener: Origin, context: ssl.SSLContext | None
    ) -> RecordedRequest | None:
        """The request; None if the client sends none that is complete."""
        try:
            if context is not None:
                self._secure(context)
            with self._socket.makefile("rb") as stream:
                return read_request(stream, listener)
        except (OSError, ValueError):
            return None

    def _secure(self, context: ssl.SSLContext) -> None:
        secured = wrapped(context, self._socket)
        self._socket = secured
        if self._stopping.is_set():  # abort() may have met the socket now detached
            raise ServerStoppedError
        secured.do_handshake()

    def send(self, data: bytes) -> None:
        self.check()
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise TimeoutError(
                f"the client left {len(data)} bytes unread for {SOCKET_TIMEOUT:g} s"
            ) from None
        except OSError:
            self._gone()
        self._has_sent = True

    def wait(
        self, seconds: float | None = None, gate: threading.Event | None = None
    ) -> bool:
        """Wait for the gate or the time; whether it was the gate that came first."""
        with self.resting():
            return self._watch(seconds, gate)

    def _watch(
        self, seconds: float | None, gate: threading.Event | None = None
    ) -> bool:
        until = None if seconds is None else time.monotonic() + seconds
        awaited = self._stopping if gate is None else gate
        while gate is None or not gate.is_set():
            self.check()
            left = POLL if until is None else min(POLL, until - time.monotonic())
            if left <= 0:
                return False
            awaited.wait(left)
        return True

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """It waits for somebody else, or for time to pass."""
        self.is_at_rest = True
        try:
            yield
        finally:
            self.is_at_rest = False

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        paused(self, seconds)

    @property
    def stopping(self) -> threading.Event:
        """Set once the server is being closed."""
        return self._stopping

    def hang(self) -> NoReturn:
        """Wait until the client leaves."""
        while True:
            self.wait(SOCKET_TIMEOUT)

    def check(self) -> None:
        """Notice that the client has left; what else it sends is dropped."""
        self._socket.settimeout(0)
        try:
            if not self._socket.recv(1 << 16):
                self._gone()
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self._gone()
        self._socket.settimeout(SOCKET_TIMEOUT)

    def _gone(self) -> NoReturn:
        # The server's own abort() looks just like a client that left.
        raise ServerStoppedError if self._stopping.is_set() else ClientLeftError

    def end(self, ending: Ending) -> None:
        """Let the client see the end."""
        if ending == "hang":
            self.hang()
        if ending == "reset":
            self._watch(RESET_DELAY if self._has_sent else 0)
            at_once = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._socket.close()
            return
        if ending == "finish" and isinstance(self._socket, ssl.SSLSocket):
            self._notify_close(self._socket)
        with contextlib.suppress(OSError):
            # Not SSLSocket's own shutdown, which would go on unencrypted.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def linger(self) -> None:
        """After the end: give the client time to read all and close its side."""
        with contextlib.suppress(OSError, ClientLeftError):
            self.wait(LINGER)

    @staticmethod
    def _notify_close(secured: ssl.SSLSocket) -> None:
        """Say that the stream is complete, without waiting for the same in return."""
        secured.settimeout(0)
        with contextlib.suppress(OSError):
            secured.unwrap()

    def abort(self) -> None:
        """End what the serving thread waits for. From any thread."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        OPEN.discard(self)
        self._socket.close()


def paused(connection: Connection, seconds: float) -> None:
    """A pause, in real time; virtual time has another in its place."""
    connection.wait(seconds)
