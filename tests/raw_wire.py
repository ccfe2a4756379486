"""Raw servers and asking them: the exact bytes, on real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from functools import cache

import httpxr
import trustme

from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.blocking import StreamingTransport
from reconnecting_sse.transports.body import LIVE

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EVENT = b"data: 1\n\n"
PATIENCE = 10
STOP_WITHIN = 1.0  # ten times what is promised


def framed(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


class Gone(Exception):
    """The client left within its request or its answer, which ends the script."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock):
        sock.settimeout(PATIENCE)
        self.sock = sock

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            # It had not read all that it was sent.
            raise Gone from error

    def request(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.received()
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += self.received()
        return head, body

    def received(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        return data

    def sees_the_end(self):
        # A client that leaves may reset; within TLS it says nothing, or complains.
        with suppress(OSError):
            while self.sock.recv(65536):
                pass

    def reset(self):
        linger = b"\x01\0\0\0\0\0\0\0"
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()


class Server:
    """Runs ``script(peer)`` for each connection, in a thread of its own."""

    def __init__(self, script, *, host="127.0.0.1", context=None):
        self.script, self.context = script, context
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        scheme = "http" if context is None else "https"
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{self.port}/feed"
        self.connections, self.failures, self.closed = 0, [], threading.Event()
        self.accepted = threading.Event()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.accepted.set()
            thread = threading.Thread(target=self.serve, args=(sock,))
            self.threads.append(thread)
            thread.start()

    def serve(self, sock):
        try:
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            with sock:
                self.script(Peer(sock))
        except Gone:
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            sock.close()
            self.closed.set()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        if error is None and self.failures:
            raise self.failures[0]


def answering(*parts, then=None):
    """A script: read the request, send the parts, wait until the client is gone."""

    def script(peer):
        peer.request()
        for part in parts:
            peer.send(part)
        if then is not None:
            then(peer)
        else:
            peer.sees_the_end()

    return script


def ending(peer):
    peer.sock.shutdown(socket.SHUT_WR)


def ask(url, *, transport=None, method="GET", signal=None, timeout=None, **keywords):
    timeout = {"connect": 5, "headers": 5, "read": 5, **(timeout or {})}
    extensions = {LIVE: True, "timeout": timeout}
    if signal is not None:
        extensions[ABORT] = signal
    request = httpxr.Request(method, url, extensions=extensions, **keywords)
    return (transport or StreamingTransport()).handle_request(request)


@contextmanager
def asked(url, **keywords):
    response = ask(url, **keywords)
    try:
        yield response
    finally:
        response.stream.close()


def sent(server_url=None, **keywords):
    """Head and body of the one request that ``ask`` makes."""
    seen = []

    def script(peer):
        seen.append(peer.request())
        peer.send(OK + b"Content-Length: 0\r\n\r\n")

    with Server(script) as server, asked(server.url, **keywords) as response:
        assert response.stream.read() == b""
    head, body = seen[0]
    line, *fields = head.split(b"\r\n")
    return line, [tuple(field.split(b": ", 1)) for field in fields], body, server


def outcome(script, **keywords):
    """All that could be read, and the error that ended it."""
    parts = []
    with Server(script) as server, asked(server.url, **keywords) as response:
        try:
            parts.extend(response.stream)
        except httpxr.TransportError as error:
            return b"".join(parts), error
    return b"".join(parts), None


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@contextmanager
def black_hole():
    """An address where connecting neither succeeds nor fails."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(listener.getsockname())
            waiting.append(sock)
        try:
            yield listener.getsockname()
        finally:
            for sock in waiting:
                sock.close()


@cache
def authority():
    return trustme.CA()


@cache
def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


def trusting_context():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def trusting():
    return StreamingTransport(verify=trusting_context())
