"""The parts of a subscription, each alone: its readers, its queue, its orders."""

from __future__ import annotations

import pytest

from reconnecting_sse import StreamInterrupted
from reconnecting_sse.core.loop import Raised, Renew, Stop
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.subscription.orders import Orders
from reconnecting_sse.subscription.queue import EventQueue
from reconnecting_sse.subscription.readers import Readers
from reconnecting_sse.transports.abort import AbortSignal

CUT = Failure(StreamInterrupted("cut"))

# ------------------------------------------------------------------ readers


def test_one_reader_at_a_time():
    readers = Readers()
    readers.enter("one")
    with pytest.raises(RuntimeError, match="read already"):
        readers.enter("another")
    readers.leave()
    readers.enter("another")
    assert readers.is_one_in


def test_a_reader_whom_a_signal_took_away_may_come_again():
    readers = Readers()
    readers.enter("one")
    readers.enter("one")
    readers.leave()
    assert not readers.is_one_in


# ------------------------------------------------------------------ the queue


def test_what_is_put_back_comes_next_and_what_is_left_is_withheld():
    queue = EventQueue()
    queue.pending = iter("abc")
    assert next(queue.pending) == "a"
    queue.put_back("a")
    assert queue.withheld == 3
    assert list(queue.pending) == ["a", "b", "c"]
    assert queue.withheld == 0


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
