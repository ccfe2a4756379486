"""The desk by itself: who is woken, and what is not taken on any more."""

from __future__ import annotations

from functools import partial

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse import CommitPolicy
from reconnecting_sse.core.care import Care
from reconnecting_sse.core.claims import Claim, DeadLetter
from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription.holding import Durability, Holding
from reconnecting_sse.workers.desk import Desk
from reconnecting_sse.workers.options import WorkOptions
from reconnecting_sse.workers.telling import Teller
from tests.durable.playing import Log

POLICY = CommitPolicy()


class Bells:
    """Notes who was rung."""

    def __init__(self):
        self.rung = []
        self._bells = {}

    def __getitem__(self, name):
        return self._bells.setdefault(name, partial(self.rung.append, name))

    def take(self):
        rung, self.rung[:] = list(self.rung), []
        return rung


@pytest.fixture
def bells():
    return Bells()


def desk_of(**options):
    kept = Durability(store=MemoryStore(), name="prices", commits=POLICY)
    holding = Holding(kept, ledger=WorkLedger(POLICY))
    desk = Desk(
        WorkOptions(handler=print, **options), holding, Teller(Log(), "url", "prices")
    )
    desk.care = Care(Claim("prices", 1, "n"), max_deliveries=5, events=9)
    return desk


def read(desk, *numbers):
    for number in numbers:
        event = ServerSentEvent(id=str(number), data="x")
        desk.ledger.hand(event, event.id)
        desk.take_over(event)


def letter(number):
    return DeadLetter(
        name="prices",
        key=f"0:{number}",
        position=str(number),
        event="message",
        data="x",
        id=str(number),
        reason="",
        attempts=1,
        is_replayed=True,
    )


def ids(deliveries):
    return [delivery.event.id for delivery in deliveries]


def test_for_each_event_one_that_is_idle_is_rung(bells):
    desk = desk_of(concurrency=3)
    for name in "abc":
        assert desk.take(bells[name]) == []
    read(desk, 1, 2)
    assert bells.take() == ["a", "b"]
    assert ids(desk.take(bells["a"])) == ["1"]
    assert ids(desk.take(bells["b"])) == ["2"]


def test_one_that_was_woken_for_nothing_is_idle_once(bells):
    desk = desk_of(concurrency=2)
    for name in "aab":
        desk.take(bells[name])
    read(desk, 1, 2)
    assert bells.take() == ["a", "b"]


def test_one_that_takes_something_is_idle_no_more(bells):
    desk = desk_of(concurrency=2)
    desk.take(bells["a"])
    read(desk, 1)
    bells.take()
    desk.take(bells["a"])
    read(desk, 2)
    assert bells.take() == []


def test_the_next_of_a_key_is_for_one_that_is_idle(bells):
    desk = desk_of(concurrency=2, key=lambda event: "same")
    read(desk, 1, 2)
    first = desk.take(bells["a"])
    assert desk.take(bells["b"]) == []
    desk.finish(first, is_done=True)
    assert "b" in bells.take()
    assert ids(desk.take(bells["b"])) == ["2"]


def test_readers_are_rung_when_half_is_done_or_somebody_is_idle(bells):
    desk = desk_of(concurrency=2, window=6, key=lambda event: int(event.id) // 10)
    with desk.heard_by(bells["reader"], is_reader=True):
        read(desk, 1, 2, 3, 4, 5, 11)
        assert desk.is_full
        slow, other = desk.take(bells["a"]), desk.take(bells["b"])
        desk.finish(other, is_done=True)
        assert bells.take() == []  # five are in hand still
        assert desk.take(bells["b"]) == []
        assert bells.take() == ["reader"]
        desk.finish(slow, is_done=True)
        bells.take()
        for _ in range(2):
            desk.finish(desk.take(bells["a"]), is_done=True)
        assert "reader" in bells.take()
    desk.ring()
    assert "reader" not in bells.take()


def test_at_the_end_everybody_is_rung_once_all_is_done(bells):
    desk = desk_of(concurrency=2)
    cleared = []
    desk.cleared = lambda: cleared.append(1)
    read(desk, 1)
    only = desk.take(bells["a"])
    with desk.heard_by(bells["b"]):
        assert desk.take(bells["b"]) == []
        assert desk.end() == 0
        assert bells.take() == ["b"]
        assert desk.take(bells["b"]) == []  # another may still be given back
        desk.finish(only, is_done=True)
        assert bells.take() == ["b"]
    assert cleared == [1]
    assert desk.take(bells["b"]) is None


def test_after_the_end_nothing_is_taken_on(bells):
    desk = desk_of()
    desk.end()
    read(desk, 1)
    desk.replay([letter(7)])
    assert desk.is_clear
    assert desk.take(bells["a"]) is None


def test_what_waits_is_dropped_at_the_end_if_it_is_to_stop(bells):
    desk = desk_of()
    read(desk, 1, 2, 3)
    begun = desk.take(bells["a"])
    desk.is_stopping = True
    assert desk.end() == 2
    assert desk.begun == begun
    assert not desk.is_clear
    desk.finish(begun, is_done=True)
    assert desk.is_clear


def test_a_letter_is_replayed_once_at_a_time(bells):
    desk = desk_of()
    desk.replay([letter(7)])
    desk.replay([letter(7), letter(8)])
    assert ids(desk.take(bells["a"])) == ["7"]
    (other,) = desk.take(bells["a"])
    assert other.letter == letter(8)
    desk.finish([other], is_done=False)
    desk.replay([letter(8)])
    assert ids(desk.take(bells["a"])) == ["8"]


def test_the_first_error_counts(bells):
    desk = desk_of()
    halted = []
    desk.halt = lambda: halted.append(1)
    desk.fail(ValueError())
    desk.fail(KeyError())
    assert isinstance(desk.error, ValueError)
    assert halted
    assert desk.is_over
    assert desk.take(bells["a"]) is None


def test_an_error_of_the_store_is_the_end_too():
    desk = desk_of()
    assert not desk.is_over
    desk.holding.error = ValueError()
    assert desk.is_over


def test_the_keeper_is_woken_for_what_the_reader_waits_for(bells):
    desk = desk_of()
    desk.wake = bells["keeper"]
    read(desk, 1, 2)
    desk.finish(desk.take(bells["a"]), is_done=True)
    assert bells.take() == []
    desk.holding.wants_commit = True
    desk.finish(desk.take(bells["a"]), is_done=True)
    assert bells.take() == ["keeper"]
