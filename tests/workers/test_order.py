"""With many at a time: order within each key, and no more in hand than the window."""

from __future__ import annotations

import random
import threading

import pytest
from tenacity import Retrying, stop_after_attempt
from tenacity.wait import wait_fixed

from reconnecting_sse import CommitPolicy
from reconnecting_sse.testing import NumberedFeed, RandomFaults, ScriptedServer
from tests.durable.test_claims import Elsewhen
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched

COUNT = 300
AGAIN = Retrying(stop=stop_after_attempt(4), wait=wait_fixed(0.001))


class Moment(Gate):
    """Opens by itself after a moment."""

    def __init__(self, seconds):
        super().__init__()
        threading.Timer(seconds, self.open).start()


def key_of(event):
    return int(event.id) % 7


class Careless:
    """Takes random times, and fails now and then.

    Attributes:
        done: What it has done, in order.
    """

    def __init__(self, seed):
        self._rng = random.Random(seed)
        self.done = Seen()

    def __call__(self, event, connection=None):
        if self._rng.random() < 0.2:
            yield Moment(self._rng.random() / 100)
        if self._rng.random() < 0.05:
            raise ValueError("careless")
        if connection is not None:
            connection.append(event.id)
        self.done.add(event.id)


def faulty(seed):
    faults = RandomFaults(seed, kinds=["cut", "reset", "end"], reach=COUNT * 20)
    return ScriptedServer(NumberedFeed(COUNT, retry=5, then="stop", faults=faults))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("transactional", [False, True])
def test_order_is_kept_within_each_key(work, seed, transactional):
    careless, store = Careless(seed), watched(Effects())

    def handler(event):
        yield from careless(event)

    def writing(event, connection):
        yield from careless(event, connection)

    with faulty(seed) as server:
        running = work(
            server.url,
            store,
            writing if transactional else handler,
            transactional=transactional,
            concurrency=8,
            key=key_of,
            retrying=AGAIN,
        )
        running.end()
    done = careless.done.items
    assert sorted(done, key=int) == [str(n) for n in range(1, COUNT + 1)]
    assert done != sorted(done, key=int)
    for lane in range(7):
        ids = [int(one) for one in done if int(one) % 7 == lane]
        assert ids == sorted(ids)
    assert store.position() == str(COUNT)
    if transactional:
        assert sorted(store.inner.done) == sorted(done)
        assert store.inner.recall(store.inner.claim("prices", None, "me")).ahead == (
            frozenset()
        )


@pytest.mark.parametrize("transactional", [False, True])
def test_no_commit_passes_what_is_not_done(work, transactional):
    careless, store = Careless(5), watched(Effects())
    done = set()

    def handler(event, connection=None):
        yield from careless(event, connection)
        done.add(int(event.id))

    def plain(event):
        yield from handler(event)

    def check(*args):
        marks = args[0] if isinstance(args[0], list) else [(None, args[1])]
        for _, mark in marks:
            if mark.position:
                assert set(range(1, int(mark.position) + 1)) <= done

    store.before |= {"commit": check, "end": check}
    with faulty(5) as server:
        work(
            server.url,
            store,
            handler if transactional else plain,
            transactional=transactional,
            concurrency=8,
            retrying=AGAIN,
        ).end()
    assert len(done) == COUNT


def test_the_position_waits_for_the_first_that_is_not_done(work):
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        if event.id == "3":
            yield gate
        seen.add(event.id)

    with feed(20, then="hang") as server:
        running = work(server.url, store, handler, concurrency=4)
        seen.wait_for(19)
        wait_until(lambda: store.position() == "2")
        gate.open()
        seen.wait_for(20)
        running.stop()
    assert store.position() == "20"


def test_alone_there_is_order_and_no_key_is_asked(work):
    store, seen = watched(), Seen()
    with feed(50) as server:
        work(
            server.url,
            store,
            lambda event: seen.add(int(event.id)),
            key=lambda _: 1 / 0,
        ).end()
    assert seen.items == list(range(1, 51))


def test_what_has_no_key_is_in_no_order(work):
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(6) as server:
        running = work(
            server.url, store, handler, concurrency=4, key=lambda _event: None
        )
        seen.wait_for(4)
        gate.open()
        running.end()


@pytest.mark.parametrize("key", [lambda _: 1 / 0, lambda _: []])
def test_a_key_that_is_none_ends_the_worker(work, key):
    store, seen = watched(), Seen()
    with feed(6, then="hang") as server:
        running = work(
            server.url,
            store,
            lambda event: seen.add(event.id),
            concurrency=2,
            key=lambda event: key(event) if event.id == "3" else None,
        )
        error = running.join()
    assert isinstance(error, (ZeroDivisionError, TypeError))
    assert store.place().owner == ""
    assert int(store.position() or 0) <= 2


