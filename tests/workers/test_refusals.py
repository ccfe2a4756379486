"""What a worker is not made of, is refused before anything is read."""

from __future__ import annotations

import asyncio
import threading

import httpxr
import pytest
from tenacity import AsyncRetrying, Retrying

from reconnecting_sse import ReconnectingEventSource, SubscriptionWorker
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription import keepers
from tests.workers.working import Gate, Seen, feed, watched

URL = "http://127.0.0.1:9"


def source(client=httpxr.Client, **options):
    options = {"store": MemoryStore(), "name": "prices", **options}
    return ReconnectingEventSource(client(), "GET", URL, **options)


def plain(event):
    raise AssertionError(event)


async def coroutine(event):
    raise AssertionError(event)


def _wrapped(event):
    return coroutine(event)


class Callable:
    """An object with a coroutine function's ``__call__``."""

    async def __call__(self, event):
        raise AssertionError(event)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch": 0}, ValueError, "batch= is a number, from 1, not 0"),
        ({"batch": 1.5}, ValueError, "batch="),
        ({"concurrency": 0}, ValueError, "concurrency="),
        ({"concurrency": "8"}, ValueError, "concurrency="),
        ({"window": 0}, ValueError, "window="),
        ({"max_deliveries": 0}, ValueError, "max_deliveries="),
        ({"deduplicate": -1}, ValueError, "deduplicate= is a number, from 0, not -1"),
        ({"drain_timeout": -1}, ValueError, "drain_timeout= is seconds, not -1"),
        ({"drain_timeout": float("nan")}, ValueError, "drain_timeout="),
        ({"stalled_after": -0.1}, ValueError, "stalled_after="),
        ({"handler": None}, TypeError, "handler= must be callable, not None"),
        ({"key": "id"}, TypeError, "key= must be callable, not 'id'"),
        ({"key": coroutine}, TypeError, "key= is a coroutine function"),
        ({"on_gap": []}, TypeError, "on_gap= must be callable"),
        ({"retrying": 5}, TypeError, "retrying= is a tenacity.Retrying"),
    ],
)
def test_keywords_without_a_meaning_are_refused(options, error, words):
    options = {"handler": plain, **options}
    with pytest.raises(error, match=words):
        SubscriptionWorker(source(), **options)


def test_others_are_taken():
    for options in (
        {"retrying": Retrying()},
        {"retrying": AsyncRetrying()},
        {"batch": 1, "window": 1, "drain_timeout": float("inf"), "key": str},
    ):
        worker = SubscriptionWorker(source(), plain, **options)
        assert repr(worker).startswith("<SubscriptionWorker of <ReconnectingEvent")


def test_a_source_without_a_store_keeps_no_position():
    with pytest.raises(TypeError, match="give its source store= and name="):
        SubscriptionWorker(source(store=None, name=None), plain)


@pytest.mark.parametrize("handler", [coroutine, Callable()])
def test_a_coroutine_function_is_not_for_threads(handler):
    with pytest.raises(TypeError, match=r"a coroutine function: use arun\(\)"):
        SubscriptionWorker(source(), handler).run()


def test_a_plain_function_is_not_for_tasks():
    worker = SubscriptionWorker(source(httpxr.AsyncClient), plain)
    with pytest.raises(TypeError, match=r"a plain function: use run\(\)"):
        asyncio.run(worker.arun())


def test_an_async_client_is_not_for_threads():
    worker = SubscriptionWorker(source(httpxr.AsyncClient), plain)
    with pytest.raises(TypeError, match=r"an httpxr.AsyncClient: use arun\(\)"):
        worker.run()


def test_a_plain_client_is_not_for_tasks():
    worker = SubscriptionWorker(source(), coroutine)
    with pytest.raises(TypeError, match=r"an httpxr.Client: use run\(\)"):
        asyncio.run(worker.arun())


async def generator(gap):
    yield gap


