"""A proxy before a store's server that loses a request, or the answer to it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

READ_SIZE = 65536


class Proxy:
    """Passes everything on; cuts a connection at the request that has a word.

    Attributes:
        port: Where it listens, on loopback.
    """

    def __init__(self, server_port):
        self._server_port = server_port
        self._word, self._passes = None, True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets, self._threads, self._swallowing = [], [], set()
        self._begin(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def cut_at(self, word, *, passes):
        """Cut at the next request with the word, which is passed on first, or not."""
        self._word, self._passes = word, passes

    def _begin(self, function, *args):
        thread = threading.Thread(target=function, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._sockets += [client, server]
                self._begin(self._pass_requests, client, server)
                self._begin(self._pass_answers, client, server)

    def _pass_requests(self, client, server):
        with suppress(OSError):
            while data := client.recv(READ_SIZE):
                if self._word is not None and self._word in data:
                    self._word = None
                    if not self._passes:
                        break
                    self._swallowing.add(client)
                server.sendall(data)
        for each in (client, server):
            _shut(each)

    def _pass_answers(self, client, server):
        with suppress(OSError):
            # An answer that is swallowed says that the server is done.
            while (data := server.recv(READ_SIZE)) and client not in self._swallowing:
                client.sendall(data)
        for each in (client, server):
            _shut(each)


def _shut(each):
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
