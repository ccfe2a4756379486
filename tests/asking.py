"""Asking a server with the standard library only."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

LIMIT = 5.0


def address(origin):
    return urlsplit(origin).hostname, urlsplit(origin).port


@contextmanager
def asking(server, method="GET", target="/", *, origin=None, context=None, **request):
    """The response to one request; leaving the block closes the connection."""
    host, port = address(origin or server.url)
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
    else:
        connection = http.client.HTTPSConnection(
            host, port, timeout=LIMIT, context=context
        )
    with closing(connection):
        connection.request(method, target, **request)
        with closing(connection.getresponse()) as response:
            yield response


def answered(server, data=b"GET / HTTP/1.1\r\n\r\n"):
    """Everything that comes back on a connection, until it ends."""
    with socket.create_connection(address(server.url), LIMIT) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))
