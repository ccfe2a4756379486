"""What a worker promises, on both faces."""

from __future__ import annotations

import asyncio
import threading

import httpxr
import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_none

from reconnecting_sse import (
    ClaimLost,
    DrainTimeout,
    EventNotHandled,
    ReconnectingEventSource,
    Reject,
    StoreRefused,
    StoreUnavailable,
    SubscriptionWorker,
)
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.testing import Answer, NumberedFeed, RandomFaults, ScriptedServer
from tests.durable.playing import Watched
from tests.workers.making import (
    FACES,
    QUICK,
    Async,
    Gate,
    Running,
    Sync,
    letter_of,
    shuffled,
    until,
    worker_of,
)

AT_ONCE = Retrying(stop=stop_after_attempt(3), wait=wait_none())


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


def feed(count=30, **options):
    return ScriptedServer(NumberedFeed(count, retry=10, **{"then": "stop"} | options))


def ids(count):
    return [str(n) for n in range(1, count + 1)]


def position(store, name="prices"):
    found = [p.position for p in store.places() if p.name == name]
    return found[0] if found else None


# ---------------------------------------------------------------- handling


def test_each_event_is_handled_in_order_and_committed(face):
    store, got = MemoryStore(), []
    with feed() as server:
        face.run(worker_of(face, server.url, store, lambda e: got.append(e.id)))
    assert got == ids(30)
    place = store.places()[0]
    assert (place.position, place.owner) == ("30", "")


def stopping_at(last, got):
    def handle(event):
        got.append(event.id)
        if event.id == last:
            handle.worker.stop()

    return handle


def test_the_next_life_goes_on_after_it(face):
    store, got = MemoryStore(), []
    with feed(20, then="hang") as server:
        for last in ("7", "15"):
            handle = stopping_at(last, got)
            handle.worker = worker_of(face, server.url, store, handle)
            face.run(handle.worker)
            assert position(store) == last
    assert got == ids(15)


def test_batches_form_by_themselves(face):
    store, got, gate = MemoryStore(), [], Gate()

    def handle(events):
        got.append([event.id for event in events])
        return gate.hold(face) if len(got) == 1 else asyncio.sleep(0)

    def plain(events):
        got.append([event.id for event in events])
        if len(got) == 1:
            gate.hold(face)

    with feed(40) as server:
        handler = handle if face is Async else plain
        worker = worker_of(face, server.url, store, handler, batch=5)
        with Running(face, worker) as running:
            gate.wait_for_one()
            until(lambda: worker.health().in_hand >= 6)
            gate.open()
            assert running.join() is None
    assert [each for batch in got for each in batch] == ids(40)
    assert max(map(len, got)) == 5
    assert position(store) == "40"


def test_effects_and_positions_are_one(face, tmp_path):
    store = SqliteStore(tmp_path / "worker.db")

    def handle(event, connection):
        connection.execute("CREATE TABLE IF NOT EXISTS effects (id TEXT)")
        connection.execute("INSERT INTO effects VALUES (?)", [event.id])

    with feed(10) as server:
        options = {"transactional": True}
        face.run(worker_of(face, server.url, store, handle, **options))
    transaction = store.begin(store.claim("other", None, "me"))
    found = transaction.connection.execute("SELECT id FROM effects").fetchall()
    store.abort(transaction)
    assert [each for (each,) in found] == ids(10)


@pytest.mark.parametrize("options", [{}, {"batch": 7}, {"transactional": True}])
def test_order_is_kept_within_each_key(face, options, tmp_path):
    store = SqliteStore(tmp_path / "worker.db")
    seconds, order, lock = shuffled(face.name), {}, threading.Lock()
    faults = RandomFaults(7, kinds=["cut", "reset", "end"], reach=3000)

    async def pause():
        await asyncio.sleep(seconds())

    def handle(events, *_):
        for event in events if isinstance(events, list) else [events]:
            with lock:
                order.setdefault(int(event.id) % 10, []).append(int(event.id))
        return pause() if face is Async else threading.Event().wait(seconds())

    with feed(300, faults=faults) as server:
        worker = worker_of(
            face,
            server.url,
            store,
            handle,
            concurrency=8,
            key=lambda event: int(event.id) % 10,
            **options,
        )
        face.run(worker)
    assert sum(map(len, order.values())) == 300
    assert all(each == sorted(each) for each in order.values())
    assert position(store) == "300"


