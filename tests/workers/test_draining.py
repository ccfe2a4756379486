"""How a worker comes to its end: what was begun is finished, and no more is begun."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from reconnecting_sse import (
    ClaimLost,
    CommitPolicy,
    DrainTimeout,
    StoreUnavailable,
)
from tests.durable.test_claims import Failing
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched


class Waiting:
    """A handler that waits at a gate with each event, from some on."""

    def __init__(self, begin=1):
        self.gate, self.seen, self.done = Gate(), Seen(), Seen()
        self._begin = begin

    def __call__(self, event, connection=None):
        self.seen.add(event.id)
        if int(event.id) >= self._begin:
            yield self.gate
        if connection is not None:
            connection.append(event.id)
        self.done.add(event.id)

    # Generator functions are told from others by what they are.
    @property
    def plain(self):
        def handler(event):
            yield from self(event)

        return handler

    @property
    def writing(self):
        def handler(event, connection):
            yield from self(event, connection)

        return handler


@pytest.fixture
def waiting():
    handler = Waiting()
    yield handler
    handler.gate.open()


def test_what_was_begun_is_finished_and_what_was_queued_is_dropped(work, waiting):
    store = watched()
    with feed(20, then="hang") as server:
        running = work(server.url, store, waiting.plain, concurrency=2)
        waiting.seen.wait_for(2)
        wait_until(lambda: running.desk._lanes.in_hand == 20)
        running.worker.stop()
        running.worker.stop()
        (request,) = server.requests
        assert request.closed_by_client.wait(5)
        wait_until(lambda: running.log.of("worker.draining"))
        assert running._thread.is_alive()
        waiting.gate.open()
        running.end()
    assert sorted(waiting.done.items) == sorted(waiting.seen.items) == ["1", "2"]
    assert store.position() == "2"
    assert store.place().owner == ""
    (draining,) = running.log.of("worker.draining")
    assert (draining["begun"], draining["dropped"]) == (2, 18)
    names = running.log.names
    assert names.index("worker.draining") < names.index("worker.drained")
    seen = Seen()
    with feed(20) as server:
        work(server.url, store, lambda event: seen.add(event.id)).end()
    assert seen.items == [str(n) for n in range(3, 21)]


def test_effects_of_what_was_begun_are_committed(work, waiting):
    store = watched(Effects())
    with feed(20, then="hang") as server:
        running = work(
            server.url, store, waiting.writing, transactional=True, concurrency=4
        )
        waiting.seen.wait_for(4)
        running.worker.stop()
        waiting.gate.open()
        running.end()
    assert sorted(store.inner.done) == ["1", "2", "3", "4"]
    assert store.position() == "4"


def test_what_waits_for_another_transaction_to_end_was_not_begun(work, waiting):
    store = watched(Effects(is_exclusive=True))
    with feed(20, then="hang") as server:
        running = work(
            server.url, store, waiting.writing, transactional=True, concurrency=4
        )
        waiting.seen.wait_for(1)
        wait_until(lambda: len(running.desk.begun) == 4)
        running.worker.stop()
        wait_until(lambda: running.desk.left == 3)
        waiting.gate.open()
        running.end()
    assert store.inner.done == waiting.seen.items == ["1"]
    assert running.log.of("worker.drained")[0]["left"] == 3


def test_a_handler_may_stop_its_worker(work):
    store, seen = watched(), Seen()

    def handler(event):
        seen.add(event.id)
        if event.id == "3":
            holder[0].worker.stop()

    with feed(9, then="hang") as server:
        holder = []
        begun = threading.Event()

        def first(event):
            assert begun.wait(20)
            handler(event)

        holder.append(work(server.url, store, first))
        begun.set()
        holder[0].end()
    assert seen.items == ["1", "2", "3"]
    assert store.position() == "3"


def test_stopped_before_it_runs_it_does_nothing(face):
    store = watched()
    with feed(9) as server:
        running = face(server.url, store, lambda event: None)
        running.worker.stop()
        running.begin().end()
        assert server.requests == []
    assert store.calls == []
    assert running.log.names == ["stream.closed", "worker.draining", "worker.drained"]


def test_while_it_stands_by_it_can_be_stopped(work):
    store = watched()
    store.inner.claim("prices", 60, "another")
    with feed(9) as server:
        running = work(server.url, store, lambda event: None, lease=60)
        store.wait_for("claim", 2)
        running.stop()
        assert server.requests == []


def test_a_quiet_feed_is_left_at_once(work):
    store, seen = watched(), Seen()
    with feed(1, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(1)
        stopped_at = time.monotonic()
        running.stop()
        assert time.monotonic() - stopped_at < 2
    assert store.position() == "1"


# ---------------------------------------------------------------- too late


def test_a_handler_that_does_not_end_in_time_keeps_the_claim(work, waiting):
    store = watched()
    with feed(9, then="hang") as server:
        running = work(
            server.url,
            store,
            waiting.plain,
            concurrency=2,
            key=lambda event: "same" if event.id == "1" else None,
            lease=0.3,
            drain_timeout=0.1,
        )
        waiting._begin = 2
        waiting.seen.wait_for(2)
        running.worker.stop()
        error = running.join()
        assert isinstance(error, DrainTimeout)
        assert "'0:" in str(error)
        assert "within 0.1 s" in str(error)
        assert store.place().owner != ""
        wait_until(lambda: store.place().lease < 0)  # it is not renewed
        assert "release" not in store.calls
        seen = Seen()
        second = work(server.url, store, lambda event: seen.add(event.id), lease=0.3)
        seen.wait_for(1)
        second.stop()
        waiting.gate.open()
    assert "worker.drained" not in running.log.names


def test_what_was_done_before_is_committed_though_one_is_late(work):
    store, waiting = watched(), Waiting(begin=4)
    with feed(4, then="hang") as server:
        running = work(server.url, store, waiting.plain, drain_timeout=0.05)
        waiting.seen.wait_for(4)
        running.worker.stop()
        assert isinstance(running.join(), DrainTimeout)
        assert store.position() == "3"
        waiting.gate.open()


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_late_transaction_leaves_nothing_open(work, exclusive):
    store = watched(Effects(is_exclusive=exclusive))
    waiting = Waiting(begin=2)
    with feed(4, then="hang") as server:
        running = work(
            server.url,
            store,
            waiting.writing,
            transactional=True,
            drain_timeout=0.05,
        )
        waiting.seen.wait_for(2)
        running.worker.stop()
        assert isinstance(running.join(), DrainTimeout)
        if not running.is_async:  # or asyncio.run has cancelled it
            assert store.inner.open == 1
            waiting.gate.open()
        wait_until(lambda: store.inner.open == 0)
    done = ["1"] if running.is_async else ["1", "2"]
    assert store.inner.done == done
    assert store.position() == done[-1]


def test_no_time_to_drain_is_none(work, waiting):
    store = watched()
    with feed(4, then="hang") as server:
        running = work(server.url, store, waiting.plain, drain_timeout=0)
        waiting.seen.wait_for(1)
        running.worker.stop()
        assert isinstance(running.join(), DrainTimeout)
        waiting.gate.open()


def test_all_the_time_to_drain_is_for_ever(work, waiting):
    store = watched()
    with feed(4, then="hang") as server:
        running = work(server.url, store, waiting.plain, drain_timeout=float("inf"))
        waiting.seen.wait_for(1)
        running.worker.stop()
        waiting.gate.open()
        running.end()


# ---------------------------------------------------------------- the claim is lost


def lose(store):
    store.inner.put("prices", "9")


def test_a_lost_claim_begins_nothing_more_and_is_raised(work, waiting):
    store = watched()
    with feed(40, then="hang") as server:
        running = work(server.url, store, waiting.plain, lease=0.2)
        waiting.seen.wait_for(1)
        wait_until(lambda: running.desk.is_full)
        lose(store)
        if not running.is_async:
            wait_until(lambda: running.log.of("worker.draining"))
            waiting.gate.open()
        assert isinstance(running.join(), ClaimLost)
    assert waiting.seen.items == ["1"]
    assert waiting.done.items == ([] if running.is_async else ["1"])
    assert store.position() == "9"


def test_a_lost_claim_refuses_the_transaction(work, waiting):
    store = watched(Effects())
    with feed(4, then="hang") as server:
        running = work(server.url, store, waiting.writing, transactional=True)
        waiting.seen.wait_for(1)
        lose(store)
        waiting.gate.open()
        assert isinstance(running.join(), ClaimLost)
    assert store.inner.done == []
    assert store.inner.open == 0
    assert store.position() == "9"


def test_a_quiet_feed_hears_of_a_lost_claim(work):
    store, seen = watched(), Seen()
    with feed(1, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id), lease=0.1)
        seen.wait_for(1)
        lose(store)
        assert isinstance(running.join(), ClaimLost)


def test_a_claim_lost_while_it_drains_is_raised(work, waiting):
    store = watched()
    with feed(4, then="hang") as server:
        running = work(server.url, store, waiting.plain, lease=0.1)
        waiting.seen.wait_for(1)
        running.worker.stop()
        wait_until(lambda: running.log.of("worker.draining"))
        lose(store)
        wait_until(lambda: running.source._subscription.holding.error)
        waiting.gate.open()
        assert isinstance(running.join(), ClaimLost)


# ---------------------------------------------------------------- the store fails


def test_a_store_that_fails_for_a_while_is_waited_for(work):
    store, seen = watched(), Seen()
    with feed(30, pause=0.002) as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(3)
        failing = Failing(store, "commit")
        seen.wait_for(10)
        failing.stop()
        running.end()
    assert seen.items == [str(n) for n in range(1, 31)]
    assert store.position() == "30"


@pytest.mark.parametrize("call", ["claim", "recall", "commit", "begin", "end"])
def test_each_call_is_made_again_once_the_store_is_back(work, call):
    store, left = watched(Effects()), [3]

    def fail(*_):
        left[0] -= 1
        if left[0] >= 0:
            raise StoreUnavailable("it is gone")

    store.before[call] = fail
    with feed(4) as server:
        work(
            server.url,
            store,
            lambda event, connection: connection.append(event.id),
            transactional=True,
        ).end()
    assert store.inner.done == ["1", "2", "3", "4"]
    assert left[0] < 0


def test_patience_has_an_end(work, waiting):
    store, waiting._begin = watched(), 3
    commits = CommitPolicy(patience=0.05, interval=0.01)
    with feed(9, then="hang") as server:
        running = work(server.url, store, waiting.plain, commits=commits)
        waiting.seen.wait_for(1)
        Failing(store, "commit", "release", "replays")
        waiting.seen.wait_for(3)
        if not running.is_async:
            wait_until(lambda: running.source._subscription.holding.error)
            waiting.gate.open()
        assert isinstance(running.join(), StoreUnavailable)


def test_while_the_store_fails_a_stop_does_not_wait_for_what_is_not_begun(work):
    store = watched(Effects())
    seen = Seen()
    with feed(9, then="hang") as server:
        failing = Failing(store, "begin")
        running = work(
            server.url,
            store,
            lambda event, connection: seen.add(event.id),
            transactional=True,
        )
        wait_until(lambda: running.desk.begun)
        stopped_at = time.monotonic()
        running.worker.stop()
        wait_until(lambda: running.log.of("worker.drained"))
        failing.stop()
        running.end()
        assert time.monotonic() - stopped_at < 8
    assert seen.items == []


# ---------------------------------------------------------------- cancellation


def test_a_cancellation_breaks_handlers_off_and_is_passed_on(awork, waiting):
    store = watched()
    broken = Seen()

    def handler(event):
        try:
            yield from waiting(event)
        except asyncio.CancelledError:
            broken.add(event.id)
            raise

    with feed(9, then="hang") as server:
        running = awork(server.url, store, handler, concurrency=2)
        waiting.seen.wait_for(2)
        running.cancel()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert sorted(broken.items) == ["1", "2"]
    assert store.place().owner == ""
    assert store.position() is None


def test_a_transaction_that_is_broken_off_is_rolled_back(awork, waiting):
    store = watched(Effects(is_exclusive=True))
    with feed(9, then="hang") as server:
        running = awork(
            server.url, store, waiting.writing, transactional=True, concurrency=3
        )
        waiting.seen.wait_for(1)
        running.cancel()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert store.inner.open == 0
    assert store.inner.done == []
    assert store.place().owner == ""


def test_what_a_handler_puts_right_is_not_broken_off_again(awork):
    store, second, seen = watched(), Gate(), Seen()

    def handler(event):
        seen.add("begun")
        try:
            yield Gate()
        except asyncio.CancelledError:
            seen.add("putting right")
            yield second
            seen.add("put right")
            raise

    with feed(9, then="hang") as server:
        running = awork(server.url, store, handler)
        seen.wait_for(1)
        running.cancel()
        seen.wait_for(2)
        running.loop.call_soon_threadsafe(running.desk.ring)
        second.open()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert seen.items == ["begun", "putting right", "put right"]


def test_a_handler_that_swallows_the_cancellation_is_waited_for(awork, waiting):
    store = watched()
    swallowed = Seen()

    def handler(event):
        waiting.seen.add(event.id)
        try:
            yield Gate()
        except asyncio.CancelledError:
            swallowed.add(event.id)
        yield waiting.gate

    with feed(9, then="hang") as server:
        running = awork(server.url, store, handler)
        waiting.seen.wait_for(1)
        running.cancel()
        swallowed.wait_for(1)
        assert running._thread.is_alive()
        waiting.gate.open()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert store.position() == "1"  # it did end well


def test_a_second_cancellation_waits_for_nobody(awork, waiting):
    store = watched()
    swallowed = Seen()

    def handler(event):
        waiting.seen.add(event.id)
        try:
            yield Gate()
        except asyncio.CancelledError:
            swallowed.add(event.id)
        try:
            yield Gate()
        except asyncio.CancelledError:  # as asyncio.run ends
            swallowed.add(event.id)
            raise

    with feed(9, then="hang") as server:
        running = awork(server.url, store, handler)
        waiting.seen.wait_for(1)
        running.cancel()
        swallowed.wait_for(1)
        running.cancel()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert swallowed.items == ["1", "1"]
    assert store.place().owner != ""


def test_a_cancellation_while_it_drains_ends_that(awork, waiting):
    store = watched()
    with feed(9, then="hang") as server:
        running = awork(server.url, store, waiting.plain)
        waiting.seen.wait_for(1)
        running.worker.stop()
        wait_until(lambda: running.log.of("worker.draining"))
        running.cancel()
        assert isinstance(running.join(), asyncio.CancelledError)
    assert waiting.done.items == []
    assert store.place().owner == ""
