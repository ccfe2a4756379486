"""One worker on either face: made, run, and looked at."""

from __future__ import annotations

import asyncio
import inspect
import random
import threading

import httpxr

from reconnecting_sse import (
    AsyncStreamingTransport,
    CommitPolicy,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
    SubscriptionWorker,
)
from tests.durable.playing import SECONDS, Log, Watched

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

    def pass_through(self):
        self._reached.release()
        assert self._opened.wait(SECONDS)

    def wait_for_one(self):
        assert self._reached.acquire(timeout=SECONDS)

    def open(self):
        self._opened.set()


def shuffled(seed, seconds=0.002):
    """Some seconds, each time others."""
    rng = random.Random(seed)
    return lambda: rng.uniform(0, seconds)


__all__ = [
    "FACES",
    "QUICK",
    "SECONDS",
    "Async",
    "Gate",
    "Running",
    "Sync",
    "Watched",
    "shuffled",
    "worker_of",
]
