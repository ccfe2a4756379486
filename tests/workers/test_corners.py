"""Corners of workers: what seldom comes together, brought together."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
from types import SimpleNamespace

import pytest
from tenacity import Retrying, stop_after_attempt

from reconnecting_sse import (
    ClaimLost,
    CommitPolicy,
    DrainTimeout,
    ReconnectingEventSource,
    Reject,
    StoreRefused,
    StoreUnavailable,
)
from reconnecting_sse.core.claims import Beside, Claim, Mark
from reconnecting_sse.core.deliveries import Delivery
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.subscription.asking import Asking
from reconnecting_sse.subscription.clock import CLOCK
from reconnecting_sse.subscription.duties import Duty
from reconnecting_sse.subscription.errand_steps import ErrandSteps
from reconnecting_sse.subscription.errands import Errand
from reconnecting_sse.subscription.holding import Durability, Holding
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from reconnecting_sse.workers import prelude, signals
from reconnecting_sse.workers.desk import Desk
from reconnecting_sse.workers.filling import as_async
from reconnecting_sse.workers.options import WorkOptions
from tests.durable.playing import Watched
from tests.workers.making import (
    FACES,
    QUICK,
    Async,
    Gate,
    Running,
    Sync,
    letter_of,
    until,
    worker_of,
)


def feed(count=5, **options):
    return ScriptedServer(NumberedFeed(count, retry=10, **{"then": "hang"} | options))


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


def test_a_source_whose_handlers_run_on_is_left_without_a_word(face):
    store = MemoryStore()
    with feed() as server:
        source = ReconnectingEventSource(
            face.client(), "GET", server.url, store=store, name="x", commits=QUICK
        )
        holding = source._subscription.holding

        async def main():
            async with source:
                assert (await anext(source.aiter_sse())).id == "1"
                holding.is_kept = True

        if face is Async:
            asyncio.run(main())
        else:
            with source:
                assert next(source.iter_sse()).id == "1"
                holding.is_kept = True
        assert not holding.is_over
        holding.is_kept = False
        holding.is_leaving = True


def test_a_dead_letter_of_a_lost_claim_is_not_put_aside(face):
    store = MemoryStore()

    def handle(_event):
        store.claim("prices", None, "another")
        raise Reject("no")

    with feed() as server:
        worker = worker_of(face, server.url, store, handle)
        with pytest.raises(ClaimLost):
            face.run(worker)
    assert store.letters() == []


class InDoubt:
    """The end of a transaction, driven by hand."""

    def __init__(self, *, token):
        store = MemoryStore()
        holding = Holding(Durability(store=store, name="x", commits=QUICK))
        holding.claim = Claim("x", token, "nonce")
        mark = Mark(0, None, Beside(ahead=("0:1",)))
        self.errand = Errand("end", object(), mark, Claim("x", 1, "nonce"))
        holding.errands.append(self.errand)
        errands = ErrandSteps(store, CLOCK, Asking(CLOCK, []))
        self.steps = errands.ending(Duty(holding))

    def driven(self, *outcomes):
        """What came of it, once the store's calls came to that."""
        next(self.steps)
        for outcome in outcomes[:-1]:
            self.steps.send(outcome)
        with pytest.raises(StopIteration):
            self.steps.send(outcomes[-1])
        return self.errand.outcome


def test_what_ends_after_another_was_in_doubt_is_begun_anew():
    found = InDoubt(token=2).driven(ClaimLost("the token was bumped"))
    assert isinstance(found, StoreUnavailable)
    assert "begin another" in str(found)


def test_a_store_that_refuses_while_one_is_in_doubt_ends_it():
    refused, recovered = StoreRefused("no"), (Claim("x", 2, "nonce"), 0)
    found = InDoubt(token=1).driven(StoreUnavailable("?"), recovered, refused)
    assert found is refused


def test_a_transaction_that_nobody_waits_for_is_aborted_at_once():
    holding = Holding(Durability(store=MemoryStore(), name="x", commits=QUICK))
    rung, begun = [], SimpleNamespace(connection=object())
    holding.wake = lambda: rung.append(len(holding.errands))
    done, late = Errand("begin"), Errand("begin")
    done.came_to(begun)
    holding.drop(done)
    assert rung == [1]
    holding.drop(late)  # whoever began it is interrupted before there is an answer
    assert rung == [1]
    holding.ran(late, begun)
    assert rung == [1, 2]
    assert {errand.kind for errand in holding.errands} == {"abort"}


def desk_of(**options):
    holding = Holding(Durability(store=MemoryStore(), name="x", commits=QUICK))
    teller = SimpleNamespace(tell=lambda *_, **__: None)
    return Desk(WorkOptions(handler=print, **options), holding, teller)


