"""After lives that ended before their events did, events are taken one by one."""

from __future__ import annotations

import pytest
from httpxr.sse import ServerSentEvent
from tenacity import Retrying
from tenacity.wait import wait_fixed

from reconnecting_sse import CommitPolicy, StoreUnavailable
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.durable.test_claims import Failing
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched

PATIENT = Retrying(wait=wait_fixed(3600))


def left_by(store, *, starts=1, hand=None, begun=0):
    """What a life has left that was killed."""
    claim = store.inner.claim("prices", None, "killed")
    for _ in range(starts):
        store.inner.commit([(claim, Mark(0, None, Beside(is_start=True)))])
    if hand is not None:
        store.inner.commit([(claim, Mark(0, None, Beside(hand=hand, begun=begun)))])


def row(store):
    found = store.inner._rows["prices"]
    return found.starts, found.hand, found.begun


def letters(store):
    return [(x.id, x.reason, x.attempts) for x in store.inner.letters()]


def test_a_life_counts_before_its_first_event(work):
    store, gate, seen = watched(), Gate(), Seen()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(2, then="hang") as server:
        running = work(server.url, store, handler)
        seen.wait_for(1)
        assert row(store) == (1, None, 0)
        gate.open()
        seen.wait_for(2)
        running.stop()
    assert row(store) == (0, None, 0)
    assert "worker.careful" not in running.log.names


def test_with_care_each_event_is_said_to_be_in_hand_before_it_is_begun(work):
    store, seen = watched(), Seen()
    left_by(store)

    def handler(event):
        seen.add((event.id, row(store), store.position()))

    with feed(3) as server:
        running = work(server.url, store, handler, concurrency=4)
        running.end()
    assert seen.items == [
        ("1", (2, "0:1", 1), None),
        ("2", (1, "0:2", 1), "1"),
        ("3", (1, "0:3", 1), "2"),
    ]
    assert row(store) == (0, None, 0)
    (careful,) = running.log.of("worker.careful")
    assert (careful["starts"], careful.get("hand")) == (2, None)


def test_care_ends_after_as_many_events_as_may_be_uncommitted(work):
    store, seen = watched(), Seen()
    left_by(store)
    commits = CommitPolicy(max_uncommitted=3, interval=0.01)
    with feed(9) as server:
        work(
            server.url,
            store,
            lambda event: seen.add((event.id, row(store)[1])),
            commits=commits,
        ).end()
    hands = [hand for _, hand in seen.items]
    assert hands[:3] == ["0:1", "0:2", "0:3"]
    assert "0:4" not in hands


def test_poison_behind_others_of_its_position_is_put_aside_too(work):
    """They come again in each life before it; and each is in hand then."""
    store, seen = watched(), Seen()
    body = "id: 1\ndata: a\n\ndata: b\n\ndata: c\n\nid: 2\ndata: d\n\n"
    ledger = WorkLedger(CommitPolicy())
    for each in (("1", "a"), ("1", "b"), ("1", "c")):
        ledger.hand(ServerSentEvent(id=each[0], data=each[1]), "1")
    left_by(store, hand=ledger.last.key, begun=5)
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(server.url, store, lambda event: seen.add(event.data)).end()
    assert seen.items == ["a", "b", "d"]
    assert len(letters(store)) == 1


@pytest.mark.parametrize("transactional", [False, True])
def test_what_was_begun_too_often_is_put_aside(work, transactional):
    store, seen = watched(Effects()), Seen()
    left_by(store, hand="0:2", begun=5)
    with feed(3) as server:
        running = work(
            server.url,
            store,
            lambda event, *_: seen.add(event.id),
            transactional=transactional,
        )
        running.end()
    assert seen.items == ["1", "3"]
    assert letters(store) == [
        ("2", "the process ended each of the 5 times that it was begun", 5)
    ]
    (line,) = running.log.of("worker.dead_letter")
    assert line["cause"] == "poison"


def test_it_is_counted_from_life_to_life(work):
    store, gate, seen = watched(), Gate(), Seen()
    left_by(store, hand="0:1", begun=3)

    def handler(event):
        seen.add(row(store))
        yield gate

    with feed(1) as server:
        running = work(server.url, store, handler)
        seen.wait_for(1)
        gate.open()
        running.end()
    assert seen.items == [(2, "0:1", 4)]


@pytest.mark.parametrize("begun", [0, 2])
def test_an_end_that_is_asked_for_is_not_counted(work, begun):
    store = watched()
    left_by(store, hand="0:1" if begun else None, begun=begun)

    def handler(event):
        raise ValueError

    with feed(2, then="hang") as server:
        running = work(server.url, store, handler, retrying=PATIENT)
        wait_until(lambda: running.log.of("worker.retrying"))
        assert row(store) == (2, "0:1", begun + 1)
        running.stop()
    assert row(store) == (0, "0:1" if begun else None, begun)


def test_nor_is_one_before_it_could_be_said(work):
    store = watched(Effects())
    left_by(store, hand="0:1", begun=2)
    with feed(2, then="hang") as server:
        failing = Failing(store, "begin")
        running = work(server.url, store, lambda event, _: None, transactional=True)
        wait_until(lambda: row(store)[2] == 3)
        running.worker.stop()
        wait_until(lambda: running.log.of("worker.drained"))
        failing.stop()
        running.end()
    assert row(store) == (0, "0:1", 2)


def test_what_was_handled_is_in_hand_no_more(work):
    store, seen = watched(), Seen()
    left_by(store, hand="0:1", begun=4)
    with feed(1, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(1)
        running.stop()
    assert row(store) == (0, None, 0)
    assert store.position() == "1"


def test_a_store_that_fails_as_one_is_taken_in_hand_is_waited_for(work):
    store, seen, left = watched(), Seen(), [3]
    left_by(store)

    def fail(marks):
        if marks[0][1].beside and marks[0][1].beside.hand and left[0]:
            left[0] -= 1
            raise StoreUnavailable("it is gone")

    store.before["commit"] = fail
    with feed(3) as server:
        work(server.url, store, lambda event: seen.add(event.id)).end()
    assert seen.items == ["1", "2", "3"]
    assert left == [0]


def test_stopped_before_its_first_event_a_life_does_not_count(work):
    store = watched()
    with feed(3, then="hang") as server:
        failing = Failing(store, "recall")
        running = work(server.url, store, lambda event: None)
        wait_until(lambda: running.source._subscription.holding.errands)
        running.worker.stop()
        wait_until(lambda: running.log.of("worker.drained"))
        failing.stop()
        running.end()
    assert row(store) == (0, None, 0)
