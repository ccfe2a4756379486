"""A listening socket that can go away and come back at the same port."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING

from reconnecting_sse.core.authority import authority

if TYPE_CHECKING:
    from collections.abc import Callable

_FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
_CLOSED = -1  # a closed socket's file number


class Listener:
    """A loopback port; accepts only between ``open`` and ``close``.

    Meanwhile the port stays ours: a socket that is bound but does not listen refuses
    connections, and keeps others from being given its number.
    """

    def __init__(self, host: str, accepted: Callable[[socket.socket], None]) -> None:
        if host not in _FAMILIES:
            raise ValueError(f"host is {host!r}; serve on 127.0.0.1 or ::1")
        self._host = host
        self._accepted = accepted
        self._socket = self._bound(0)
        self.port: int = self._socket.getsockname()[1]
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def authority(self) -> str:
        """Host and port as a URL has them."""
        return authority(self._host, self.port)

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket(_FAMILIES[self._host])
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by what is accepted: every piece leaves as its own packet.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((self._host, port))
        return bound

    def open(self) -> None:
        """Accept connections, in a thread; unless closed for good."""
        with self._lock:
            if self._thread is None and self._socket.fileno() != _CLOSED:
                self._wakened, self._waker = socket.socketpair()
                self._socket.listen(128)
                self._thread = threading.Thread(target=self._accept, daemon=True)
                self._thread.start()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wakened, selectors.EVENT_READ)
            while not any(k.fileobj is self._wakened for k, _ in selector.select()):
                with contextlib.suppress(OSError):  # it left the queue meanwhile
                    self._accepted(self._socket.accept()[0])

    def refuse(self) -> None:
        """Refuse connections from now on, until ``open``."""
        with self._lock:
            self._stop()
            if self._socket.fileno() != _CLOSED:
                self._socket.close()
                self._socket = self._bound(self.port)

    def close(self) -> None:
        """Stop accepting, and free the port for good. Idempotent."""
        with self._lock:
            self._stop()
            self._socket.close()

    def _stop(self) -> None:
        if self._thread is not None:
            self._waker.close()
            self._thread.join()
            self._wakened.close()
            self._thread = None