def test_nothing_is_put_on_a_desk_that_comes_to_its_end():
    desk = desk_of()
    desk.end()
    desk.add(Delivery(object(), "1"))
    assert desk.is_clear


def test_a_replay_that_is_under_way_is_not_begun_again():
    desk = desk_of()
    desk.care = SimpleNamespace(is_due=False)
    desk.replay([letter_of("5")])
    desk.replay([letter_of("5"), letter_of("6")])
    assert desk.in_hand == 2


def test_a_replay_waits_for_what_the_reader_has_begun():
    desk = desk_of()
    assert desk.may_begin()
    desk.replay([letter_of("5")])
    assert desk.is_clear
    desk.care = SimpleNamespace(is_due=False)
    desk.replay([letter_of("5")])
    assert desk.in_hand == 1


def test_a_reader_waits_for_what_a_dead_letter_has_begun():
    desk = SimpleNamespace(may_begin=lambda: False, care=None, is_over=False)
    steps = prelude.first(desk)
    assert next(steps) is None
    desk.care = object()
    with pytest.raises(StopIteration):
        next(steps)


class Some:
    """An asynchronous iterable that is no generator."""

    def __init__(self):
        self._left = [1, 2]

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


def test_a_backfill_may_be_any_iterable():
    async def main():
        return [each async for each in as_async(Some())]

    assert asyncio.run(main()) == [1, 2]


def test_what_is_done_is_committed_though_a_handler_runs_on(face):
    store, gate, errors = MemoryStore(), Gate(), []

    def handle(event):
        if event.id == "1":
            return asyncio.sleep(0) if face is Async else None
        return gate.hold_on() if face is Async else gate.hold(face)

    async def main(worker):
        try:
            await worker.arun()
        except DrainTimeout as error:
            errors.append(error)
        gate.open()

    with feed() as server:
        source = {"commits": CommitPolicy(interval=60.0)}
        options = {"drain_timeout": 0.05, "source": source}
        worker = worker_of(face, server.url, store, handle, **options)
        runner = (
            Sync
            if face is Sync
            else SimpleNamespace(run=lambda worker: asyncio.run(main(worker)))
        )
        with Running(runner, worker) as running:
            gate.wait_for_one()
            worker.stop()
            until(lambda: not running._thread.is_alive() or errors)
            gate.open()
            error = running.join()
    assert isinstance(error or errors[0], DrainTimeout)
    assert store.places()[0].position == "1"


def test_an_integrity_error_of_the_commit_is_the_handlers(face, tmp_path):
    store = Watched(SqliteStore(tmp_path / "worker.db"))

    def refuse(transaction, _mark):
        store.inner.abort(transaction)
        error = StoreUnavailable("a deferred constraint")
        raise error from sqlite3.IntegrityError("FOREIGN KEY constraint failed")

    store.before["end"] = refuse
    with feed(1, then="stop") as server:
        policy = Retrying(stop=stop_after_attempt(2))
        worker = worker_of(
            face,
            server.url,
            store,
            lambda *_: None,
            transactional=True,
            retrying=policy,
        )
        face.run(worker)
    (letter,) = store.inner.letters()
    assert letter.attempts == 2
    assert "a deferred constraint" in letter.reason


def test_a_stop_leaves_a_backfill_where_it_is(monkeypatch):
    from httpxr.sse import ServerSentEvent  # noqa: PLC0415

    from tests.workers.test_backfills import FIRST, GAPS, LATER  # noqa: PLC0415

    given = []

    async def missed(_gap):
        for number in range(2, 1000):
            given.append(number)
            yield ServerSentEvent("message", "missed", str(number), None)

    def handle(event):
        if event.id == "2":
            # As a stop does, but the reader hears of it later.
            worker._run.desk.is_stopping = True
            asyncio.get_running_loop().call_later(0.05, worker.stop)

    store = MemoryStore()
    with ScriptedServer([FIRST, LATER]) as server:
        worker = worker_of(
            Async,
            server.url,
            store,
            handle,
            on_gap=missed,
            window=1,
            source={"dialect": GAPS},
        )
        Async.run(worker)
    assert len(given) < 10
    assert store.places()[0].position == "1"


def test_whoever_hears_of_signals_already_goes_on_to_do_so():
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    before = signal.set_wakeup_fd(mouth.fileno())
    try:
        with signals.taken(lambda: None):
            assert signal.set_wakeup_fd(mouth.fileno()) == mouth.fileno()
        assert signal.set_wakeup_fd(mouth.fileno()) == mouth.fileno()
    finally:
        signal.set_wakeup_fd(before)
        ear.close()
        mouth.close()


def test_nothing_is_forgotten_where_nothing_was_heard():
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    signals._forget()
    assert signal.set_wakeup_fd(before) == before
