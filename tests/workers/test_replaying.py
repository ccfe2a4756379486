"""Dead letters that are handed over once more, while the feed goes on."""

from __future__ import annotations

import time

import pytest
from tenacity import Retrying, stop_after_attempt

from reconnecting_sse import Reject, StoreUnavailable
from reconnecting_sse.subscription import keeping
from tests.workers.test_retrying import Failing
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched

ONCE = Retrying(stop=stop_after_attempt(1))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(keeping, "REPLAY_SECONDS", 0.02)


def ids(store):
    return [letter.id for letter in store.inner.letters("prices")]


def with_letters(work, store, *ids):
    """A life that leaves these behind."""
    handler = Failing(*ids, error=Reject)
    with feed(5) as server:
        work(server.url, store, handler).end()


def test_a_dead_letter_is_replayed_by_a_running_worker(work):
    store, seen = watched(), Seen()
    with_letters(work, store, "2", "4")
    with feed(6, then="hang") as server:
        running = work(server.url, store, seen.add)
        seen.wait_for(1)
        assert store.inner.replay("prices", ["0:2"]) == 1
        _, letter = seen.wait_for(2)
        wait_until(lambda: ids(store) == ["4"])
        running.stop()
    assert (letter.event, letter.data, letter.id) == ("message", "n2", "2")
    assert store.position() == "6"
    assert [x["key"] for x in running.log.of("worker.replaying")] == ["0:2"]


