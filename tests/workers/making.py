"""One worker on either face: made, run, and looked at."""

from __future__ import annotations

import asyncio
import inspect
import random
import threading
import time
from contextlib import suppress

import httpxr

from reconnecting_sse import (
    AsyncStreamingTransport,
    CommitPolicy,
    DeadLetter,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
    SubscriptionWorker,
)
from tests.durable.playing import SECONDS, Log

QUICK = CommitPolicy(interval=0.02)
POLICY = ReconnectPolicy(initial_delay=0.02, max_delay=0.1)


class Sync:
    """With threads."""

    name = "sync"
    is_async = False

    @staticmethod
    def client():
        return httpxr.Client(transport=StreamingTransport(), trust_env=False)

    @staticmethod
    def handler(function):
        """A plain function, as a handler of this face."""
        return function

    @staticmethod
    def run(worker):
        worker.run()


class Async:
    """With tasks."""

    name = "async"
    is_async = True

    @staticmethod
    def client():
        transport = AsyncStreamingTransport()
        return httpxr.AsyncClient(transport=transport, trust_env=False)

    @staticmethod
    def handler(function):
        async def handler(*args):
            await asyncio.sleep(0)
            result = function(*args)
            return await result if inspect.isawaitable(result) else result

        return handler

    @staticmethod
    def run(worker):
        asyncio.run(worker.arun())


FACES = [Sync, Async]


def worker_of(face, url, store, handler, *, source=None, **options):
    """A worker, and its log."""
    log = Log()
    given = {"name": "prices", "commits": QUICK, "policy": POLICY, "logger": log}
    made = ReconnectingEventSource(
        face.client(), "GET", url, store=store, **given | (source or {})
    )
    worker = SubscriptionWorker(made, face.handler(handler), **options)
    worker.log = log
    return worker


class Running:
    """A worker that runs in a thread of its own, until the block ends."""

    def __init__(self, face, worker):
        self.worker = worker
        self.error = None
        self._face = face
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            self._face.run(self.worker)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def join(self, seconds=SECONDS):
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        return self.error

    def __exit__(self, *_):
        self.worker.stop()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


class Gate:
    """Holds handlers up, until it is opened; tells when one is there."""

    def __init__(self):
        self._opened = threading.Event()
        self._reached = threading.Semaphore(0)

    def hold(self, face):
        """For a handler to return."""
        self._reached.release()
        if face is Async:
            return asyncio.to_thread(self._opened.wait, SECONDS)
        return self._opened.wait(SECONDS)

    async def hold_on(self):
        """As ``hold``, whoever cancels it."""
        self._reached.release()
        while not self._opened.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.to_thread(self._opened.wait, SECONDS)

    def wait_for_one(self):
        assert self._reached.acquire(timeout=SECONDS)

    def open(self):
        self._opened.set()


def until(predicate):
    """Wait until it is so."""
    end = time.monotonic() + SECONDS
    pause = threading.Event()
    while not predicate():
        assert time.monotonic() < end
        pause.wait(0.002)


def shuffled(seed, seconds=0.002):
    """Some seconds, each time others."""
    rng = random.Random(seed)
    return lambda: rng.uniform(0, seconds)


def letter_of(position):
    values = {"event": "message", "reason": "", "attempts": 1, "id": position}
    values |= {"key": f"0:{position}", "position": position}
    return DeadLetter(name="prices", data=f"old {position}", **values)
