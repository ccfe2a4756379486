"""Workers beside stores that fail, claims that are lost, and lives that ended badly."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tenacity import Retrying, stop_after_attempt, stop_never, wait_fixed

from reconnecting_sse import (
    ClaimLost,
    ReconnectingEventSource,
    StoreRefused,
    StoreUnavailable,
    SubscriptionWorker,
)
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.subscription.clock import CLOCK
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.durable.playing import Watched
from tests.workers.making import (
    FACES,
    Async,
    Gate,
    Running,
    Sync,
    letter_of,
    until,
    worker_of,
)


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "worker.db"


def feed(count=10, **options):
    return ScriptedServer(NumberedFeed(count, retry=10, **{"then": "stop"} | options))


def ids(count):
    return [str(n) for n in range(1, count + 1)]


def insert(event, connection):
    connection.execute("CREATE TABLE IF NOT EXISTS effects (id TEXT)")
    connection.execute("INSERT INTO effects VALUES (?)", [event.id])


def effects(path):
    store = SqliteStore(path)
    transaction = store.begin(store.claim("reader", None, "me"))
    rows = transaction.connection.execute("SELECT id FROM effects").fetchall()
    store.abort(transaction)
    store.close()
    return [row for (row,) in rows]


def fail_once(store, call, *, after=False, error=None):
    """Have a call fail: before it is made, or after."""
    left = [error or StoreUnavailable("no answer")]

    def fail(*given):
        if left and call == "end" and not after:
            store.inner.abort(given[0])  # as a server does whose client has gone
        if left:
            raise left.pop()

    (store.after if after else store.before)[call] = fail


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("after", [True, False])
def test_a_commit_without_an_answer_is_found_out(face, path, concurrency, after):
    store = Watched(SqliteStore(path))
    fail_once(store, "end", after=after)
    with feed() as server:
        options = {"transactional": True, "concurrency": concurrency}
        face.run(worker_of(face, server.url, store, insert, **options))
    assert sorted(effects(path), key=int) == ids(10)
    assert "recover" in store.calls


@pytest.mark.parametrize("after", [True, False])
def test_so_is_one_of_what_is_ahead(face, path, after):
    store, done = Watched(SqliteStore(path)), []
    fail_once(store, "end", after=after)

    def first_last(event, connection):
        if event.id == "1" and len(done) < 3:
            raise OSError("not yet")
        insert(event, connection)
        done.append(event.id)

    retrying = Retrying(stop=stop_never, wait=wait_fixed(0.01))
    with feed() as server:
        options = {"transactional": True, "concurrency": 4, "retrying": retrying}
        face.run(worker_of(face, server.url, store, first_last, **options))
    assert sorted(effects(path), key=int) == ids(10)


def test_a_transaction_that_cannot_begin_waits(face, path):
    store = Watched(SqliteStore(path))
    fail_once(store, "begin")
    with feed() as server:
        face.run(worker_of(face, server.url, store, insert, transactional=True))
    assert effects(path) == ids(10)


@pytest.mark.parametrize("call", ["begin", "end"])
def test_a_store_that_refuses_one_ends_the_worker(face, path, call):
    store = Watched(SqliteStore(path))
    fail_once(store, call, error=StoreRefused("not like this"))
    with feed(then="hang") as server:
        worker = worker_of(face, server.url, store, insert, transactional=True)
        with pytest.raises(StoreRefused, match="not like this"):
            face.run(worker)


def test_whoever_takes_over_within_one_leaves_nothing_of_it(face, path):
    store = Watched(SqliteStore(path))
    taken = []

    def handle(event, connection):
        insert(event, connection)
        if event.id == "4":
            taken.append(connection.execute("UPDATE sse_positions SET nonce = 'x'"))

    with feed(then="hang") as server:
        worker = worker_of(face, server.url, store, handle, transactional=True)
        with pytest.raises(ClaimLost):
            face.run(worker)
    assert effects(path) == ["1", "2", "3"]


def test_a_cancelled_handler_leaves_nothing_of_its_transaction(path):
    store, reached = SqliteStore(path), threading.Event()

    async def main(url):
        async def handle(event, connection):
            insert(event, connection)
            if event.id == "3":
                reached.set()
                await asyncio.sleep(60)

        source = ReconnectingEventSource(
            Async.client(), "GET", url, store=store, name="prices"
        )
        worker = SubscriptionWorker(source, handle, transactional=True)
        task = asyncio.create_task(worker.arun())
        await asyncio.to_thread(reached.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with feed(then="hang") as server:
        asyncio.run(main(server.url))
    assert effects(path) == ["1", "2"]
    assert next(p for p in store.places() if p.name == "prices").owner == ""


def test_a_handler_that_awaits_what_was_cancelled_has_failed():
    store = MemoryStore()

    async def main(url):
        async def handle(event):
            if event.id == "2":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future

        source = ReconnectingEventSource(
            Async.client(), "GET", url, store=store, name="prices"
        )
        policy = Retrying(stop=stop_after_attempt(2))
        await SubscriptionWorker(source, handle, retrying=policy).arun()

    with feed() as server:
        asyncio.run(main(server.url))
    (letter,) = store.letters()
    assert letter.reason == (
        "HandlerCancelled: what the handler waited for was cancelled"
    )


def test_what_the_last_life_did_ahead_is_not_done_again(face, path):
    store, got = SqliteStore(path), []
    claim = store.claim("prices", None, "last")
    store.commit([(claim, Mark(1, "1", Beside(ahead=("0:3", "0:5"))))])
    store.release(claim)
    with feed() as server:
        handle = lambda event: got.append(event.id)  # noqa: E731
        face.run(worker_of(face, server.url, store, handle))
    assert got == ["2", "4", "6", "7", "8", "9", "10"]
    assert store.recall(store.claim("prices", None, "next")).ahead == frozenset()


def test_nothing_is_begun_once_the_lease_has_ended(face):
    store, gate, got = Watched(), Gate(), []

    def unreachable(*_):
        raise StoreUnavailable("gone")

    def handle(event):
        got.append(event.id)
        return gate.hold(face) if event.id == "1" else asyncio.sleep(0)

    def plain(event):
        got.append(event.id)
        if event.id == "1":
            gate.hold(face)

    with feed(then="hang") as server:
        handler = plain if face is Sync else handle
        worker = worker_of(
            face, server.url, store, handler, source={"lease": 0.3}, concurrency=1
        )
        with Running(face, worker):
            gate.wait_for_one()
            for call in ("renew", "commit"):
                store.before[call] = unreachable
            until(lambda: worker._watch._holding.lease_ends < CLOCK.boot())
            gate.open()
            until(lambda: worker.health().store_failing_for)
            assert got == ["1"]
            store.before.clear()
            until(lambda: len(got) == 10)


def test_an_end_that_is_no_crash_is_not_counted(face):
    """With care: what is in hand when the worker is stopped was not begun."""
    store, reached = Watched(), threading.Event()
    claim = store.inner.claim("prices", None, "last")
    start = Beside(is_start=True, hand="0:2", begun=3)
    store.inner.commit([(claim, Mark(1, "1", start))])

    def handle(_event):
        reached.set()
        raise ValueError("no")

    policy = Retrying(stop=stop_never, wait=wait_fixed(60))
    with feed(then="hang") as server:
        worker = worker_of(face, server.url, store, handle, retrying=policy)
        with Running(face, worker) as running:
            assert reached.wait(20)
            until(lambda: "worker.retrying" in worker.log.names)
            assert store.inner.claim("other", None, "x").hand is None
            worker.stop()
            assert running.join() is None
    again = store.inner.claim("prices", None, "next")
    assert (again.hand, again.begun, again.starts) == ("0:2", 3, 0)
    assert worker.log.of("worker.careful")[0]["begun"] == 3


def test_with_care_concurrency_waits(face):
    store, at_once, most = MemoryStore(), [], []
    claim = store.claim("prices", None, "last")
    store.commit([(claim, Mark(0, None, Beside(is_start=True)))])

    async def ahandle(event):
        at_once.append(event.id)
        await asyncio.sleep(0)
        most.append(len(at_once))
        at_once.remove(event.id)

    def handle(event):
        at_once.append(event.id)
        most.append(len(at_once))
        at_once.remove(event.id)

    with feed() as server:
        handler = handle if face is Sync else ahandle
        face.run(worker_of(face, server.url, store, handler, concurrency=4))
    assert most == [1] * 10


def test_a_stop_while_the_store_is_silent_is_heeded(face):
    store, gate = Watched(), threading.Event()
    store.before["recall"] = lambda *_: gate.wait(20)
    with feed(then="hang") as server:
        worker = worker_of(face, server.url, store, lambda _: None)
        with Running(face, worker) as running:
            until(lambda: worker.health().events)
            worker.stop()
            until(lambda: "worker.draining" in worker.log.names)
            gate.set()
            assert running.join() is None


def test_a_key_that_raises_ends_the_worker(face):
    def key(_event):
        raise ZeroDivisionError("a key")

    with feed(then="hang") as server:
        options = {"concurrency": 2, "key": key}
        worker = worker_of(face, server.url, MemoryStore(), lambda _: None, **options)
        with pytest.raises(ZeroDivisionError, match="a key"):
            face.run(worker)


def test_so_does_one_that_raises_for_a_dead_letter(face):
    store = MemoryStore()
    claim = store.claim("prices", None, "last")
    mark = Mark(1, "10", Beside(buried=(letter_of("5"), letter_of("6"))))
    store.commit([(claim, mark)])
    store.replay("prices", ["0:5", "0:6"])

    def key(_event):
        raise ZeroDivisionError("a key")

    with feed(then="hang") as server:
        options = {"concurrency": 2, "key": key}
        worker = worker_of(face, server.url, store, lambda _: None, **options)
        with pytest.raises(ZeroDivisionError, match="a key"):
            face.run(worker)


def test_a_source_that_was_iterated_is_none_for_a_worker():
    with feed() as server:
        source = ReconnectingEventSource(
            Sync.client(), "GET", server.url, store=MemoryStore(), name="prices"
        )
        next(source.iter_sse())
        with pytest.raises(RuntimeError, match="read before"):
            SubscriptionWorker(source, lambda _: None).run()
        source.close()
