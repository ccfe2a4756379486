"""A worker's ledger: the watermark, what is ahead, and lives that end anywhere."""

from __future__ import annotations

import random

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.claims import Beside, DeadLetter, Mark, Recalled
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.deliveries import Delivery, WorkLedger
from reconnecting_sse.core.recent import identified


def event(number, id_=None):
    return ServerSentEvent("message", f"data {number}", id_ or str(number), None)


def handed(ledger, *positions):
    made = []
    for position in positions:
        ledger.hand(event(position), position)
        made.append(ledger.last)
    return made


def test_the_watermark_stands_before_the_first_that_is_not_done():
    ledger = WorkLedger(CommitPolicy(), "0")
    one, two, three = handed(ledger, "1", "2", "3")
    assert ledger.mark() is None
    ledger.finished([two])
    assert ledger.mark() is None
    assert ledger.position == "0"
    ledger.finished([one])
    assert ledger.mark().position == ledger.watermark().position == "2"
    assert ledger.in_hand == [three.event]
    assert ledger.uncommitted == 3
    ledger.did_commit(ledger.mark(), 1.0)
    assert ledger.mark() is None
    assert ledger.uncommitted == 1


def test_events_are_told_apart_where_the_position_does_not_move():
    ledger = WorkLedger(CommitPolicy(), "a")
    made = handed(ledger, "a", "b", "b")
    ledger.moved("c")
    ledger.moved("c")
    made += handed(ledger, "c", "b")
    assert [d.key for d in made] == ["1:a", "0:b", "1:b", "1:c", "0:b"]
    ledger.finished(made)
    assert ledger.position == "b"
    assert ledger.handed == 6


def test_the_same_events_have_the_same_keys_in_the_next_life():
    first = WorkLedger(CommitPolicy(), "")
    before = [d.key for d in handed(first, "1", "1", "2", "2", "3")]
    second = WorkLedger(CommitPolicy(), "1")
    assert [d.key for d in handed(second, "1", "2", "2", "3")] == before[1:]


def test_what_is_next_closes_with_its_position_and_what_follows_it():
    ledger = WorkLedger(CommitPolicy(), "0")
    one, two, three = handed(ledger, "1", "2", "3")
    ahead = ledger.closing([two])
    assert ahead == Mark(0, None, Beside(ahead=("0:2",)))
    ledger.closed([two], ahead)
    closing = ledger.closing([one])
    assert (closing.position, closing.beside.passed) == ("2", ("0:2",))
    plain = ledger.mark()
    assert plain is None
    ledger.closed([one], closing)
    ledger.did_commit(closing, 1.0)
    assert ledger.position == "2"
    assert ledger.mark() is None
    closing = ledger.closing([three])
    assert (closing.position, closing.beside.passed) == ("3", ())


def test_what_was_ahead_is_deleted_with_the_next_plain_commit():
    ledger = WorkLedger(CommitPolicy(), "0")
    one, two = handed(ledger, "1", "2")
    ledger.closed([two], ledger.closing([two]))
    ledger.finished([one])
    mark = ledger.mark()
    assert (mark.position, mark.beside.passed) == ("2", ("0:2",))
    ledger.did_commit(mark, 1.0)
    (three,) = handed(ledger, "3")
    ledger.finished([three])
    assert ledger.mark().beside.passed == ()


def test_no_closing_finds_its_number_taken():
    """A plain commit beside it has a smaller one: the store refuses what is not new."""
    ledger = WorkLedger(CommitPolicy(), "0")
    one, two = handed(ledger, "1", "2")
    ledger.finished([one])
    closing = ledger.closing([two])
    assert ledger.mark().seq < closing.seq
    ledger.closed([two], closing)
    assert ledger.mark().seq > closing.seq
    ledger.did_commit(closing, 1.0)
    assert ledger.mark() is None


def test_a_closing_that_failed_leaves_nothing():
    ledger = WorkLedger(CommitPolicy(), "0")
    (one,) = handed(ledger, "1")
    ledger.closing([one])
    assert ledger.mark() is None
    ledger.finished([one])
    ledger.did_commit(ledger.mark(), 1.0)
    assert ledger.uncommitted == 0


def letter(key):
    values = {"name": "n", "position": "", "event": "", "data": "", "id": ""}
    return DeadLetter(key=key, reason="", attempts=1, **values)


def test_a_dead_letter_that_is_handled_is_settled_and_moves_nothing():
    ledger = WorkLedger(CommitPolicy(), "0")
    delivery = Delivery(event(7), "7", key="0:7")
    delivery.letter = letter("0:7")
    mark = ledger.closing([delivery])
    assert mark == Mark(0, None, Beside(settled=("0:7",)))
    ledger.closed([delivery], mark)
    again = ledger.closing([delivery], buried=(letter("0:7"),))
    assert again.beside.settled == ()
    assert again.beside.buried == (letter("0:7"),)
    assert ledger.position == "0"


def test_one_is_taken_in_hand_with_the_position_before_it():
    ledger = WorkLedger(CommitPolicy(), "0")
    assert ledger.taking("0:1", 1, is_start=True) == Mark(
        0, None, Beside(is_start=True, hand="0:1", begun=1)
    )
    one, _two = handed(ledger, "1", "2")
    assert ledger.is_undone("0:1")
    ledger.finished([one])
    assert not ledger.is_undone("0:1")
    mark = ledger.taking("0:2", 3, is_start=False)
    assert (mark.position, mark.beside.hand, mark.beside.begun) == ("1", "0:2", 3)
    ledger.did_commit(mark, 1.0)
    assert ledger.mark() is None


