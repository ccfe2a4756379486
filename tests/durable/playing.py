"""One durable source on either face, driven step by step; and stores that misbehave."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import traceback
from contextlib import contextmanager

import httpxr

from reconnecting_sse import ReconnectingEventSource
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing import NumberedFeed, ScriptedServer

SECONDS = 20  # more than anything here takes


@contextmanager
def no_thread_left():
    """Nothing that this package begins in the block outlives it."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("reconnecting_sse."):
            thread.join(SECONDS)
            assert not thread.is_alive(), f"{thread.name} is {_stack_of(thread)}"


def _stack_of(thread):
    frame = sys._current_frames().get(thread.ident)
    return "".join(traceback.format_stack(frame)[-6:])


class Log:
    """A logger that keeps names and keywords."""

    def __init__(self):
        self.lines = []

    def debug(self, name, **keywords):
        self.lines.append((name, keywords))

    info = warning = debug

    @property
    def names(self):
        return [name for name, _ in self.lines]

    def of(self, name):
        return [keywords for found, keywords in self.lines if found == name]


class SyncPlayer:
    """With an ``httpxr.Client``."""

    def __init__(self, url, store, **options):
        self.log = Log()
        options = {"name": "prices", "logger": self.log, **options}
        self.source = ReconnectingEventSource(
            self._client(), "GET", url, store=store, **options
        )
        self.iterator = None

    def _client(self):
        return httpxr.Client()

    def iterate(self):
        """Another iterator."""
        self.iterator = self.source.iter_sse()
        return self

    def batches(self, **options):
        self.iterator = self.source.batches(**options)
        return self

    def next(self):
        return next(self.iterator)

    def take(self, count):
        return [self.next() for _ in range(count)]

    def ids(self, count):
        return [event.id for event in self.take(count)]

    def rest(self):
        found = []
        while (event := self.next_or_none()) is not None:
            found.append(event)
        return found

    def next_or_none(self):
        return next(self.iterator, None)

    @contextmanager
    def block(self):
        """The ``with`` block."""
        with self.source:
            self.iterate()
            yield self

    @contextmanager
    def transaction(self):
        with self.source.transaction() as connection:
            yield connection

    def leave(self):
        self.source.__exit__(None, None, None)

    def end(self):
        """Leave nothing behind, whatever the store does."""
        if self.source is None:
            return
        self.source.close()
        custody = getattr(self.source._subscription, "custody", None)
        if custody is not None and custody._keeper is not None:
            custody.holding.end(RuntimeError("the test is over"))
            custody.leave()

    def __str__(self):
        return "sync"


class AsyncPlayer(SyncPlayer):
    """With an ``httpxr.AsyncClient``."""

    def __init__(self, url, store, **options):
        self.runner = asyncio.Runner()
        super().__init__(url, store, **options)

    def _client(self):
        return httpxr.AsyncClient()

    def run(self, awaitable):
        async def main():
            return await awaitable

        return self.runner.run(main())

    def iterate(self):
        self.iterator = self.source.aiter_sse()
        return self

    def batches(self, **options):
        self.iterator = self.source.abatches(**options)
        return self

    def next(self):
        try:
            return self.run(anext(self.iterator))
        except StopAsyncIteration:
            raise StopIteration from None

    def next_or_none(self):
        try:
            return self.next()
        except StopIteration:
            return None

    @contextmanager
    def block(self):
        self.run(self.source.__aenter__())
        self.iterate()
        try:
            yield self
        except BaseException:
            self.run(self.source.__aexit__(*sys.exc_info()))
            raise
        else:
            self.leave()

    @contextmanager
    def transaction(self):
        manager = self.source.transaction()
        connection = self.run(manager.__aenter__())
        try:
            yield connection
        except BaseException:
            self.run(manager.__aexit__(*sys.exc_info()))
            raise
        else:
            self.run(manager.__aexit__(None, None, None))

    def leave(self):
        self.run(self.source.__aexit__(None, None, None))

    def end(self):
        super().end()
        self.runner.close()

    def __str__(self):
        return "async"


PLAYERS = [SyncPlayer, AsyncPlayer]


@contextmanager
def feed(count=30, **options):
    """A feed of numbered events: its server's URL, and the server."""
    options = {"retry": 10, "then": "hang", **options}
    with ScriptedServer(NumberedFeed(count, **options)) as server:
        yield server


class Watched:
    """A store whose calls can be counted, awaited, delayed and made to fail.

    Attributes:
        calls: The names of those that were made.
        before: By name, what is called before one, and may raise.
        after: The same, once it was made.
    """

    def __init__(self, store=None):
        self.inner = MemoryStore() if store is None else store
        self.is_async = self.inner.is_async
        self.is_exclusive = self.inner.is_exclusive
        self.calls = []
        self.before, self.after = {}, {}
        self._changed = threading.Condition()

    def __getattr__(self, name):
        method = getattr(self.inner, name)

        def call(*args):
            self.before.get(name, lambda *_: None)(*args)
            result = method(*args)
            self.after.get(name, lambda *_: None)(*args)
            with self._changed:
                self.calls.append(name)
                self._changed.notify_all()
            return result

        return call

    def wait_for(self, name, times=1):
        """Wait until it was called so often."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.calls.count(name) >= times, SECONDS
            ), f"{name}: {self.calls}"

    def position(self, name="prices"):
        found = [p.position for p in self.inner.places() if p.name == name]
        return found[0] if found else None

    def place(self, name="prices"):
        (found,) = [p for p in self.inner.places() if p.name == name]
        return found
