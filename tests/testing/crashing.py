"""Handlers, right and wrong; each is plain, and may be wrapped for the async face."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial, wraps

from httpxr.sse import ServerSentEvent


def event(event_id, data="a"):
    return ServerSentEvent(data=data, id=event_id)


def two_lines():
    if __name__:
        return  # ................................................................


def awaited(handler):
    """The same as a coroutine function."""
    inner = handler.func if isinstance(handler, partial) else handler
    if hasattr(inner, "awaited"):
        return partial(inner.awaited, *getattr(handler, "args", ()))

    @wraps(inner, updated=())
    async def call(*args):
        await asyncio.sleep(0)
        handler(*args)

    return call


def plain(shop, event):
    shop.save(event)


def past_it(shop, event, db):
    shop.save(event, path=shop.other)
    shop.effects()


def in_it(shop, event, db):
    shop.save(event, db=db)


def all_in_it(shop, events, db):
    for event in events:
        shop.save(event, db=db)


def idempotent(shop, event):
    shop.put(event)


def only_once(shop, event):
    """Refuses what is there already."""
    with closing(sqlite3.connect(shop.path)) as db:
        db.execute("INSERT INTO stock VALUES (?, '')", [event.id])
        db.commit()


async def save_later(shop, event):
    shop.save(event)


def commits_first(shop, source):
    for event in source.iter_sse():
        source.commit(event)
        shop.save(event)


async def _acommits_first(shop, source):
    async for event in source.aiter_sse():
        source.commit(event)
        shop.save(event)


commits_first.awaited = _acommits_first


def over_transactions(shop, source):
    for events in source.batches(max_events=2):
        with source.transaction() as db:
            all_in_it(shop, events, db)


async def _aover_transactions(shop, source):
    async for events in source.abatches(max_events=2):
        async with source.transaction() as db:
            all_in_it(shop, events, db)


over_transactions.awaited = _aover_transactions


class Buffered:
    """Writes several at a time."""

    def __init__(self, shop, size):
        self._shop, self._size, self._kept = shop, size, []

    def __call__(self, event):
        self._kept.append(event)
        if len(self._kept) == self._size:
            while self._kept:
                self._shop.save(self._kept.pop(0))


class Failing:
    """Fails at each event once, when it has written."""

    def __init__(self, shop):
        self._shop, self._failed = shop, set()

    def __call__(self, event, db):
        self._shop.save(event, db=db)
        if event.id not in self._failed:
            self._failed.add(event.id)
            raise ValueError("not yet")


class Awaited:
    """A store whose calls are awaited."""

    is_async = True

    def __init__(self, store):
        self._store = store
        self.is_exclusive = store.is_exclusive

    def __getattr__(self, name):
        async def call(*args):
            await asyncio.sleep(0)
            return getattr(self._store, name)(*args)

        return call