def test_the_watermark_passes_nothing_that_is_not_done(face):
    store, gate, done = Watched(), Gate(), []

    def handle(event):
        if event.id == "3":
            return gate.hold(face)
        done.append(event.id)
        return None

    with feed(12, then="hang") as server:
        worker = worker_of(face, server.url, store, handle, concurrency=4)
        with Running(face, worker):
            gate.wait_for_one()
            until(lambda: len(done) == 11)
            store.wait_for("replays", store.calls.count("replays") + 1)
            assert store.position() == "2"
            gate.open()
            until(lambda: store.position() == "12")


def test_no_more_is_read_than_the_window_holds(face):
    store, gate = MemoryStore(), Gate()

    def handle(_event):
        return gate.hold(face)

    with feed(100) as server:
        worker = worker_of(face, server.url, store, handle, window=5)
        with Running(face, worker) as running:
            gate.wait_for_one()
            until(lambda: worker.health().in_hand == 5)
            assert worker.health().events <= 6
            gate.open()
            assert running.join() is None
    assert position(store) == "100"


# ---------------------------------------------------------------- errors of handlers


def failing(which, errors, got):
    left = list(errors)

    def handle(event, *_):
        if event.id == which and left:
            raise left.pop(0)
        got.append(event.id)

    return handle


def test_an_event_is_tried_again_in_place(face):
    store, got = MemoryStore(), []
    handle = failing("4", [OSError("a"), ValueError("b")], got)
    with feed(8) as server:
        worker = worker_of(face, server.url, store, handle, retrying=AT_ONCE)
        face.run(worker)
    assert got == ids(8)
    assert store.letters() == []
    retries = worker.log.of("worker.retrying")
    assert [(r["attempt"], r["cause"]) for r in retries] == [
        (1, "OSError"),
        (2, "ValueError"),
    ]


@pytest.mark.parametrize("transactional", [True, False])
def test_what_fails_to_the_end_is_a_dead_letter(face, tmp_path, transactional):
    store, got = SqliteStore(tmp_path / "worker.db"), []
    handle = failing("4", [ValueError(f"no {n}") for n in range(9)], got)
    with feed(8) as server:
        options = {"retrying": AT_ONCE, "transactional": transactional}
        worker = worker_of(face, server.url, store, handle, **options)
        face.run(worker)
    assert got == [each for each in ids(8) if each != "4"]
    (letter,) = store.letters()
    assert (letter.key, letter.position, letter.id) == ("0:4", "4", "4")
    assert (letter.reason, letter.attempts) == ("ValueError: no 2", 3)
    assert position(store) == "8"
    assert worker.health().dead_letters == 1


def test_a_rejected_event_is_one_at_once(face):
    store, got = MemoryStore(), []
    with feed(8) as server:
        handle = failing("4", [Reject("of no use")], got)
        face.run(worker_of(face, server.url, store, handle))
    (letter,) = store.letters()
    assert (letter.reason, letter.attempts) == ("Reject: of no use", 1)


def test_a_policy_may_say_which_errors_are_tried_again(face):
    store = MemoryStore()
    policy = AT_ONCE.copy(retry=retry_if_exception_type(OSError))
    with feed(8) as server:
        handle = failing("4", [OSError("a"), ValueError("b")], [])
        face.run(worker_of(face, server.url, store, handle, retrying=policy))
    (letter,) = store.letters()
    assert (letter.reason, letter.attempts) == ("ValueError: b", 2)