def test_nothing_behind_a_barrier_is_committed():
    ledger = WorkLedger(CommitPolicy(), "0")
    (one,) = handed(ledger, "1")
    barrier = ledger.barrier()
    barrier.keys.append("gap:x")
    (two,) = handed(ledger, "2")
    ledger.finished([one, two])
    assert ledger.position == "1"
    ledger.lift(barrier)
    assert ledger.position == "2"
    assert ledger.mark().beside.passed == ("gap:x",)


def test_what_the_last_life_did_is_done_already():
    ledger = WorkLedger(CommitPolicy(), "0")
    handed(ledger, "1", "2")
    ledger.remember(Recalled(frozenset({"0:2", "0:4"})))
    assert ledger.is_done_ahead("0:4")
    assert not ledger.is_done_ahead("0:1")
    handed(ledger, "3", "4")
    assert [e.id for e in ledger.in_hand] == ["1", "3"]


def test_there_is_room_for_as_many_as_may_wait():
    ledger = WorkLedger(CommitPolicy(max_uncommitted=3))
    made = handed(ledger, "1", "2")
    assert ledger.room() == 1
    assert not ledger.is_stuck
    ledger.finished(made)
    assert ledger.room() == 1
    ledger.did_commit(ledger.mark(), 0.0)
    assert ledger.room() == 3


def test_every_so_many_are_committed_before_others_come():
    ledger = WorkLedger(CommitPolicy(every=2))
    made = handed(ledger, "1", "2", "3")
    ledger.finished(made[:1])
    assert ledger.room() > 0
    ledger.finished(made[1:2])
    assert ledger.room() == 0


def test_it_must_pause_once_something_waits_for_too_long():
    ledger = WorkLedger(CommitPolicy(max_delay=5))
    ledger.finished(handed(ledger, "1", "2")[:1])
    ledger.waits(10.0)
    assert not ledger.must_pause(15.0)
    assert ledger.must_pause(15.1)
    ledger.did_commit(ledger.mark(), 16.0)
    assert not ledger.must_pause(99.0)


def test_what_was_handed_out_and_not_over_can_be_put_back():
    ledger = WorkLedger(CommitPolicy())
    events = [event(1), event(2), event(3)]
    pending = ledger.hand_out(events)
    next(pending)
    assert ledger.put_back() == events[1:]
    assert ledger.put_back() == []


def test_recent_ids_go_with_each_position():
    ledger = WorkLedger(CommitPolicy(), "0", deduplicate=2)
    deliveries = []
    for number in "123":
        ledger.hand(identified(event(number)), number)
        assert not ledger.recent.is_duplicate(ledger.last.event)
        deliveries.append(ledger.last)
    assert ledger.recent.is_duplicate(deliveries[-1].event)
    ledger.finished(deliveries[:1])
    assert ledger.mark().beside.recent == ("1",)
    assert ledger.closing(deliveries[1:]).beside.recent == ("2", "3")


# ---------------------------------------------------------------- lives that end


class Store:
    """Keeps what is recorded, as every store does."""

    def __init__(self):
        self.position, self.seq, self.ahead = "0", 0, set()
        self.effects = []

    def record(self, mark, effects=()):
        if mark.position is not None:
            if mark.seq <= self.seq:
                return False
            self.position, self.seq = mark.position, mark.seq
        if mark.beside is not None:
            self.ahead |= set(mark.beside.ahead)
            self.ahead -= set(mark.beside.passed)
        self.effects += effects
        return True


def live(store, rng, count, steps):
    """One life: events in any order, some in transactions; it ends at any step."""
    store.seq = 0
    ledger = WorkLedger(CommitPolicy(), store.position)
    ledger.remember(Recalled(frozenset(store.ahead)))
    left = iter(range(int(store.position) + 1, count + 1))
    begun, undone = [], []
    for _ in range(steps):
        match rng.choice(["hand", "hand", "close", "close", "commit", "lost"]):
            case "hand":
                number = next(left, None)
                if number is not None:
                    ledger.hand(event(number), str(number))
                    if not ledger.last.is_done:
                        undone.append(ledger.last)
            case "close" if undone:
                some = rng.sample(undone, rng.randint(1, min(3, len(undone))))
                some.sort(key=lambda d: int(d.position))
                mark = ledger.closing(some)
                if rng.random() < 0.2:
                    continue  # rolled back
                assert store.record(mark, [d.position for d in some])
                ledger.closed(some, mark)
                ledger.did_commit(mark, 0.0)
                undone = [d for d in undone if d not in some]
            case "commit" if (mark := ledger.mark()) is not None:
                store.record(mark)
                ledger.did_commit(mark, 0.0)
            case "lost" if (mark := ledger.mark()) is not None:
                store.record(mark)  # and no answer came
        begun.append(store.position)
        done = {int(effect) for effect in store.effects}
        assert all(n in done for n in range(1, int(store.position) + 1))
    return not undone and next(left, None) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_no_event_is_lost_or_done_twice_in_lives_that_end_anywhere(seed, steps):
    rng, store = random.Random(seed), Store()
    for _ in range(20):
        live(store, rng, 40, steps)
    while not live(store, rng, 40, 400):
        pass
    assert sorted(store.effects, key=int) == [str(n) for n in range(1, 41)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_mark_that_was_lost_is_made_again(count):
    ledger = WorkLedger(CommitPolicy(), "0")
    made = handed(ledger, "1", "2")
    ledger.finished(made[:count])
    first = ledger.mark()
    assert ledger.mark() == first
