"""The parts of a subscription, each alone: its readers, its queue, its orders."""

from __future__ import annotations

import pytest

from reconnecting_sse import StreamInterrupted
from reconnecting_sse.core.loop import Raised, Renew, Stop
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.subscription.orders import Orders
from reconnecting_sse.subscription.queue import EventQueue
from reconnecting_sse.subscription.readers import Cleaner, Reader, Readers
from reconnecting_sse.transports.abort import AbortSignal

CUT = Failure(StreamInterrupted("cut"))

# ------------------------------------------------------------------ readers


def test_one_reader_at_a_time():
    readers, one, another = Readers(), Reader(), Reader()
    assert readers.enter(one)
    with pytest.raises(RuntimeError, match="read already"):
        readers.enter(another)
    readers.leave(another, None)
    assert readers.current is one
    readers.leave(one, None)
    assert readers.enter(another)
    assert readers.current is another


def test_who_cleans_up_is_let_in_only_while_nobody_reads():
    readers, one, cleaner, another = Readers(), Reader(), Cleaner(), Cleaner()
    assert readers.admits(cleaner)
    assert not readers.enter(one)
    assert not readers.admits(another)
    for left in (one, another, cleaner):
        readers.leave(left, None)
    assert readers.current is None
    assert readers.enter(one)
    assert not readers.admits(cleaner)
    assert readers.current is one


# ------------------------------------------------------------------ the queue


def test_what_is_left_and_what_is_in_hand_are_withheld():
    queue = EventQueue()
    queue.pending = iter("abc")
    queue.in_hand = next(queue.pending)
    assert queue.withheld == 3
    queue.discard()
    assert (queue.in_hand, queue.withheld) == ("a", 3)
    queue.withdraw()
    queue.withdraw()
    assert (queue.in_hand, queue.withheld) == (None, 3)


def test_what_is_discarded_stays_withheld():
    queue = EventQueue()
    queue.pending = iter("ab")
    queue.discard()
    assert (list(queue.pending), queue.withheld) == ([], 2)
    queue.pending = iter("c")
    assert queue.withheld == 3


# ------------------------------------------------------------------ orders


def test_the_first_reason_to_stop_counts_and_whoever_is_blocked_is_released():
    signal, released = AbortSignal(), []
    orders = Orders(signal)
    assert not orders.are_due
    signal.attach(lambda: released.append(1))
    orders.end("closed")
    orders.end("until")
    assert orders.are_due
    assert orders.stop == Stop("closed")
    assert released == [1, 1]
    assert signal.aborted


@pytest.mark.parametrize("outcome", [None, b"", b"data", CUT, Raised(OSError())])
def test_a_stop_goes_before_whatever_came(outcome):
    orders = Orders(AbortSignal())
    orders.end("closed")
    assert orders.instead_of(outcome) == Stop("closed")


@pytest.mark.parametrize("outcome", [None, b"", CUT])
def test_another_connection_goes_before_what_is_no_loss_and_is_ordered_once(outcome):
    orders = Orders(AbortSignal())
    orders.renew()
    assert orders.are_due
    assert orders.instead_of(outcome) == Renew()
    assert not orders.are_due


@pytest.mark.parametrize("outcome", [b"data", Raised(OSError())])
def test_another_connection_waits_until_nothing_is_lost_by_it(outcome):
    orders = Orders(AbortSignal())
    orders.renew()
    assert orders.instead_of(outcome) is outcome
    assert orders.are_due


def test_a_reader_who_meets_a_cleaner_that_just_leaves_is_in():
    cleaner = Cleaner()

    class Leaving(Readers):
        def admits(self, somebody):
            is_in = super().admits(somebody)
            self.leave(cleaner, None)  # in another thread, at this very moment
            return is_in

    readers = Leaving()
    Readers.admits(readers, cleaner)
    assert readers.enter(Reader())
    with pytest.raises(RuntimeError, match="being read already"):
        readers.enter(Reader())