def test_without_dead_letters_the_worker_stops_before_the_event(face):
    store, got = MemoryStore(), []
    handle = failing("4", [ValueError("no")] * 9, got)
    with feed(8, then="hang") as server:
        options = {"retrying": AT_ONCE, "dead_letters": False}
        worker = worker_of(face, server.url, store, handle, **options)
        with pytest.raises(EventNotHandled, match="'0:4' of 'prices'") as caught:
            face.run(worker)
    assert isinstance(caught.value.__cause__, ValueError)
    assert position(store) == "3"
    assert store.letters() == []
    assert store.places()[0].owner == ""


@pytest.mark.parametrize("transactional", [True, False])
def test_of_a_batch_only_the_bad_one_is_put_aside(face, tmp_path, transactional):
    store, got = SqliteStore(tmp_path / "worker.db"), []

    def handle(events, *_):
        if any(event.id == "4" for event in events):
            raise ValueError("no")
        got.extend(event.id for event in events)

    with feed(12) as server:
        options = {"batch": 6, "retrying": AT_ONCE, "transactional": transactional}
        face.run(worker_of(face, server.url, store, handle, **options))
    assert sorted(got, key=int) == [each for each in ids(12) if each != "4"]
    assert [letter.id for letter in store.letters()] == ["4"]
    assert position(store) == "12"


@pytest.mark.parametrize("transactional", [True, False])
def test_a_replay_is_handled_beside_the_feed(face, tmp_path, transactional):
    store, got = Watched(SqliteStore(tmp_path / "worker.db")), []
    handle = failing("2", [Reject("not yet"), Reject("nor now")], got)
    with feed(4, then="hang") as server:
        options = {"transactional": transactional}
        worker = worker_of(face, server.url, store, handle, **options)
        with Running(face, worker):
            until(store.inner.letters)
            assert store.inner.replay("prices", ["0:2"]) == 1
            until(lambda: "Reject: nor now" in _reasons(store))
            assert not store.inner.letters()[0].is_replayed
            assert store.inner.replay("prices", ["0:2"]) == 1
            until(lambda: not store.inner.letters())
    assert store.inner.letters() == []
    assert got == ["1", "3", "4", "2"]
    assert worker.log.of("worker.replaying")[0]["key"] == "0:2"


def _reasons(store):
    return [letter.reason for letter in store.inner.letters()]


# ---------------------------------------------------------------- ends


def test_stop_finishes_what_was_begun_and_drops_what_waits(face):
    store, gate, got = MemoryStore(), Gate(), []

    def handle(event):
        got.append(event.id)
        return gate.hold(face)

    with feed(30, then="hang") as server:
        worker = worker_of(face, server.url, store, handle, concurrency=2)
        with Running(face, worker) as running:
            gate.wait_for_one()
            gate.wait_for_one()
            worker.stop()
            worker.stop()
            until(lambda: "worker.draining" in worker.log.names)
            assert store.places()[0].owner
            gate.open()
            assert running.join() is None
    assert sorted(got) == ["1", "2"]
    place = store.places()[0]
    assert (place.position, place.owner) == ("2", "")
    assert worker.log.of("worker.draining")[0]["begun"] == 2


def test_what_does_not_end_in_time_keeps_the_claim(face):
    store, gate, errors = MemoryStore(), Gate(), []

    def handle(event):
        if event.id == "1":
            return asyncio.sleep(0) if face is Async else None
        return gate.hold_on() if face is Async else gate.hold(face)

    async def main():
        try:
            await worker.arun()
        except DrainTimeout as error:
            errors.append(error)
            gate.open()

    with feed(30, then="hang") as server:
        options = {"drain_timeout": 0.05, "source": {"lease": 30.0}}
        worker = worker_of(face, server.url, store, handle, **options)
        stopper = threading.Thread(target=lambda: (gate.wait_for_one(), worker.stop()))
        stopper.start()
        if face is Async:
            asyncio.run(main())
        else:
            with pytest.raises(DrainTimeout) as caught:
                worker.run()
            errors.append(caught.value)
            gate.open()
        stopper.join()
    assert "the events '0:2' are not done" in str(errors[0])
    place = store.places()[0]
    assert place.owner
    assert place.lease < 30  # nobody renews it
    assert place.position == "1"


