"""One worker on either face, running beside the test; handlers that wait for it."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from contextlib import contextmanager, suppress

import httpxr

from reconnecting_sse import (
    CommitPolicy,
    ReconnectingEventSource,
    ReconnectPolicy,
    SubscriptionWorker,
)
from reconnecting_sse.core.errors import ClaimLost
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.durable.playing import SECONDS, Log, Watched

QUICK = CommitPolicy(interval=0.01)
POLICY = ReconnectPolicy(initial_delay=0.01, max_delay=0.05)

OF_A_SOURCE = set(inspect.signature(ReconnectingEventSource).parameters)


@contextmanager
def feed(count=5, **options):
    """A server of numbered events, that ends with a 204."""
    options = {"retry": 10, "then": "stop", **options}
    with ScriptedServer(NumberedFeed(count, **options)) as server:
        yield server


class Gate:
    """Handlers wait at it until the test opens it, on either face."""

    def __init__(self):
        self._is_open = threading.Event()
        self._lock = threading.Lock()
        self._waiting = []

    def open(self):
        with self._lock:
            self._is_open.set()
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(event.set)

    def wait(self):
        assert self._is_open.wait(SECONDS)

    async def awaited(self):
        event = asyncio.Event()
        with self._lock:
            if self._is_open.is_set():
                return
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


class Seen:
    """What handlers did, in order; a test can wait for it."""

    def __init__(self):
        self._items = []
        self._changed = threading.Condition()

    def add(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    @property
    def items(self):
        with self._changed:
            return list(self._items)

    def wait_for(self, count, what=None):
        """Wait until there are so many, or so many of one."""

        def is_enough():
            found = (
                self._items if what is None else [x for x in self._items if x == what]
            )
            return len(found) >= count

        with self._changed:
            assert self._changed.wait_for(is_enough, SECONDS), self._items
            return list(self._items)


def wait_until(condition):
    """For what rings no bell."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def sync_handler(function):
    """A handler for threads; what a generator function yields are gates."""
    if not inspect.isgeneratorfunction(function):
        return function

    def handler(*args):
        steps = function(*args)
        for gate in steps:
            gate.wait()

    return handler


def async_handler(function):
    """The same for tasks; what breaks a wait off is raised in it."""

    async def handler(*args):
        result = function(*args)
        if inspect.isgenerator(result):
            await _gone_through(result)

    return handler


async def _gone_through(steps):
    gate = next(steps, None)
    while gate is not None:
        try:
            await gate.awaited()
        except BaseException as error:
            try:
                gate = steps.throw(error)
            except StopIteration:
                return
        else:
            gate = next(steps, None)


class Running:
    """A worker that runs in a thread of its own, until its result is asked for.

    Attributes:
        log: What it and its source have logged.
    """

    is_async = False

    def __init__(self, url, store, handler, of_source=None, **options):
        self.log = Log()
        ours = OF_A_SOURCE - {"on_gap"}
        of_worker = {k: v for k, v in options.items() if k not in ours}
        of_source = {
            "name": "prices",
            "logger": self.log,
            "commits": QUICK,
            "policy": POLICY,
            **{k: v for k, v in options.items() if k in ours},
            **(of_source or {}),
        }
        self.source = ReconnectingEventSource(
            self._client(), "GET", url, store=store, **of_source
        )
        self.worker = SubscriptionWorker(
            self.source, self._handler(handler), **of_worker
        )
        self.error = None
        self._thread = threading.Thread(target=self._run)

    @property
    def desk(self):
        """What its handlers take from, once it runs."""
        wait_until(lambda: self.worker._run is not None)
        return self.worker._run.desk

    def _client(self):
        return httpxr.Client(trust_env=False)

    def _handler(self, function):
        return sync_handler(function)

    def begin(self):
        self._thread.start()
        return self

    def _run(self):
        try:
            self.work()
        except BaseException as error:
            self.error = error

    def work(self):
        """All of it, in the caller's thread."""
        self.worker.run()

    def join(self):
        """Wait for its end; the error that it ended with."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), self.log.lines[-5:]
        return self.error

    def end(self):
        """Wait for its end, which is to be a good one."""
        if self.join() is not None:
            raise self.error

    def stop(self):
        """Stop it, and wait for its end."""
        self.worker.stop()
        self.end()

    def __str__(self):
        return "sync"


class AsyncRunning(Running):
    """The same on an event loop."""

    is_async = True

    def _client(self):
        return httpxr.AsyncClient(trust_env=False)

    def _handler(self, function):
        return async_handler(function)

    def work(self):
        asyncio.run(self.main())

    async def main(self):
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        await self.worker.arun()

    def cancel(self):
        """Cancel the task that it runs in."""
        self.loop.call_soon_threadsafe(self.task.cancel)


FACES = {"sync": Running, "async": AsyncRunning}


class _Transaction:
    def __init__(self, claim):
        self.claim, self.connection = claim, []


class Effects(MemoryStore):
    """A store in memory with transactions: what is written is a list, and kept here.

    Attributes:
        done: What was written, and committed.
        is_open: How many transactions are.
    """

    def __init__(self, *, is_exclusive=False):
        super().__init__()
        self.is_exclusive = is_exclusive
        self.done, self.open = [], 0

    def begin(self, claim):
        assert not (self.open and self.is_exclusive)
        with self._lock:
            if not self._holds(claim):
                raise ClaimLost("it is another's")
            self.open += 1
        return _Transaction(claim)

    def end(self, transaction, mark):
        with self._lock:
            self.open -= 1
            claim = transaction.claim
            row = self._rows[claim.name]
            is_old = mark.position is not None and mark.seq <= row.seq
            if is_old or not self._holds(claim):
                raise ClaimLost("it is another's, or old")
            row.record(mark, self._clock())
            self.done += transaction.connection

    def abort(self, transaction):
        with self._lock:
            self.open -= 1


def watched(store=None):
    """A store whose calls are counted, and can be made to fail."""
    return Watched(store)
