"""The server, a process of its own: raw sockets, and bytes that were made before.

Each connection has a thread, which does nothing but hand the kernel large pieces; an
idle connection has none. The process ends when its standard input does.
"""

from __future__ import annotations

import json
import resource
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress

from benchmarks.cells import BY_NAME

HOST = "127.0.0.1"
PER_SECOND = 100
PIECE = 64 * 1024

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
_CHUNKED = _STREAM + b"Transfer-Encoding: chunked\r\n\r\n"


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


class Server:
    """Answers by path: ``/cell/NAME``, ``/paced/N``, ``/large/N``, ``/drop/MS``, …"""

    def __init__(self, certificate: str | None) -> None:
        self._idle: list[socket.socket] = []
        self._dropped_at = 0
        self._plain = _listener()
        self._secure = _listener()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate is not None:
            self._context.load_cert_chain(certificate)
        for listener in (self._plain, self._secure):
            threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def ports(self) -> dict[str, int]:
        return {
            "http": self._plain.getsockname()[1],
            "https": self._secure.getsockname()[1],
        }

    def _accept(self, listener: socket.socket) -> None:
        is_secure = listener is self._secure
        while True:
            peer, _ = listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(
                target=self._serve, args=[peer, is_secure], daemon=True
            ).start()

    def _serve(self, peer: socket.socket, is_secure: bool) -> None:
        # A client that has seen enough closes early: that is no error.
        with suppress(OSError):
            if is_secure:
                peer = self._context.wrap_socket(peer, server_side=True)
            path = _path(peer)
            _, route, *rest = path.split("/")
            getattr(self, f"_{route}")(peer, *rest)
            if route == "held":
                return
        with suppress(OSError):
            peer.shutdown(socket.SHUT_WR)
            # Closing with a request half read would reset what is still on its way.
            peer.settimeout(10)
            peer.recv(1)
        peer.close()

    def _cell(self, peer: socket.socket, name: str) -> None:
        cell = BY_NAME[name]
        block = cell.block(cell.events_per_block)
        blocks, rest = divmod(cell.events, cell.events_per_block)
        last = cell.block(rest)
        peer.sendall(cell.head())
        for _ in range(blocks):
            peer.sendall(block)
        peer.sendall(last + (b"0\r\n\r\n" if b"chunked" in cell.head() else b""))

    def _many(self, peer: socket.socket, events: str) -> None:
        cell = BY_NAME["many-100-three-lf"]
        block = cell.block(cell.events_per_block)
        peer.sendall(_CHUNKED)
        for _ in range(-(-int(events) // cell.events_per_block)):
            peer.sendall(block)

    def _large(self, peer: socket.socket, data_bytes: str) -> None:
        peer.sendall(_CHUNKED)
        piece = _chunk(b"x" * PIECE)
        peer.sendall(_chunk(b"data: "))
        for _ in range(int(data_bytes) // PIECE):
            peer.sendall(piece)
        peer.sendall(_chunk(b"\n\n"))

    def _paced(self, peer: socket.socket, events: str) -> None:
        """Each event's data is the moment of its write, in nanoseconds."""
        peer.sendall(_CHUNKED)
        due = time.monotonic()
        for number in range(int(events)):
            due += 1 / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            block = b"id: %d\nevent: tick\ndata: %d\n\n"
            peer.sendall(_chunk(block % (number, time.monotonic_ns())))

    def _drop(self, peer: socket.socket, quiet_ms: str) -> None:
        """One event, whose data is the moment of the last drop; then another drop."""
        event = b"id: %d\ndata: %d\n\n" % (time.monotonic_ns(), self._dropped_at)
        peer.sendall(_CHUNKED + _chunk(event))
        # Long enough, and the client has read it, and waits: the drop is what it meets.
        time.sleep(int(quiet_ms) / 1000)
        self._dropped_at = time.monotonic_ns()
        peer.shutdown(socket.SHUT_RDWR)

    def _held(self, peer: socket.socket) -> None:
        peer.sendall(_CHUNKED + _chunk(b"id: 1\ndata: hello\n\n"))
        self._idle.append(peer)


def _listener() -> socket.socket:
    return socket.create_server((HOST, 0), backlog=4096)


def _path(peer: socket.socket) -> str:
    request = b""
    while b"\r\n\r\n" not in request:
        received = peer.recv(PIECE)
        if not received:
            raise ConnectionResetError
        request += received
    return request.split(b" ", 2)[1].decode()


def raise_file_limit() -> None:
    """As many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    raise_file_limit()
    threading.stack_size(256 * 1024)
    server = Server(sys.argv[1] if sys.argv[1:] else None)
    print(json.dumps(server.ports()), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
