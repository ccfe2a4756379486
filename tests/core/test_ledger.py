"""The ledger: what may be committed is never ahead of what is done, in any order."""

from __future__ import annotations

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.claims import Mark
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.ledger import EventLedger, SliceLedger

MANUAL = CommitPolicy(mode="manual")
AUTO = CommitPolicy()


def event(number):
    return ServerSentEvent(id=str(number), data=f"data {number}")


def events(*numbers):
    return [event(n) for n in numbers]


# ---------------------------------------------------------------- slice after slice


def test_an_event_is_done_when_the_next_one_is_taken():
    ledger = SliceLedger(AUTO)
    pending = ledger.hand_out(events(1, 2, 3))
    assert ledger.mark() is None
    next(pending)
    assert ledger.mark() is None
    next(pending)
    assert ledger.mark() == Mark(1, "1")
    assert [e.id for e in ledger.in_hand] == ["2"]


def test_what_is_settled_is_done_though_nothing_follows():
    ledger = SliceLedger(AUTO)
    next(ledger.hand_out(events(1, 2)))
    ledger.settle()
    assert ledger.mark() == Mark(1, "1")
    assert ledger.in_hand == []
    assert ledger.handed == 1


def test_a_batch_is_done_as_one():
    ledger = SliceLedger(AUTO)
    ledger.is_batched = True
    pending = ledger.hand_out(events(1, 2, 3))
    next(pending), next(pending)
    assert ledger.mark() is None
    assert ledger.mark_in_hand() == Mark(2, "2")
    ledger.settle()
    next(pending)
    assert ledger.mark() == Mark(2, "2")


def test_one_event_of_a_batch_is_not_committed_without_the_others():
    ledger = SliceLedger(AUTO)
    ledger.is_batched = True
    batch = list(ledger.hand_out(events(1, 2)))
    with pytest.raises(ValueError, match="a batch is done as one"):
        ledger.done(batch[0])
    ledger.done(batch[1])
    assert ledger.mark() == Mark(2, "2")


def test_what_is_in_hand_is_kept_when_others_are_handed_out():
    ledger = SliceLedger(AUTO)
    next(ledger.hand_out(events(1)))
    rest = ledger.hand_out(events(2))
    assert ledger.mark() is None
    assert [e.id for e in ledger.in_hand] == ["1"]
    next(rest)
    assert ledger.mark() == Mark(1, "1")


@pytest.mark.parametrize("kind", [SliceLedger, EventLedger])
def test_what_is_put_back_is_what_is_not_done(kind):
    ledger = kind(AUTO)
    pending = ledger.hand_out(events(1, 2, 3))
    take(ledger, pending)
    ledger.settle()
    take(ledger, pending)
    assert [e.id for e in ledger.put_back()] == ["2", "3"]
    assert ledger.mark() == Mark(1, "1")
    assert ledger.handed == 1


@pytest.mark.parametrize("kind", [SliceLedger, EventLedger])
def test_a_move_without_an_event_is_committed_after_those_before_it(kind):
    ledger = kind(AUTO)
    pending = ledger.hand_out(events(1))
    take(ledger, pending)
    ledger.settle()
    ledger.moved("1")
    assert ledger.mark() == Mark(1, "1")
    ledger.moved("7")
    assert ledger.mark() == Mark(2, "7")
    ledger.moved("7")
    assert ledger.mark() == Mark(2, "7")


def test_a_move_waits_for_what_is_in_hand():
    ledger = EventLedger(MANUAL)
    pending = ledger.hand_out(events(1))
    one = take(ledger, pending)
    ledger.moved("7")
    assert ledger.mark() is None
    ledger.done(one)
    assert ledger.mark() == Mark(2, "7")


@pytest.mark.parametrize("kind", [SliceLedger, EventLedger])
@pytest.mark.parametrize("position", ["", "before"])
def test_nothing_is_committed_before_anything_is_done(kind, position):
    ledger = kind(AUTO, position)
    assert ledger.mark() is None
    assert ledger.watermark() == Mark(0, position)


def take(ledger, pending):
    one = next(pending)
    if isinstance(ledger, EventLedger):
        ledger.hand(one, one.id)
    return one


# ---------------------------------------------------------------- one by one


def test_done_out_of_order_only_what_is_before_the_first_undone_is_committed():
    ledger = EventLedger(MANUAL)
    one, two, three = (take(ledger, iter([e])) for e in events(1, 2, 3))
    ledger.done(three)
    ledger.done(two)
    assert ledger.mark() is None
    ledger.done(one)
    assert ledger.mark() == Mark(3, "3")


@pytest.mark.parametrize("kind", [SliceLedger, EventLedger])
def test_an_event_is_committed_once_and_no_other(kind):
    ledger = kind(AUTO)
    one = take(ledger, ledger.hand_out(events(1)))
    ledger.done(one)
    for foreign in (one, event(1)):
        with pytest.raises(ValueError, match="not in hand"):
            ledger.done(foreign)


def test_an_event_handed_over_by_hand_is_not_handed_over_again():
    ledger = EventLedger(MANUAL)
    pending = ledger.hand_out(events(1, 2))
    one = take(ledger, pending)
    assert [e.id for e in ledger.put_back()] == ["2"]
    ledger.done(one)
    assert ledger.mark() == Mark(1, "1")


