"""A way to a server, through which nothing may come: it cuts, stalls or refuses."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class Way:
    """Passes bytes on between a free port and a server's, as long as it is told to.

    Attributes:
        port: Where it listens.
        swallows: Called with what the server sends; true swallows it, and cuts.
    """

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.swallows = lambda _sent, _answer: False
        self._selector = selectors.DefaultSelector()
        self._is_open, self._stalls, self._refuses = True, False, False
        self._lock = threading.Lock()
        self._others = {}
        self._sent = {}
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_open = False
        self._thread.join()
        for sock in [*self._others, self._listener]:
            sock.close()
        self._selector.close()

    def cut(self):
        """End all connections."""
        with self._lock:
            for sock in list(self._others):
                self._end(sock)

    def stall(self, stalls=True):
        """Let nothing through."""
        self._stalls = stalls

    def refuse(self, refuses=True):
        """End what there is, and whatever comes."""
        self._refuses = refuses
        if refuses:
            self.cut()

    def _run(self):
        while self._is_open:
            ready = self._selector.select(0.01)
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj in self._others and not self._stalls:
                        self._pass(key.fileobj)

    def _accept(self):
        sock, _ = self._listener.accept()
        if self._refuses:
            sock.close()
            return
        other = socket.create_connection(("127.0.0.1", self._target))
        self._others |= {sock: other, other: sock}
        self._sent[other] = sock
        for one in (sock, other):
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, sock):
        other = self._others[sock]
        try:
            data = sock.recv(65536)
            if sock in self._sent:  # the server's
                swallowed = self.swallows(self._sent[sock], data)
            else:
                self._sent[other], swallowed = data, False
            if data and not swallowed:
                other.sendall(data)
                return
        except OSError:
            pass
        self._end(sock)

    def _end(self, sock):
        for one in (sock, self._others.pop(sock, None)):
            if one is not None:
                self._others.pop(one, None)
                self._sent.pop(one, None)
                with suppress(KeyError, ValueError):
                    self._selector.unregister(one)
                one.close()