def test_a_retry_that_waits_is_given_up(face):
    store, reached = MemoryStore(), threading.Event()

    def handle(_event):
        reached.set()
        raise ValueError("no")

    policy = Retrying(stop=stop_after_attempt(9), wait=lambda _state: 60.0)
    with feed(30, then="hang") as server:
        worker = worker_of(face, server.url, store, handle, retrying=policy)
        with Running(face, worker) as running:
            assert reached.wait(20)
            until(lambda: "worker.retrying" in worker.log.names)
            worker.stop()
            assert running.join() is None
    assert store.letters() == []
    assert position(store) is None
    assert store.places()[0].owner == ""
    assert worker.log.of("worker.drained")[0]["left"] == 1


def test_the_feeds_end_is_the_workers_once_all_is_handled(face):
    store, got = MemoryStore(), []
    with feed(100, then="hang") as server:
        source = {"until": lambda event: event.id == "60"}
        worker = worker_of(
            face, server.url, store, lambda e: got.append(e.id), source=source
        )
        face.run(worker)
    assert got == ids(60)
    assert position(store) == "60"
    assert worker.health().state == "closed"


def test_another_owner_ends_it(face):
    store, got, taken = MemoryStore(), [], threading.Event()

    def handle(event):
        got.append(event.id)
        if event.id == "3" and not taken.is_set():
            store.claim("prices", None, "another")
            taken.set()

    with feed(30, then="hang") as server:
        worker = worker_of(face, server.url, store, handle)
        with pytest.raises(ClaimLost, match="another process"):
            face.run(worker)
    assert store.places()[0].owner == "another"
    assert not worker.health().is_owner


def test_a_store_that_refuses_ends_it(face):
    store = Watched()

    def refuse(*_):
        raise StoreRefused("no table")

    store.before["recall"] = refuse
    with feed() as server:
        worker = worker_of(face, server.url, store, lambda _: None)
        with pytest.raises(StoreRefused, match="no table"):
            face.run(worker)


def test_a_store_that_fails_for_a_while_is_waited_for(face):
    store, got, failures = Watched(), [], [1, 1, 1]

    def fail(*_):
        if failures:
            failures.pop()
            raise StoreUnavailable("gone")

    for call in ("recall", "commit"):
        store.before[call] = fail
    with feed(10) as server:
        face.run(worker_of(face, server.url, store, lambda e: got.append(e.id)))
    assert got == ids(10)
    assert position(store.inner) == "10"


def test_a_store_that_fails_for_longer_ends_it(face):
    store = Watched()

    def fail(*_):
        raise StoreUnavailable("gone")

    store.before["commit"] = fail
    commits = CommitPolicy(interval=0.02, patience=0.1)
    with feed(10, then="hang") as server:
        source = {"commits": commits}
        worker = worker_of(face, server.url, store, lambda _: None, source=source)
        with pytest.raises(StoreUnavailable, match="gone"):
            face.run(worker)


def test_a_feed_that_cannot_be_had_ends_it(face):
    store = MemoryStore()
    with ScriptedServer([Answer(404)]) as server:
        worker = worker_of(face, server.url, store, lambda _: None)
        with pytest.raises(Exception, match="404"):
            face.run(worker)
    assert store.places()[0].owner == ""


def test_stop_before_the_run_is_heeded(face):
    store, got = MemoryStore(), []
    with feed(30) as server:
        worker = worker_of(face, server.url, store, lambda e: got.append(e.id))
        worker.stop()
        face.run(worker)
    assert got == []


def test_a_worker_runs_once(face):
    with feed(3) as server:
        worker = worker_of(face, server.url, MemoryStore(), lambda _: None)
        face.run(worker)
        with pytest.raises(RuntimeError, match="once"):
            face.run(worker)


