"""Sources on either face, and consumers of them that a test can wait for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing, contextmanager
from itertools import islice

import httpxr

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    StreamingTransport,
)

FACES = ("sync", "async")
LIMIT = 10.0
"""Seconds after which something that has to happen counts as never happening."""

PROMPT = 1.0
"""Seconds: ten times what is promised of a release."""


class Log:
    """A logger that remembers, and lets tests wait for what it is told."""

    def __init__(self, changed=None):
        self.changed = changed or threading.Condition()
        self.entries = []

    def _write(self, name, **keywords):
        with self.changed:
            self.entries.append((name, keywords))
            self.changed.notify_all()

    debug = info = warning = _write

    @property
    def names(self):
        return [name for name, _ in self.entries]

    def wait_for(self, name, count=1):
        with self.changed:
            came = self.changed.wait_for(
                lambda: self.names.count(name) >= count, timeout=LIMIT
            )
        assert came, f"{name} was not logged {count} times: {self.names}"


def new_client(face, **options):
    """A client of that face on one of our own transports."""
    if face == "async":
        return httpxr.AsyncClient(**{"transport": AsyncStreamingTransport(), **options})
    return httpxr.Client(**{"transport": StreamingTransport(), **options})


def new_source(face, url, *, client=None, method="GET", **options):
    """A source with a client of its own, and a ``Log`` unless it is given a logger."""
    options.setdefault("logger", Log())
    client = client or new_client(face)
    return ReconnectingEventSource(client, method, url, **options)


async def take_async(source, count=None):
    """The next events, as many, or all; then the iterator is left."""
    events, iterator = [], source.aiter_sse()
    while len(events) != count:
        event = await anext(iterator, None)
        if event is None:
            break
        events.append(event)
    return events


async def handed_over(source, count):
    """Wait until a task has been handed so many events; then it waits for the next."""
    while source.stats.events < count:  # noqa: ASYNC110 - it has no callback to set one
        await asyncio.sleep(0)


def data_of(events):
    return [event.data for event in events]


class SyncReader:
    """Reads sync sources in the calling thread."""

    def take(self, source, count=None):
        return list(islice(source.iter_sse(), count))

    def leave(self, source):
        """Leave the source's ``with`` block."""
        with source:
            pass

    def idle(self):
        """Nothing else runs on this face."""

    def close(self):
        """Nothing to close."""


class AsyncReader:
    """Reads async sources in the calling thread, on one loop for all its calls."""

    def __init__(self):
        self._runner = asyncio.Runner()

    def take(self, source, count=None):
        return self._runner.run(take_async(source, count))

    def run(self, coroutine):
        return self._runner.run(coroutine)

    def leave(self, source):
        self._runner.run(self._leave(source))

    async def _leave(self, source):
        async with source:
            pass

    def idle(self):
        """Let the loop do what was asked of it from outside."""
        self._runner.run(asyncio.sleep(0))

    def close(self):
        self._runner.close()


@contextmanager
def reader_for(face):
    with closing(AsyncReader() if face == "async" else SyncReader()) as reader:
        yield reader


class Consumer:
    """Reads a source in a thread of its own, until it ends.

    Attributes:
        events: What came, in order; grows while the thread runs.
        error: What the iteration raised, if it did.
    """

    def __init__(self, face, source, *, changed=None, on_event=None):
        self.events, self.error, self._is_over = [], None, False
        self._source, self._on_event = source, on_event
        self._changed = changed or threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(face,), daemon=True)
        self._thread.start()

    def _run(self, face):
        try:
            if face == "async":
                asyncio.run(self._read_async())
            else:
                for event in self._source.iter_sse():
                    self._take(event)
        except BaseException as error:
            self.error = error
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    async def _read_async(self):
        async for event in self._source.aiter_sse():
            self._take(event)

    def _take(self, event):
        with self._changed:
            self.events.append(event)
            if self._on_event is not None:
                self._on_event()
            self._changed.notify_all()

    def wait_for_events(self, count):
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or len(self.events) >= count, timeout=LIMIT
            )
        assert len(self.events) >= count, f"not {count} events came: {self.error!r}"

    @property
    def thread_id(self):
        """The system's number of the thread."""
        return self._thread.native_id

    def ended_within(self, seconds):
        """Whether the iteration is over by then."""
        self._thread.join(seconds)
        return not self._thread.is_alive()
