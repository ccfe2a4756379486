"""Whether anything comes later than 100 ms, whatever few bytes decode to.

``python -m tests.chaos.deadlines`` reads bombs on both faces. It tells how late a
``close()`` from another thread is heard in the middle of each; and on the async face
how long the loop was kept from turning, which is how late timers and cancellations are.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import threading
import time
from importlib import import_module

import brotli

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.chaos.runs import FACES, new_source

PROMISED = 0.1

_zstd = import_module(
    "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"
)
_SIZE = 32 * 1024 * 1024
_FIRST = b"data: first\n\n"
_PACKERS = {
    "br": lambda data: brotli.compress(data, quality=5),
    "gzip": gzip.compress,
    "zstd": _zstd.compress,
}
_SHAPES = {
    "ids": b"id\n",
    "comments": b":\n",
    "blank lines": b"\n",
    "events": b"data\n\n",
    "comments among events": b":\ndata\n\n",
    "lines of data": b"data\n",
    "one line of data": b"data: " + b"x" * _SIZE,
}


def bombs():
    """Each by its name: the content coding, and the coded body."""
    for shape, block in _SHAPES.items():
        body = _FIRST + (block * (_SIZE // len(block) + 1))[:_SIZE]
        for coding, packed in _PACKERS.items():
            yield f"{shape} in {coding}", coding, packed(body)
    frames = _zstd.compress(_FIRST) + _zstd.compress(b"") * 3_000_000
    yield "empty frames", "zstd, gzip", gzip.compress(frames)
    members = gzip.compress(_FIRST) + gzip.compress(b"") * 1_000_000
    yield "empty members", "gzip, br", brotli.compress(members, quality=5)


def lateness(face, coding, body):
    """Seconds until ``close()`` was heard, and the longest turn of the loop, or 0."""
    fields = [("Content-Type", "text/event-stream"), ("Content-Encoding", coding)]
    bomb = Answer(headers=fields, body=[body])
    with ScriptedServer([bomb, Answer(204)]) as server:
        source = new_source(
            face, "explicit", server.url, on_comment=len, too_large="skip"
        )
        reader = _Reader(face, source)
        reader.has_begun.wait(10)
        into_it = time.monotonic() + 0.2
        while source.stats.bytes < _SIZE / 4 and time.monotonic() < into_it:
            threading.Event().wait(0.001)
        closed = time.monotonic()
        source.close()
        reader.join(10)
        return time.monotonic() - closed, reader.longest


class _Reader(threading.Thread):
    def __init__(self, face, source):
        super().__init__()
        self.has_begun, self.longest = threading.Event(), 0.0
        self._face, self._source = face, source
        self.start()

    def run(self):
        if self._face == "async":
            asyncio.run(self._read_async())
            return
        for _ in self._source.iter_sse():
            self.has_begun.set()

    async def _read_async(self):
        watching = asyncio.create_task(self._watch())
        async for _ in self._source.aiter_sse():
            self.has_begun.set()
        watching.cancel()

    async def _watch(self):
        last = time.monotonic()
        while True:
            await asyncio.sleep(0)
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now


def main():
    """Tell of each; 1 if anything was late."""
    failed = 0
    for name, coding, body in bombs():
        for face in FACES:
            closing, turn = lateness(face, coding, body)
            is_late = max(closing, turn) > PROMISED
            failed |= is_late
            sys.stdout.write(
                f"{'FAILED' if is_late else 'ok':6} {face} {name}, {len(body):,} bytes:"
                f" closed after {closing * 1e3:.0f} ms,"
                f" a turn of {turn * 1e3:.0f} ms at most\n"
            )
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