# ---------------------------------------------------------------- the window


def test_no_more_are_in_hand_than_the_window(work):
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(50, then="hang") as server:
        running = work(server.url, store, handler, concurrency=2, window=5)
        seen.wait_for(2)
        wait_until(lambda: running.desk.is_full)
        assert running.desk._lanes.in_hand == 5
        gate.open()
        seen.wait_for(50)
        running.stop()


def test_behind_one_slow_key_others_go_on(work):
    """The reader reads on once there is room, though it is little."""
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        if event.id == "1":
            yield gate
        seen.add(event.id)

    def slow(event):
        return "slow" if int(event.id) <= 7 else None

    with feed(40, then="hang") as server:
        running = work(server.url, store, handler, concurrency=2, window=10, key=slow)
        seen.wait_for(33)  # all but those of the slow key
        gate.open()
        seen.wait_for(40)
        running.stop()
    assert store.position() == "40"


@pytest.mark.parametrize("limit", [{"max_uncommitted": 3}, {"every": 1}])
def test_room_in_the_store_is_made_as_it_is_needed(work, limit):
    store, seen = watched(), Seen()
    commits = CommitPolicy(interval=60, **limit)
    with feed(40) as server:
        work(
            server.url,
            store,
            lambda event: seen.add(event.id),
            commits=commits,
            concurrency=4,
        ).end()
    assert len(seen.items) == 40


def test_every_call_that_waits_is_woken(work):
    """However often one was woken for nothing, none sleeps while there is work."""
    store, seen, gates = watched(Effects()), Seen(), [Gate(), Gate()]

    def handler(event, connection):
        seen.add(event.id)
        if int(event.id) > 10:
            yield gates[int(event.id) % 2]

    with feed(12, then="hang", pause=0.003) as server:
        running = work(server.url, store, handler, transactional=True, concurrency=2)
        seen.wait_for(12)  # both at once
        for gate in gates:
            gate.open()
        running.stop()


def test_bells_that_nobody_hears_are_not_piled_up(work):
    store, seen = watched(), Seen()
    with feed(200, then="hang", pause=0.0001) as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(200)
        steps = running.worker._run._steps
        if not running.is_async:
            assert steps._bell.qsize() <= 1
        running.stop()


# ---------------------------------------------------------------- leases


def test_nothing_is_begun_once_the_lease_is_over_by_the_own_clock(work, monkeypatch):
    clock = Elsewhen()
    monkeypatch.setattr("reconnecting_sse.subscription.clock.CLOCK", clock)
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        seen.add(event.id)
        if event.id == "2":
            yield gate

    stalled = threading.Event()
    with feed(9) as server:
        running = work(server.url, store, handler, lease=30)
        seen.wait_for(2)
        clock.ahead = 60  # as if it had been frozen for so long
        store.before["renew"] = lambda *_: stalled.wait(20)
        gate.open()
        wait_until(lambda: running.desk._idle)
        assert seen.items == ["1", "2"]
        stalled.set()
        running.end()
    assert seen.items == [str(n) for n in range(1, 10)]


def test_a_lease_is_renewed_however_busy_the_store_is(work):
    """Where one transaction shuts out all others, and the next waits already."""
    store, seen = watched(Effects(is_exclusive=True)), Seen()

    def handler(event, connection):
        yield Moment(0.002)
        seen.add(event.id)

    with feed(400) as server:
        running = work(
            server.url,
            store,
            handler,
            transactional=True,
            concurrency=4,
            lease=0.3,
        )
        running.end()
    assert store.calls.count("renew") >= 3
    assert len(seen.items) == 400


def test_names_of_one_store_take_turns(work):
    store = watched(Effects(is_exclusive=True))
    one, other = Seen(), Seen()

    def of(seen):
        def handler(event, connection):
            yield Moment(0.001)
            seen.add(event.id)

        return handler

    options = {"transactional": True, "concurrency": 3}
    with feed(5000, then="hang") as server:
        first = work(server.url, store, of(one), name="one", **options)
        one.wait_for(5)
        second = work(server.url, store, of(other), name="other", **options)
        other.wait_for(5)
        begun = len(one.items)
        other.wait_for(25)
        assert 10 <= len(one.items) - begun <= 40
        first.stop()
        second.stop()
