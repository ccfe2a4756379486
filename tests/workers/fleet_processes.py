"""Members of a fleet in processes of their own, and the feeds that they serve."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import httpxr
import redis
import sqlalchemy

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    SubscriptionWorker,
)
from reconnecting_sse.stores import RedisStore, SqlStore
from reconnecting_sse.workers.fleet import Fleet
from tests.durable.lives import fork, reap
from tests.stores.harness import postgresql_url

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    b"retry: 100\nid: 1\ndata: hello\n\n"
)


class Feeds:
    """A server of any number of quiet feeds, in a thread; a context manager.

    Attributes:
        url: Where it listens; each path is a feed.
    """

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._is_open = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_open = False
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _run(self):
        while self._is_open:
            for key, _ in self._selector.select(0.1):
                key.data(key.fileobj)

    def _accept(self, listener):
        client, _ = listener.accept()
        self._selector.register(client, selectors.EVENT_READ, self._answer)

    def _answer(self, client):
        with suppress(OSError):
            if client.recv(65536):  # a request is one segment here
                client.sendall(ANSWER)
                return
        self._selector.unregister(client)
        client.close()


def feeds(count):
    return [f"feed-{n:03}" for n in range(count)]


async def serve(url, store, count, lease):
    """What a member's process does."""
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport(), trust_env=False)

    async def handle(event):
        assert event.data == "hello"

    def make(feed):
        source = ReconnectingEventSource(
            client, "GET", f"{url}/{feed}", store=store, name=feed, lease=lease
        )
        return SubscriptionWorker(source, handle)

    names = feeds(count)
    fleet = Fleet(store, names, make, lease=lease, connects_per_second=None)
    await fleet.arun()


def _run(url, table, face, count, lease):
    async def run():
        await serve(url, table.store(face), count, lease)

    asyncio.run(run())


class Processes:
    """The members, by the names that they have in the store."""

    def __init__(self, url, table, face, count, lease, *, store):
        self._words = (url, table, face, count, lease)
        self._store = store
        self.count, self.lease = count, lease
        self.beat = lease / 3
        self.children = {}

    def begin(self):
        child = fork(_run, *self._words)
        name = f"{socket.gethostname()}:{child}"
        self.children[name] = child
        return name

    def kill(self, name):
        os.kill(self.children[name], signal.SIGKILL)
        assert reap(self.children.pop(name)) == -signal.SIGKILL

    def terminate(self, name):
        os.kill(self.children[name], signal.SIGTERM)
        assert reap(self.children.pop(name)) == 0

    def end(self):
        for child in self.children.values():
            os.kill(child, signal.SIGKILL)
            reap(child)

    def tokens(self):
        """By feed: each claim makes another one."""
        return {place.name: place.token for place in self._store.places()}

    def owners(self):
        """Whose lease runs, by feed."""
        places = self._store.places()
        return {p.name: p.owner for p in places if p.owner and p.lease and p.lease > 0}

    def sizes(self):
        return dict(Counter(self.owners().values()))

    def shared(self):
        """Whether all that run serve all, evenly."""
        sizes = self.sizes()
        is_whole = sizes.keys() == self.children.keys()
        is_whole = is_whole and sum(sizes.values()) == self.count
        return is_whole and max(sizes.values()) - min(sizes.values()) <= 1

    def until(self, predicate, seconds=50):
        """Seconds until it is so."""
        began = time.monotonic()
        while not predicate():
            assert time.monotonic() < began + seconds, self.sizes()
            time.sleep(0.02)
        return time.monotonic() - began


@contextmanager
def looked_at(name, server):
    """A store of the server's, to see what stands in it."""
    if name == "redis":
        with redis.Redis(port=server.port) as client:
            yield RedisStore(client)
    else:
        engine = sqlalchemy.create_engine(postgresql_url(server))
        yield SqlStore(engine)
        engine.dispose()


def moved(before, after):
    """Feeds that somebody has claimed in between; each once at the most."""
    assert before.keys() <= after.keys()
    steps = {feed: after[feed] - token for feed, token in before.items()}
    assert set(steps.values()) <= {0, 1}
    return {feed for feed, step in steps.items() if step}


@contextmanager
def frozen(process):
    """A block in which a process and its children stand still."""
    family = [process.pid, *_children(process.pid)]
    for number in family:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in family:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)


def _children(parent):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(path.parent.name))
    return found
