"""Ways to open a source and to get rid of it, on either face."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from contextlib import suppress

from tenacity import wait_none

from reconnecting_sse import ReconnectPolicy
from tests.connection_harness import Log, new_client, new_source


class Interruption(BaseException):
    """Comes from a signal handler."""


class Sources:
    """Sources on one client, each of which is got rid of in another way."""

    def __init__(self, face, url):
        self._face, self._url = face, url
        self._client = new_client(face)
        self._policy = ReconnectPolicy(wait=wait_none())
        self._log = Log()
        self._log.entries = _Forgetful()

    def source(self, path="/hang"):
        return new_source(
            self._face,
            self._url + path,
            client=self._client,
            policy=self._policy,
            logger=self._log,
        )


class _Forgetful(list):
    def append(self, entry):
        """A log would be the leak that is looked for."""


# ---------------------------------------------------------------- the sync face


def cut_by_the_server(sources):
    with sources.source("/cut") as source:
        events = source.iter_sse()
        assert [next(events).id, next(events).id] == ["1", "2"]


def closed(sources):
    source = sources.source()
    next(source.iter_sse())
    source.close()


def left_by_with(sources):
    with sources.source() as source:
        next(source.iter_sse())


def forgotten(sources):
    source = sources.source()
    for _ in source.iter_sse():
        break


def interrupted(sources):
    source = sources.source()
    events = source.iter_sse()
    next(events)
    me, heard = threading.get_ident(), []  # no lock: it may be interrupted, too

    def interrupt(*_):
        if not heard:
            heard.append(True)
            raise Interruption

    def insist():
        # A signal that comes right before a call that blocks does not end it.
        while not heard:
            threading.Event().wait(0.001)
            signal.pthread_kill(me, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    insisting = threading.Thread(target=insist)
    with suppress(Interruption):
        insisting.start()
        next(events)
    insisting.join()
    signal.signal(signal.SIGUSR1, before)
    source.close()


def reconnected(sources):
    with sources.source() as source:
        events = source.iter_sse()
        next(events)
        source.reconnect()
        assert next(events).id == "2"


def never_iterated(sources):
    with sources.source():
        pass


SYNC_WAYS = (
    cut_by_the_server,
    closed,
    left_by_with,
    forgotten,
    interrupted,
    reconnected,
    never_iterated,
)


def run_sync(url, cycles, note):
    """Go through the ways, again and again; ``note`` is called after each cycle."""
    sources = Sources("sync", url)
    for count in range(1, cycles + 1):
        SYNC_WAYS[count % len(SYNC_WAYS)](sources)
        note(count)


# ---------------------------------------------------------------- the async face


async def acut_by_the_server(sources):
    async with sources.source("/cut") as source:
        events = source.aiter_sse()
        assert [(await anext(events)).id, (await anext(events)).id] == ["1", "2"]


async def aclosed(sources):
    source = sources.source()
    await anext(source.aiter_sse())
    source.close()


async def left_by_async_with(sources):
    async with sources.source() as source:
        await anext(source.aiter_sse())


async def aforgotten(sources):
    source = sources.source()
    async for _ in source.aiter_sse():
        break


async def cancelled(sources):
    source = sources.source()
    events = source.aiter_sse()
    await anext(events)
    reading = asyncio.create_task(anext_of(events))
    await asyncio.sleep(0)  # it begins, and blocks
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


async def anext_of(events):
    return await anext(events)


async def timed_out(sources):
    source = sources.source()
    events = source.aiter_sse()
    await anext(events)
    with suppress(TimeoutError):
        await asyncio.wait_for(anext(events), 0.001)
    await source.aclose()


async def areconnected(sources):
    async with sources.source() as source:
        events = source.aiter_sse()
        await anext(events)
        source.reconnect()
        assert (await anext(events)).id == "2"


async def anever_iterated(sources):
    async with sources.source():
        pass


ASYNC_WAYS = (
    acut_by_the_server,
    aclosed,
    left_by_async_with,
    aforgotten,
    cancelled,
    timed_out,
    areconnected,
    anever_iterated,
)


def run_async(url, cycles, note):
    """As ``run_sync``, on one loop."""

    async def main():
        sources = Sources("async", url)
        for count in range(1, cycles + 1):
            await ASYNC_WAYS[count % len(ASYNC_WAYS)](sources)
            if note.is_due(count):
                await settled()
            note(count)

    asyncio.run(main())


async def settled():
    """Let the loop close what was forgotten, or closed without being waited for."""
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
