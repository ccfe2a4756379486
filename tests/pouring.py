"""A server whose answers never end, and a source that has to bear them."""

from __future__ import annotations

import gc
import socket
import threading
import tracemalloc
from contextlib import contextmanager, nullcontext, suppress

from tenacity import stop_after_attempt, wait_none

from tests.connection_harness import LIMIT, new_source, reader_for

MIB = 1024 * 1024
FLAT = 6 * MIB
"""What may be held meanwhile: a read of up to 256 KiB, as lines of a few bytes each."""


class Pourer:
    """Sends each client what ``answer`` yields for it, until the client leaves.

    Attributes:
        requests: How many requests there were.
        sent: How many bytes of answers were sent, to all of them.
    """

    def __init__(self, answer):
        self.requests = self.sent = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with suppress(OSError):  # not on every system
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive(), "the client has not left"

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.settimeout(LIMIT)
                self._pour(client)

    def _pour(self, client):
        request = b""
        while b"\r\n\r\n" not in request:
            received = client.recv(65536)
            if not received:
                return
            request += received
        self.requests += 1
        for block in self._answer():
            client.sendall(block)
            self.sent += len(block)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


@contextmanager
def flat_memory():
    """Python's memory never grows by more than ``FLAT`` in the block."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < FLAT, f"{peak / MIB:.1f} MiB were held"


@contextmanager
def poured(face, answer, *, is_flat=True, **options):
    """A pourer, a source that reads from it, and a function that reads to the end."""
    options = {"wait": wait_none(), "stop": stop_after_attempt(1)} | options
    with Pourer(answer) as server, reader_for(face) as reader:
        source = new_source(face, server.url, **options)
        try:
            with flat_memory() if is_flat else nullcontext():
                yield server, lambda count=None: reader.take(source, count)
        finally:
            source.close()
            reader.idle()