def test_it_is_seen_within_five_seconds(work, monkeypatch):
    monkeypatch.undo()
    store, seen = watched(), Seen()
    with_letters(work, store, "2")
    with feed(6, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(1)
        begun_at = time.monotonic()
        store.inner.replay("prices", ["0:2"])
        seen.wait_for(2)
        assert time.monotonic() - begun_at < 5
        running.stop()


def test_one_that_fails_again_is_a_dead_letter_again(work):
    store, handler = watched(), Failing("2", "6", error=ValueError)
    with_letters(work, store, "2")
    with feed(5, then="hang") as server:
        store.inner.replay("prices", ["0:2"])
    with feed(6, then="hang") as server:
        running = work(server.url, store, handler, retrying=ONCE)
        handler.seen.wait_for(2)
        wait_until(lambda: len(ids(store)) == 2)
        running.stop()
    by_id = {letter.id: letter for letter in store.inner.letters()}
    assert by_id["2"].reason == "ValueError: not 2"
    assert not by_id["2"].is_replayed
    assert sorted(handler.seen.items) == ["2", "6"]


def test_its_effects_and_its_end_are_one(work):
    store, seen = watched(Effects()), Seen()
    with_letters(work, store, "2")

    def handler(event, connection):
        connection.append(event.id)
        seen.add(event.id)

    with feed(6, then="hang") as server:
        running = work(server.url, store, handler, transactional=True)
        seen.wait_for(1)
        store.inner.replay("prices", ["0:2"])
        seen.wait_for(2)
        wait_until(lambda: ids(store) == [])
        running.stop()
    assert store.inner.done == ["6", "2"]
    assert store.position() == "6"


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_end_of_one_without_an_answer_is_looked_into(work, is_lost):
    store, seen = watched(Effects()), Seen()
    with_letters(work, store, "2")
    faults = [StoreUnavailable("no answer")]

    def fail(_, mark):
        if mark.beside.settled and faults:
            if is_lost:
                store.inner.open -= 1
            raise faults.pop()

    def handler(event, connection):
        connection.append(event.id)
        seen.add(event.id)

    with feed(6, then="hang") as server:
        (store.before if is_lost else store.after)["end"] = fail
        running = work(server.url, store, handler, transactional=True)
        seen.wait_for(1)
        store.inner.replay("prices", ["0:2"])
        seen.wait_for(2)
        wait_until(lambda: ids(store) == [])
        running.stop()
    assert store.inner.done == ["6", "2"]
    assert seen.items == (["6", "2", "2"] if is_lost else ["6", "2"])


def test_it_is_handed_over_once_and_in_no_order(work):
    store, seen, gate = watched(), Seen(), Gate()
    with_letters(work, store, "1", "2", "3")

    def handler(event):
        seen.add(event.id)
        if event.id == "2":
            yield gate

    with feed(9, then="hang") as server:
        running = work(server.url, store, handler, concurrency=2)
        seen.wait_for(4)
        store.inner.replay("prices", ["0:1", "0:2", "0:3"])
        seen.wait_for(7)
        store.wait_for("replays", store.calls.count("replays") + 5)
        gate.open()
        wait_until(lambda: ids(store) == [])
        running.stop()
    assert sorted(seen.items) == ["1", "2", "3", "6", "7", "8", "9"]


def test_in_a_batch_it_may_be_beside_events_of_the_feed(work):
    store, seen, gate = watched(Effects()), Seen(), Gate()
    with_letters(work, store, "1", "2")

    def handler(events, connection):
        connection += [event.id for event in events]
        seen.add([event.id for event in events])
        yield gate

    with feed(20, then="hang") as server:
        running = work(
            server.url, store, handler, batch=4, transactional=True, window=30
        )
        seen.wait_for(1)
        store.inner.replay("prices", ["0:1", "0:2"])
        wait_until(lambda: running.desk._lanes.in_hand == 17)
        gate.open()
        wait_until(lambda: ids(store) == [])
        wait_until(lambda: running.desk.is_clear)
        running.stop()
    done = store.inner.done
    assert sorted(done, key=int) == [str(n) for n in [1, 2, *range(6, 21)]]
    assert store.position() == "20"


def test_at_stop_one_that_waits_is_left_for_the_next_life(work):
    store, seen, gate = watched(), Seen(), Gate()
    with_letters(work, store, "1")

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(7, then="hang") as server:
        running = work(server.url, store, handler)
        seen.wait_for(1)
        store.inner.replay("prices", ["0:1"])
        wait_until(lambda: running.desk._lanes.in_hand == 3)
        running.worker.stop()
        gate.open()
        running.end()
    assert ids(store) == ["1"]
    seen = Seen()
    with feed(8, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        assert set(seen.wait_for(3)) == {"1", "7", "8"}
        running.stop()


def test_once_the_feed_has_ended_none_is_begun(work):
    store, seen, gate = watched(), Seen(), Gate()
    with_letters(work, store, "1")

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(6) as server:
        running = work(server.url, store, handler)
        seen.wait_for(1)
        wait_until(lambda: running.desk.is_ending)
        store.inner.replay("prices", ["0:1"])
        store.wait_for("replays", store.calls.count("replays") + 2)
        gate.open()
        running.end()
    assert seen.items == ["6"]
    assert ids(store) == ["1"]


@pytest.mark.parametrize("fault", ["key", "logger"])
def test_what_raises_as_one_is_replayed_ends_the_worker(work, fault):
    store, seen = watched(), Seen()
    with_letters(work, store, "1")

    def key(event):
        return 1 / 0 if event.id == "1" else None

    with feed(7, then="hang") as server:
        running = work(
            server.url,
            store,
            lambda event: seen.add(event.id),
            concurrency=2,
            key=key if fault == "key" else None,
        )
        seen.wait_for(2)
        if fault == "logger":
            running.log.info = lambda name, **_: 1 / 0
        store.inner.replay("prices", ["0:1"])
        assert isinstance(running.join(), ZeroDivisionError)
    assert ids(store) == ["1"]


def test_a_store_that_cannot_tell_of_any_ends_the_worker(work):
    def fail(*_):
        raise ZeroDivisionError

    store, seen = watched(), Seen()
    store.before["replays"] = fail
    with feed(7, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        assert isinstance(running.join(), ZeroDivisionError)


def test_letters_of_two_names_are_each_ones_own(work):
    store, one, other = watched(), Seen(), Seen()
    with feed(2) as server:
        handler = Failing("1", "2", error=Reject)
        for name in ("one", "other"):
            work(server.url, store, handler, name=name).end()
            store.inner.replay(name, ["0:1"])
            handler = Failing("1", "2", error=Reject)
    with feed(3, then="hang") as server:
        first = work(server.url, store, lambda e: one.add(e.id), name="one")
        second = work(server.url, store, lambda e: other.add(e.id), name="other")
        for seen in (one, other):
            assert set(seen.wait_for(2)) == {"1", "3"}
        first.stop()
        second.stop()
    assert [(x.name, x.id) for x in store.inner.letters()] == [
        ("one", "2"),
        ("other", "2"),
    ]