def test_a_cancellation_breaks_handlers_off():
    store, ended = MemoryStore(), []

    async def main(url):
        reached = asyncio.Event()

        async def handle(_event):
            reached.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        source = ReconnectingEventSource(
            Async.client(), "GET", url, store=store, name="prices", commits=QUICK
        )
        task = asyncio.create_task(SubscriptionWorker(source, handle).arun())
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with feed(30, then="hang") as server:
        asyncio.run(main(server.url))
    assert ended == ["cancelled"]
    assert store.places()[0].owner == ""


# ---------------------------------------------------------------- wrong usage


def source_of(client, **options):
    given = {"store": MemoryStore(), "name": "prices", **options}
    return ReconnectingEventSource(client, "GET", "http://feed.test/", **given)


async def coroutine(_event):
    pass


def plain(_event):
    pass


def test_each_face_has_its_own_handlers_and_clients():
    worker = SubscriptionWorker(source_of(httpxr.Client()), coroutine)
    with pytest.raises(TypeError, match="coroutine function: use arun"):
        worker.run()
    with pytest.raises(TypeError, match=r"httpxr\.Client: use run"):
        asyncio.run(worker.arun())
    worker = SubscriptionWorker(source_of(httpxr.AsyncClient()), plain)
    with pytest.raises(TypeError, match="plain function: use run"):
        asyncio.run(worker.arun())
    with pytest.raises(TypeError, match=r"httpxr\.AsyncClient: use arun"):
        worker.run()


def test_a_source_without_a_store_is_none_for_a_worker():
    source = ReconnectingEventSource(httpxr.Client(), "GET", "http://feed.test/")
    with pytest.raises(TypeError, match="give its source store= and name="):
        SubscriptionWorker(source, plain)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"concurrency": 0}, "concurrency= is a number, from 1"),
        ({"batch": 0}, "batch= is a number"),
        ({"window": 1.5}, "window= is a number"),
        ({"max_deliveries": 0}, "max_deliveries="),
        ({"deduplicate": -1}, "deduplicate= is a number, from 0"),
        ({"drain_timeout": float("nan")}, "drain_timeout= is seconds"),
        ({"stalled_after": -1}, "stalled_after="),
        ({"key": coroutine}, "never awaited"),
        ({"key": 7}, "key= must be callable"),
        ({"on_gap": 7}, "on_gap= must be callable"),
        ({"retrying": 7}, "tenacity"),
        ({"probes": "nowhere"}, "probes= is an address"),
    ],
)
def test_a_keyword_without_a_meaning_is_refused(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        SubscriptionWorker(source_of(httpxr.Client()), plain, **options)
    with pytest.raises(TypeError, match="handler= must be callable"):
        SubscriptionWorker(source_of(httpxr.Client()), None)


def test_a_workers_source_commits_and_transacts_for_nobody_else():
    store, errors = MemoryStore(), []

    def handle(event):
        for attempt in (lambda: source.commit(event), enter):
            try:
                attempt()
            except TypeError as error:
                errors.append(str(error))

    def enter():
        with source.transaction():
            pass

    with feed(1) as server:
        source = ReconnectingEventSource(
            Sync.client(), "GET", server.url, store=store, name="prices"
        )
        worker = SubscriptionWorker(source, handle)
        assert "SubscriptionWorker of <Reconnecting" in repr(worker)
        worker.run()
    assert "a worker commits" in errors[0]
    assert "transactional" in errors[1]


def test_a_replay_is_handled_on_a_quiet_feed_too(face):
    store, got = MemoryStore(), []
    claim = store.claim("prices", None, "last")
    letters = tuple(letter_of(each) for each in "56")
    store.commit([(claim, Mark(1, "9", Beside(buried=letters)))])
    store.replay("prices", ["0:5", "0:6"])
    with feed(9, then="hang") as server:
        worker = worker_of(face, server.url, store, lambda e: got.append(e.data))
        with Running(face, worker):
            until(lambda: not store.letters())
    assert got == ["old 5", "old 6"]
