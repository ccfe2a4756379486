"""What a worker's health says while things go on: nothing that is not so."""

from __future__ import annotations

import threading

import pytest

from reconnecting_sse import CommitPolicy, State, StoreUnavailable
from reconnecting_sse.core import health as judging
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription import keeping
from reconnecting_sse.subscription.clock import CLOCK
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from reconnecting_sse.workers import watching
from tests.durable.playing import Watched
from tests.workers.making import FACES, Async, Gate, Running, until, worker_of


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


class Failing(Watched):
    """A store of whose calls one fails while it is ill; well again in the end."""

    def __init__(self, call):
        super().__init__(MemoryStore())
        self.is_ill = threading.Event()
        self.before[call] = self._fail

    def _fail(self, *_):
        if self.is_ill.is_set():
            raise StoreUnavailable("no answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_ill.clear()


def feed(count=3, **options):
    return ScriptedServer(NumberedFeed(count, retry=10, **{"then": "hang"} | options))


# ---------------------------------------------------------------- silence


def test_a_read_that_waits_is_silent_and_a_reader_that_waits_is_not(face):
    gate = Gate()
    with feed(5) as server:
        worker = worker_of(
            face, server.url, MemoryStore(), lambda _: gate.hold(face), window=2
        )
        with Running(face, worker):
            gate.wait_for_one()
            until(lambda: worker.health().in_hand == 2)
            assert worker.health().silent_for is None
            gate.open()
            until(lambda: worker.health().position == "5")
            until(lambda: worker.health().silent_for is not None)


def test_time_for_which_events_wait_for_the_store_is_no_silence(face):
    commits = CommitPolicy(interval=0.01, max_delay=0.01)
    with feed(200, pause=0.01) as server:
        store = Failing("commit")
        worker = worker_of(
            face, server.url, store, lambda _: None, source={"commits": commits}
        )
        with Running(face, worker), store:
            until(lambda: worker.health().events > 2)
            store.is_ill.set()
            until(lambda: worker.health().state is State.PAUSED)
            assert worker.health().silent_for is None


def test_time_in_which_a_gap_is_looked_into_is_no_silence(face):
    seen = []

    def look(_gap):
        health = worker.health()
        seen.append((health.state, health.silent_for))

    headers = [*Answer().headers, ("Mercure-Last-Event-ID", "7")]
    with ScriptedServer([Answer(headers=headers), Answer(204)]) as server:
        worker = worker_of(
            face,
            server.url,
            MemoryStore(),
            lambda _: None,
            source={"last_event_id": "3"},
            on_gap=look,
        )
        face.run(worker)
    assert seen == [(State.OPEN, None)]


# ---------------------------------------------------------------- the store


def test_a_store_that_fails_is_seen_until_it_does_not(face):
    with feed() as server:
        store = Failing("replays")  # what is asked of a quiet worker's store, too
        store.is_ill.set()
        worker = worker_of(face, server.url, store, lambda _: None)
        with Running(face, worker), store:
            until(lambda: worker.health().store_failing_for is not None)
            store.is_ill.clear()
            until(lambda: worker.health().store_failing_for is None)


@pytest.mark.parametrize("call", ["commit", "begin"])
def test_so_is_one_that_answers_questions_and_keeps_nothing(face, call, monkeypatch):
    """A full disk, a lock, a replica: its answers do not have patience begin anew."""
    monkeypatch.setattr(keeping, "REPLAY_SECONDS", 0.01)
    commits = CommitPolicy(interval=0.01, patience=1.0)
    with feed() as server:
        store = Failing(call)
        store.is_ill.set()
        worker = worker_of(
            face,
            server.url,
            store,
            lambda *_: None,
            source={"commits": commits},
            transactional=call == "begin",
        )
        with Running(face, worker) as running, store:
            until(lambda: worker.health().store_failing_for is not None)
            since = worker._watch._holding.trouble_since
            asked = store.calls.count("replays")
            until(lambda: store.calls.count("replays") > asked + 1)
            assert worker._watch._holding.trouble_since == since
            assert isinstance(running.join(), StoreUnavailable)


@pytest.mark.parametrize("call", ["claim", "commit"])
def test_so_is_one_that_does_not_answer(face, call, monkeypatch):
    """A server that is stopped refuses nothing: its clients wait."""
    monkeypatch.setattr(watching, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(judging, "STORE_FAILING_SECONDS", 0.1)
    store, answers = Watched(MemoryStore()), threading.Event()
    store.before[call] = lambda *_: answers.wait(20)
    with feed() as server:
        worker = worker_of(face, server.url, store, lambda _: None)
        with Running(face, worker):
            until(lambda: not worker.health().is_ready)
            assert worker.health().why.startswith("the store fails for")
            assert worker.health().is_live
            answers.set()
            until(lambda: worker.health().is_ready)
            until(lambda: worker.health().position == "3")


# ---------------------------------------------------------------- the claim


def test_the_claim_is_its_own_until_it_is_let_go(face):
    with feed() as server:
        worker = worker_of(face, server.url, MemoryStore(), lambda _: None)
        assert not worker.health().is_owner
        with Running(face, worker):
            until(lambda: worker.health().is_owner)
            assert worker.health().token == 1
    assert not worker.health().is_owner


def test_a_lease_that_could_not_be_renewed_is_nobodys(face):
    with feed() as server:
        store = Failing("renew")
        worker = worker_of(
            face, server.url, store, lambda _: None, source={"lease": 0.3}
        )
        with Running(face, worker), store:
            until(lambda: worker.health().is_owner)
            store.is_ill.set()
            until(lambda: not worker.health().is_owner)


# ---------------------------------------------------------------- the event loop


def test_a_loop_that_turns_is_young_and_one_that_is_blocked_is_not():
    gate = Gate()

    def block(_event):
        gate.hold(None)  # the handler's own thread: the loop's

    with feed(1) as server:
        worker = worker_of(Async, server.url, MemoryStore(), block)
        with Running(Async, worker):
            gate.wait_for_one()
            first = worker.health().loop_age
            until(lambda: worker.health().loop_age > first + 0.05)
            gate.open()


def test_a_worker_that_has_ended_needs_no_restart(monkeypatch):
    """Others may run beside it, and the process with them."""
    with feed(then="stop") as server:
        worker = worker_of(Async, server.url, MemoryStore(), lambda _: None)
        Async.run(worker)
    later = CLOCK.now() + 3600
    monkeypatch.setattr(CLOCK, "now", lambda: later)
    health = worker.health()
    assert (health.is_live, health.is_ready, health.why) == (
        True,
        False,
        "it has ended",
    )
    assert health.loop_age is None