def test_effects_are_committed_only_with_all_that_is_before_them():
    ledger = EventLedger(MANUAL)
    pending = ledger.hand_out(events(1, 2))
    one, _two = take(ledger, pending), take(ledger, pending)
    with pytest.raises(ValueError, match="are not done"):
        ledger.mark_in_hand()
    ledger.done(one)
    assert ledger.mark_in_hand() == Mark(2, "2")


# ---------------------------------------------------------------- how much may wait


def test_no_more_is_handed_over_than_may_wait():
    ledger = SliceLedger(CommitPolicy(max_uncommitted=3))
    pending = ledger.hand_out(events(1, 2))
    next(pending), next(pending)
    ledger.settle()
    assert ledger.room() == 1
    ledger.did_commit(Mark(2, "2"), now=0)
    assert ledger.room() == 3
    assert ledger.uncommitted == 0


def test_every_makes_room_for_so_many_between_commits():
    ledger = SliceLedger(CommitPolicy(every=1))
    assert ledger.room() == 1
    next(ledger.hand_out(events(1)))
    ledger.settle()
    assert ledger.room() == 0
    ledger.did_commit(Mark(1, "1"), now=0)
    assert ledger.room() == 1


def test_what_nobody_commits_gets_stuck():
    ledger = EventLedger(CommitPolicy(mode="manual", max_uncommitted=2))
    pending = ledger.hand_out(events(1, 2, 3))
    one = take(ledger, pending)
    assert not ledger.is_stuck
    take(ledger, pending)
    assert ledger.is_stuck
    assert ledger.room() == 0
    ledger.done(one)
    assert not ledger.is_stuck


def test_what_is_done_waits_only_so_long():
    ledger = SliceLedger(CommitPolicy(max_delay=60))
    ledger.waits(now=0)
    assert not ledger.must_pause(now=100)
    next(ledger.hand_out(events(1)))
    ledger.settle()
    ledger.waits(now=100)
    ledger.waits(now=150)
    assert not ledger.must_pause(now=160)
    assert ledger.must_pause(now=161)
    ledger.did_commit(Mark(1, "1"), now=170)
    assert not ledger.must_pause(now=1000)


def test_a_commit_of_less_leaves_the_rest_waiting_from_then_on():
    ledger = SliceLedger(CommitPolicy(max_delay=60))
    pending = ledger.hand_out(events(1, 2))
    next(pending), next(pending)
    ledger.settle()
    ledger.did_commit(Mark(1, "1"), now=0)
    assert ledger.must_pause(now=61)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "sometimes"}, "mode="),
        ({"every": 0}, "every="),
        ({"max_uncommitted": 0}, "max_uncommitted="),
        ({"interval": 0}, "interval="),
        ({"interval": float("nan")}, "interval="),
        ({"max_delay": -1}, "max_delay="),
        ({"patience": -1}, "patience="),
    ],
)
def test_a_policy_without_a_meaning_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        CommitPolicy(**wrong)


# ---------------------------------------------------------------- properties

MOVES = st.lists(st.sampled_from(["take", "done", "move", "commit", "out", "back"]))


@given(MOVES, st.randoms(use_true_random=False))
def test_by_hand_no_position_is_committed_before_all_up_to_it_is_done(moves, random):
    ledger, model = EventLedger(MANUAL), []
    pending = ledger.hand_out([])
    for number, move in enumerate(moves, 1):
        if move == "out":
            left = ledger.put_back()
            pending = ledger.hand_out([*left, *events(number)])
        elif move == "take":
            for one in pending:
                ledger.hand(one, one.id)
                model.append([one, one.id, False])
                break
        elif move == "move" and (not model or model[-1][1] != f"m{number}"):
            ledger.moved(f"m{number}")
            model.append([None, f"m{number}", True])
        elif move == "done" and (undone := [e for e in model if not e[2]]):
            entry = random.choice(undone)
            ledger.done(entry[0])
            entry[2] = True
        elif move == "commit" and (mark := ledger.mark()):
            ledger.did_commit(mark, now=number)
        water = 0
        while water < len(model) and model[water][2]:
            water += 1
        position = model[water - 1][1] if water else ""
        assert ledger.watermark() == Mark(water, position)
        assert ledger.handed == len(model)
        assert [id(e) for e in ledger.in_hand] == [id(e[0]) for e in model if not e[2]]


@given(MOVES)
def test_asked_for_the_next_each_event_is_done_once_and_in_order(moves):
    ledger, model, number = SliceLedger(AUTO), [], 0
    pending, waiting, hand = ledger.hand_out([]), [], None
    for move in moves:
        if move == "out" and not waiting:
            waiting = [str(number + n) for n in (1, 2, 3)]
            number += 3
            pending = ledger.hand_out(events(*waiting))
        elif move == "take" and waiting:
            model += [hand] if hand else []
            hand = waiting.pop(0)
            assert next(pending).id == hand
        elif move == "done":
            ledger.settle()
            model += [hand] if hand else []
            hand = None
        elif move == "back":
            waiting = ([hand] if hand else []) + waiting
            hand = None
            back = ledger.put_back()
            assert [e.id for e in back] == waiting
            pending = ledger.hand_out(back)
        assert ledger.watermark() == Mark(len(model), model[-1] if model else "")
        assert [e.id for e in ledger.in_hand] == ([hand] if hand else [])
