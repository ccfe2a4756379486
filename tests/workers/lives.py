"""Workers in processes of their own, forked from this one, to be ended by signals."""

from __future__ import annotations

import asyncio
import os
import select
import signal

import httpxr

from reconnecting_sse import (
    AsyncStreamingTransport,
    CommitPolicy,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
    SubscriptionWorker,
)
from tests.durable.lives import fork, reap
from tests.workers.working import OF_A_SOURCE

QUICK = CommitPolicy(interval=0.02)
POLICY = ReconnectPolicy(initial_delay=0.02, max_delay=0.1)
SECONDS = 30


class Line:
    """One line of text after the other, from a child to the test."""

    def __init__(self):
        self._read, self._write = os.pipe()
        self._rest = b""

    def tell(self, words):
        os.write(self._write, f"{words}\n".encode())

    def hear(self):
        """The next line; empty at the end."""
        while b"\n" not in self._rest:
            assert select.select([self._read], [], [], SECONDS)[0], "nothing is told"
            more = os.read(self._read, 1000)
            if not more:
                return ""
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def has_come(self, seconds):
        """Whether one comes within so long."""
        return bool(self._rest or select.select([self._read], [], [], seconds)[0])

    def close(self):
        os.close(self._read)
        os.close(self._write)


class Turn:
    """What a child waits for, until the test gives way."""

    def __init__(self):
        self._read, self._write = os.pipe()

    def give(self):
        os.write(self._write, b".")

    def wait(self):
        os.read(self._read, 1)

    async def awaited(self):
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self._read, ready.set_result, None)
        try:
            await ready
        finally:
            loop.remove_reader(self._read)
        self.wait()

    def close(self):
        os.close(self._read)
        os.close(self._write)


def sync_work(url, store, handler, **options):
    """A life with threads; what a handler yields is waited for."""

    def called(*args):
        for turn in handler(*args) or ():
            turn.wait()

    _made(
        httpxr.Client(transport=StreamingTransport()), url, store, called, options
    ).run()


def async_work(url, store, handler, **options):
    """The same with tasks."""

    async def called(*args):
        for turn in handler(*args) or ():
            if hasattr(turn, "awaited"):
                await turn.awaited()
            else:
                await turn

    async def main():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        await _made(client, url, store, called, options).arun()

    asyncio.run(main())


def _made(client, url, store, handler, options):
    of_source = {
        key: options.pop(key) for key in [*options] if key in OF_A_SOURCE - {"on_gap"}
    }
    source = ReconnectingEventSource(
        client,
        "GET",
        url,
        store=store,
        name="feed",
        policy=POLICY,
        **{"commits": QUICK, **of_source},
    )
    return SubscriptionWorker(source, handler, **options)


WORK = {"sync": sync_work, "async": async_work}


def begun(face, url, table, handler, **options):
    """A child that works."""
    return fork(_life, face, url, table, handler, options)


def _life(face, url, table, handler, options):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what it may end with is expected
    WORK[face](url, table.store(face), handler, **options)


def lived(*args, **options):
    """The status of a life that nobody ends."""
    return reap(begun(*args, **options))
