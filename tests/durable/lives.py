"""Consumers in processes of their own, forked from this one, to be killed.

A life handles the feed with a store, in one of the modes, and dies when it is killed,
or of itself at a boundary between two effects.
"""

from __future__ import annotations

import asyncio
import gc
import os
import posix
import random
import signal
import sys
import threading
import time
import traceback

import httpxr

from reconnecting_sse import (
    AsyncStreamingTransport,
    CommitPolicy,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
)
from reconnecting_sse.testing.crashes.boundaries import BoundedStore

QUICK = CommitPolicy(interval=0.02)
POLICY = ReconnectPolicy(initial_delay=0.02, max_delay=0.1)
MODES = ["loop", "transaction", "batches"]
FACES = ["sync", "async"]


class Boundary:
    """Dies at the one that it was told of, counted from 1; 0 is never."""

    def __init__(self, deadly=0):
        self.deadly, self.count, self.names = deadly, 0, []

    def __call__(self, name):
        self.count += 1
        self.names.append(name)
        if self.count == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def consume(url, store, write, *, face, mode, boundary, lease=None):
    """Handle the feed to its end.

    ``write(connection, events)`` writes events' IDs; the connection is None without a
    transaction. On the async face it may give an awaitable.
    """
    options = {
        "store": BoundedStore(store, lambda name, _: boundary(name), lambda _: ""),
        "name": "feed",
        "commits": QUICK,
        "policy": POLICY,
        "lease": lease,
    }
    run = _consume if face == "sync" else _aconsume
    result = run(url, write, mode, boundary, options)
    if face == "async":
        asyncio.run(result)


def _consume(url, write, mode, boundary, options):
    client = httpxr.Client(transport=StreamingTransport(), trust_env=False)
    with ReconnectingEventSource(client, "GET", url, **options) as source:
        items = source.batches(max_events=7) if mode == "batches" else source
        for item in items:
            events = item if mode == "batches" else [item]
            boundary("handed over")
            if mode == "loop":
                write(None, events)
            else:
                with source.transaction() as connection:
                    boundary("begun")
                    write(connection, events)
                    boundary("written")
            boundary("handled")


async def _aconsume(url, write, mode, boundary, options):
    transport = AsyncStreamingTransport()
    client = httpxr.AsyncClient(transport=transport, trust_env=False)
    async with ReconnectingEventSource(client, "GET", url, **options) as source:
        items = source.abatches(max_events=7) if mode == "batches" else source
        async for item in items:
            events = item if mode == "batches" else [item]
            boundary("handed over")
            if mode == "loop":
                await _awaited(write(None, events))
            else:
                async with source.transaction() as connection:
                    boundary("begun")
                    await _awaited(write(connection, events))
                    boundary("written")
            boundary("handled")


async def _awaited(result):
    return await result if hasattr(result, "__await__") else result


def fork(function, *args, **keywords):
    """Run it in a child, which ends with its end; the child's number.

    Nobody measures it: a thread may have held the measuring's lock as it was forked.
    """
    child = os.fork()
    if child:
        return child
    gc.freeze()  # httpxr's client hangs where a child collects it
    sys.settrace(None)
    threading.settrace(None)
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        function(*args, **keywords)
        sys.stdout.flush()
        posix._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        posix._exit(1)


def reap(child, seconds=30):
    """Its status, once it has ended: 0, or minus the signal's number."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("a child did not end")


def kill_after(child, seconds):
    """Kill it then, unless it ends before; its status."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def some_seconds(rng=random):
    return rng.uniform(0.01, 0.12)
