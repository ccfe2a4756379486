"""Errors of a handler: tried again as tenacity says, then put aside, or the end."""

from __future__ import annotations

import asyncio
import time

import pytest
from tenacity import Retrying, retry_if_not_exception_type, stop_after_attempt
from tenacity.wait import wait_fixed

from reconnecting_sse import EventNotHandled, Reject
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched

TWICE = Retrying(stop=stop_after_attempt(2))
FOR_EVER = Retrying(wait=wait_fixed(3600))


class Failing:
    """A handler that fails for some events, the first so many times.

    Attributes:
        seen: The events that it was called with.
    """

    def __init__(self, *ids, times=1_000_000, error=ValueError):
        self.seen = Seen()
        self._left = dict.fromkeys(ids, times)
        self._error = error

    def __call__(self, event, *_):
        for one in event if isinstance(event, list) else [event]:
            self.seen.add(one.id)
            if self._left.get(one.id, 0) > 0:
                self._left[one.id] -= 1
                raise self._error(f"not {one.id}")

    def write(self, event, connection):
        """The same in a transaction."""
        for one in event if isinstance(event, list) else [event]:
            connection.append(one.id)
        self(event)


def letters(store):
    return [(x.id, x.reason, x.attempts) for x in store.inner.letters("prices")]


def ids_of(letters):
    return [number for number, *_ in letters]


def test_what_fails_once_is_tried_again(work):
    store, handler = watched(), Failing("2")
    handler = Failing("2", times=1)
    with feed(3) as server:
        running = work(server.url, store, handler, retrying=TWICE)
        running.end()
    assert handler.seen.items == ["1", "2", "2", "3"]
    assert store.position() == "3"
    assert letters(store) == []
    (line,) = running.log.of("worker.retrying")
    assert line == {
        "url": f"{server.url}",
        "durable_name": "prices",
        "key": "0:2",
        "attempt": 1,
        "delay": 0.0,
        "cause": "ValueError",
    }


def test_what_fails_again_and_again_is_put_aside(work):
    store, handler = watched(), Failing("2")
    with feed(3) as server:
        running = work(server.url, store, handler, retrying=TWICE)
        running.end()
    assert handler.seen.items == ["1", "2", "2", "3"]
    assert store.position() == "3"
    assert letters(store) == [("2", "ValueError: not 2", 2)]
    (letter,) = store.inner.letters()
    assert (letter.key, letter.position) == ("0:2", "2")
    assert (letter.event, letter.data) == ("message", "n2")
    (line,) = running.log.of("worker.dead_letter")
    assert (line["key"], line["attempts"], line["cause"]) == ("0:2", 2, "ValueError")
    assert running.worker._run.desk.buried == 1


def test_by_default_it_is_tried_five_times(work, monkeypatch):
    monkeypatch.setattr("reconnecting_sse.core.retries.MAX_DELAY", 0.01)
    store, handler = watched(), Failing("1")
    with feed(1) as server:
        work(server.url, store, handler).end()
    assert handler.seen.items == ["1"] * 5
    assert letters(store) == [("1", "ValueError: not 1", 5)]


def test_what_is_rejected_is_put_aside_at_once(work):
    store, handler = watched(), Failing("1", error=Reject)
    with feed(2) as server:
        work(server.url, store, handler).end()
    assert handler.seen.items == ["1", "2"]
    assert letters(store) == [("1", "Reject: not 1", 1)]


def test_an_error_that_is_not_to_be_tried_again_is_put_aside_at_once(work):
    store, handler = watched(), Failing("1", error=KeyError)
    policy = Retrying(retry=retry_if_not_exception_type(KeyError))
    with feed(2) as server:
        work(server.url, store, handler, retrying=policy).end()
    assert letters(store) == [("1", "KeyError: 'not 1'", 1)]


def test_without_dead_letters_the_worker_stops_before_it(work):
    store, handler = watched(), Failing("3")
    with feed(5) as server:
        running = work(server.url, store, handler, retrying=TWICE, dead_letters=False)
        error = running.join()
    assert isinstance(error, EventNotHandled)
    assert "'0:3' of 'prices'" in str(error)
    assert isinstance(error.__cause__, ValueError)
    assert handler.seen.items == ["1", "2", "3", "3"]
    assert store.position() == "2"
    assert store.place().owner == ""
    assert letters(store) == []


@pytest.mark.parametrize("exclusive", [True, False])
def test_what_a_failed_attempt_wrote_is_rolled_back(work, exclusive):
    store = watched(Effects(is_exclusive=exclusive))
    handler = Failing("2", times=1)
    with feed(3) as server:
        work(server.url, store, handler.write, transactional=True, retrying=TWICE).end()
    assert store.inner.done == ["1", "2", "3"]
    assert store.calls.count("abort") == 1


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_dead_letter_of_a_transaction_leaves_nothing_but_itself(work, exclusive):
    store = watched(Effects(is_exclusive=exclusive))
    handler = Failing("2", error=Reject)
    with feed(3) as server:
        work(server.url, store, handler.write, transactional=True).end()
    assert store.inner.done == ["1", "3"]
    assert ids_of(letters(store)) == ["2"]
    assert store.inner.open == 0