@pytest.mark.parametrize("on_gap", [coroutine, generator])
def test_what_is_to_be_awaited_fills_no_gap_of_threads(on_gap):
    with pytest.raises(TypeError, match="on_gap= is to be awaited"):
        SubscriptionWorker(source(), plain, on_gap=on_gap).run()


@pytest.mark.parametrize("options", [{}, {"transactional": False, "batch": 2}])
def test_a_plain_function_that_gives_a_coroutine_has_done_nothing(options):
    """What it has done is nothing, however the function is wrapped."""
    store = watched()
    with feed(3) as server:
        made = ReconnectingEventSource(
            httpxr.Client(trust_env=False),
            "GET",
            server.url,
            store=store,
            name="prices",
        )
        worker = SubscriptionWorker(made, _wrapped, **options)
        with pytest.raises(TypeError, match=r"something to await: use arun\(\)"):
            worker.run()
    assert store.position() is None


def test_nor_has_one_that_is_tried_again():
    store, seen = watched(), Seen()

    def handler(event):
        seen.add(event.id)
        if len(seen.items) == 1:
            raise ValueError
        return coroutine(event)

    with feed(3) as server:
        made = ReconnectingEventSource(
            httpxr.Client(trust_env=False),
            "GET",
            server.url,
            store=store,
            name="prices",
        )
        with pytest.raises(TypeError, match="something to await"):
            SubscriptionWorker(made, handler).run()
    assert seen.items == ["1", "1"]


def test_what_a_handler_returns_is_nobodys(work):
    store = watched()
    with feed(3) as server:
        work(server.url, store, lambda event: event).end()
    assert store.position() == "3"


# ---------------------------------------------------------------- once


def test_a_worker_runs_once(work):
    store, seen, gate = watched(), Seen(), Gate()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(3, then="hang") as server:
        running = work(server.url, store, handler)
        seen.wait_for(1)
        with pytest.raises(RuntimeError, match="a worker runs once"):
            running.work()
        gate.open()
        seen.wait_for(3)  # and has not noticed
        running.stop()
        with pytest.raises(RuntimeError, match="a worker runs once"):
            running.work()
    assert store.position() == "3"


def test_two_workers_have_two_sources(face):
    store, seen, gate = watched(), Seen(), Gate()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(3, then="hang") as server:
        running = face(server.url, store, handler).begin()
        seen.wait_for(1)
        other = SubscriptionWorker(running.source, running.worker._options.handler)
        with pytest.raises(RuntimeError, match="this source was read before"):
            asyncio.run(other.arun()) if face.is_async else other.run()
        gate.open()
        seen.wait_for(3)
        running.stop()


def test_a_source_that_was_read_is_no_workers():
    with feed(3) as server:
        made = ReconnectingEventSource(
            httpxr.Client(trust_env=False),
            "GET",
            server.url,
            store=MemoryStore(),
            name="prices",
        )
        with made:
            next(iter(made))
            with pytest.raises(RuntimeError, match="this source was read before"):
                SubscriptionWorker(made, plain).run()


def test_a_workers_source_is_nobody_elses(work):
    """To commit, or to write in a transaction, is the worker's."""
    store, seen = watched(), Seen()
    errors = Seen()

    def handler(event):
        for call in (lambda: running[0].source.commit(event), transact):
            try:
                call()
            except TypeError as error:
                errors.add(str(error))
        seen.add(event.id)

    def transact():
        manager = running[0].source.transaction()
        if running[0].is_async:
            manager.__aenter__().send(None)
        else:
            manager.__enter__()

    running, begun = [], threading.Event()

    def first(event):
        assert begun.wait(20)
        handler(event)

    with feed(1) as server:
        running.append(work(server.url, store, first))
        begun.set()
        running[0].end()
    commit, transaction = errors.items
    assert "return from it" in commit
    assert "transactional=True" in transaction


def test_nothing_is_left_of_a_worker_that_never_ran():
    before = dict(keepers._keepers)
    worker = SubscriptionWorker(source(), plain)
    worker.stop()
    del worker
    assert keepers._keepers == before