def test_of_a_batch_only_what_fails_is_put_aside(work):
    store, handler = watched(), Failing("2", "4", error=Reject)
    with feed(5) as server:
        work(server.url, store, handler, batch=5, retrying=TWICE).end()
    assert ids_of(letters(store)) == ["2", "4"]
    assert store.position() == "5"
    assert set(handler.seen.items) == {"1", "2", "3", "4", "5"}


def test_of_a_batch_in_a_transaction_the_others_have_their_effects_once(work):
    store = watched(Effects())
    handler = Failing("2", "4")
    with feed(6) as server:
        work(
            server.url,
            store,
            handler.write,
            transactional=True,
            batch=6,
            retrying=TWICE,
        ).end()
    assert sorted(store.inner.done) == ["1", "3", "5", "6"]
    assert ids_of(letters(store)) == ["2", "4"]


def test_a_batch_without_dead_letters_stops_before_what_fails(work):
    store, handler = watched(), Failing("2", error=Reject)
    with feed(5) as server:
        error = work(server.url, store, handler, batch=5, dead_letters=False).join()
    assert isinstance(error, EventNotHandled)
    assert store.position() == "1"


def test_while_one_waits_to_be_tried_again_others_go_on(work):
    store, handler = watched(), Failing("1")
    with feed(5, then="hang") as server:
        running = work(server.url, store, handler, concurrency=2, retrying=FOR_EVER)
        assert set(handler.seen.wait_for(5)) == {"1", "2", "3", "4", "5"}
        running.stop()
    assert store.position() is None


@pytest.mark.parametrize("count", [1, 3])
def test_a_pause_between_two_attempts_is_ended_by_stop(work, count):
    store, handler = watched(), Failing(*map(str, range(1, 9)))
    with feed(8, then="hang") as server:
        running = work(server.url, store, handler, concurrency=count, retrying=FOR_EVER)
        handler.seen.wait_for(count)
        wait_until(lambda: len(running.log.of("worker.retrying")) == count)
        stopped_at = time.monotonic()
        running.stop()
        assert time.monotonic() - stopped_at < 5
    (drained,) = running.log.of("worker.drained")
    assert drained["left"] == count
    assert letters(store) == []


def test_a_batch_that_is_looked_through_is_left_at_stop(work):
    store, first, gate, seen = watched(), Gate(), Gate(), Seen()

    def handler(events):
        ids = [event.id for event in events]
        seen.add(ids)
        if "1" in ids:
            yield first
            return
        if len(ids) > 1:
            raise Reject("find out which")
        yield gate

    with feed(6, then="hang") as server:
        running = work(server.url, store, handler, batch=3)
        wait_until(lambda: running.desk._lanes.in_hand == 6)
        first.open()
        _, batch, (one,) = seen.wait_for(3)
        assert len(batch) == 3
        running.worker.stop()
        gate.open()
        running.end()
    assert store.position() == one == batch[0]
    assert running.log.of("worker.drained")[0]["left"] == 2


def test_an_error_that_cannot_say_what_it_is_is_put_aside_all_the_same(work):
    class Odd(Exception):
        def __str__(self):
            raise ValueError("odd")

    def handler(event):
        if event.id == "1":
            raise Odd
        raise ValueError("\0 \ud800" + "x" * 5000)

    store = watched()
    with feed(2) as server:
        work(server.url, store, handler, retrying=Retrying(stop=lambda _: True)).end()
    (_, one, _), (_, two, _) = letters(store)
    assert one == "Odd: it cannot say what it is"
    assert two.startswith("ValueError: \ufffd ?xxx")
    assert len(two) == 1000


def test_a_strategy_that_raises_ends_the_worker(work):
    def stop(_):
        raise ZeroDivisionError

    store, handler = watched(), Failing("2")
    with feed(3) as server:
        error = work(server.url, store, handler, retrying=Retrying(stop=stop)).join()
    assert isinstance(error, ZeroDivisionError)
    assert store.position() == "1"


def test_an_end_of_the_process_that_a_handler_wants_is_raised(work):
    def handler(event):
        raise SystemExit(7)

    store = watched()
    with feed(3) as server:
        error = work(server.url, store, handler).join()
    assert isinstance(error, SystemExit)
    assert error.code == 7
    assert store.position() is None


def test_a_stop_iteration_is_an_error_as_any(work):
    store, handler = watched(), Failing("1", error=StopIteration, times=1)
    with feed(2) as server:
        running = work(server.url, store, handler, retrying=TWICE)
        running.end()
    assert handler.seen.items == ["1", "1", "2"]


def test_a_cancellation_that_nobody_asked_for_is_an_error_as_any(work):
    store, handler = watched(), Failing("1", error=asyncio.CancelledError)
    with feed(2) as server:
        running = work(server.url, store, handler, retrying=TWICE)
        error = running.join()
    if running.is_async:
        assert error is None
        ((_, reason, _),) = letters(store)
        assert reason == ("HandlerCancelled: what the handler waited for was cancelled")
        assert store.position() == "2"
    else:  # to a thread it is an exception that means to end it
        assert isinstance(error, asyncio.CancelledError)
