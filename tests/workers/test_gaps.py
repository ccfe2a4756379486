"""Gaps: what was missed is handled from elsewhere, before the feed goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse import Dialect, Reject
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.workers.working import Effects, Gate, Seen, feed, wait_until, watched

EVENT_STREAM = Answer().headers
LARGE = "id: 2\ndata: " + "x" * 200 + "\n\n"


def events(*numbers):
    return [ServerSentEvent(id=str(n), data=f"n{n}") for n in numbers]


class Forgetful:
    """A server that has 1 to 3, then resumes at 7: it says so in a header."""

    begin = 7

    def __call__(self, request):
        after = int(request.header("last-event-id") or 0)
        if after >= 9:
            return Answer(204)
        if after >= self.begin - 1:
            body = "".join(f"id: {n}\ndata: n{n}\n\n" for n in range(after + 1, 10))
            return Answer(body=body)
        if not after:
            body = "".join(f"id: {n}\ndata: n{n}\n\n" for n in (1, 2, 3))
            return Answer(body="retry: 5\n\n" + body)
        body = "".join(f"id: {n}\ndata: n{n}\n\n" for n in range(self.begin, 10))
        resumed = [*EVENT_STREAM, ("Mercure-Last-Event-ID", str(self.begin - 1))]
        return Answer(headers=resumed, body=body)


def given(kind, *numbers):
    """These events, as a backfill of that kind."""
    found = events(*numbers)

    def generator():
        yield from found

    async def coroutine():
        return found

    async def agenerator():
        for event in found:
            yield event

    async def both():
        return agenerator()

    return {
        "list": lambda: found,
        "tuple": lambda: tuple(found),
        "generator": generator,
        "coroutine": coroutine,
        "agenerator": agenerator,
        "both": both,
    }[kind]()


KINDS = ["list", "tuple", "generator"]
ASYNC_KINDS = [*KINDS, "coroutine", "agenerator", "both"]


def check_filled(work, kind):
    store, seen, told = watched(), Seen(), Seen()

    def on_gap(gap):
        told.add(gap.asked_for)
        return given(kind, 4, 5, 6)

    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap)
        running.end()
    assert seen.items == [str(n) for n in range(1, 10)]
    assert told.items == ["3"]
    assert store.position() == "9"
    (filled,) = running.log.of("worker.filled")
    assert (filled["position"], filled["events"]) == ("3", 3)
    names = running.log.names
    assert names.index("stream.gap") < names.index("worker.filling")


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_is_filled_before_the_feed_goes_on(work, kind):
    check_filled(work, kind)


@pytest.mark.parametrize("kind", ["coroutine", "agenerator", "both"])
def test_a_gap_is_filled_by_what_is_to_be_awaited(awork, kind):
    check_filled(awork, kind)


def test_a_coroutine_function_fills_a_gap(awork):
    store, seen = watched(), Seen()

    async def on_gap(gap):
        return events(5)

    with ScriptedServer(Forgetful()) as server:
        awork(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap).end()
    assert seen.items == ["1", "2", "3", "5", "7", "8", "9"]


def test_an_async_generator_function_fills_a_gap(awork):
    store, seen = watched(), Seen()

    async def on_gap(gap):
        yield events(5)[0]

    with ScriptedServer(Forgetful()) as server:
        awork(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap).end()
    assert seen.items == ["1", "2", "3", "5", "7", "8", "9"]


def test_a_hook_that_gives_nothing_is_only_told(work):
    store, seen, told = watched(), Seen(), Seen()
    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, lambda e: seen.add(e.id), on_gap=told.add)
        running.end()
    assert [gap.resumed_after for gap in told.items] == ["6"]
    assert "worker.filling" not in running.log.names
    assert seen.items == ["1", "2", "3", "7", "8", "9"]


def test_a_coroutine_that_gives_nothing_is_no_gap_to_fill(awork):
    async def on_gap(gap):
        return None

    store, seen = watched(), Seen()
    with ScriptedServer(Forgetful()) as server:
        awork(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap).end()
    assert seen.items == ["1", "2", "3", "7", "8", "9"]
    assert store.position() == "9"


def test_nothing_behind_a_gap_is_committed_or_begun_before_it_is_filled(work):
    store, seen, gate = watched(), Seen(), Gate()

    def handler(event):
        seen.add(event.id)
        if event.id == "5":
            yield gate

    with ScriptedServer(Forgetful()) as server:
        running = work(
            server.url,
            store,
            handler,
            concurrency=4,
            on_gap=lambda gap: events(4, 5, 6),
        )
        seen.wait_for(1, "6")
        wait_until(lambda: store.position() == "3")
        store.wait_for("replays", 1)
        assert not {"7", "8", "9"} & set(seen.items)
        gate.open()
        running.end()
    assert sorted(seen.items) == [str(n) for n in range(1, 10)]
    assert store.position() == "9"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_what_cannot_be_handled_of_a_gap_is_put_aside(work, concurrency):
    store = watched(Effects())

    def handler(event, connection):
        if event.id in ("4", "8"):
            raise Reject("no")
        connection.append(event.id)

    with ScriptedServer(Forgetful()) as server:
        work(
            server.url,
            store,
            handler,
            transactional=True,
            concurrency=concurrency,
            on_gap=lambda gap: events(4, 5, 6),
        ).end()
    assert sorted(store.inner.done) == ["1", "2", "3", "5", "6", "7", "9"]
    assert [(x.key, x.position) for x in store.inner.letters()] == [
        ("0:4", "3"),
        ("0:8", "8"),
    ]
    assert store.inner.recall(store.inner.claim("prices", None, "me")).ahead == (
        frozenset()
    )


def test_a_gap_is_filled_piece_by_piece(work):
    """No more is taken of it than the window has room for."""
    store, taken, gate = watched(), Seen(), Gate()

    def on_gap(gap):
        for n in range(10, 400):
            taken.add(n)
            yield events(n)[0]

    def handler(event):
        if event.id == "10":
            yield gate

    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, handler, window=3, on_gap=on_gap)
        taken.wait_for(3)
        wait_until(lambda: running.desk.is_full)
        assert taken.items == [10, 11, 12]
        gate.open()
        running.end()
    assert len(taken.items) == 390


@pytest.mark.parametrize("where", ["hook", "first", "later"])
def test_a_gap_that_cannot_be_filled_ends_the_worker_before_it(work, where):
    def generator():
        if where == "later":
            yield events(4)[0]
        raise ZeroDivisionError

    def on_gap(gap):
        return 1 / 0 if where == "hook" else generator()

    store, seen = watched(), Seen()
    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap)
        assert isinstance(running.join(), ZeroDivisionError)
    assert store.position() == "3"
    assert not {"7", "8", "9"} & set(seen.items)
    seen = Seen()
    with ScriptedServer(Forgetful()) as server:  # and the next life fills it again
        work(
            server.url,
            store,
            lambda e: seen.add(e.id),
            on_gap=lambda gap: events(4, 5, 6),
        ).end()
    assert seen.items == ["4", "5", "6", "7", "8", "9"]


def test_what_gives_no_events_is_an_error(work):
    store = watched()
    with ScriptedServer(Forgetful()) as server:
        error = work(server.url, store, lambda e: None, on_gap=lambda gap: 7).join()
    assert isinstance(error, TypeError)
    assert store.position() == "3"


def test_stopped_while_a_gap_is_filled_it_is_filled_again(work):
    store, seen, gate = watched(), Seen(), Gate()
    closed = Seen()

    def on_gap(gap):
        try:
            yield from events(4, 5, 6)
        finally:
            closed.add("closed")

    def handler(event):
        seen.add(event.id)
        if event.id == "5":
            yield gate

    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, handler, on_gap=on_gap, window=1)
        seen.wait_for(5)
        running.worker.stop()
        gate.open()
        running.end()
    assert closed.items == ["closed"]
    assert store.position() == "3"
    seen = Seen()
    with ScriptedServer(Forgetful()) as server:
        work(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap).end()
    assert seen.items == ["4", "5", "6", "7", "8", "9"]


def test_stopped_while_handlers_are_at_the_last_of_it_nothing_behind_is_committed(work):
    """An event too large is passed over, and its ID moves the position behind it."""
    store, seen, gate = watched(), Seen(), Gate()
    body = f"id: 1\ndata: a\n\n{LARGE}"

    def handler(event):
        seen.add(event.id)
        if event.id == "2":
            yield gate

    with ScriptedServer(lambda _: Answer(body=body, end="hang")) as server:
        options = {"max_event_bytes": 100, "too_large": "skip"}
        running = work(
            server.url, store, handler, on_gap=lambda gap: events(2, 3), **options
        )
        seen.wait_for(2)
        wait_until(lambda: running.desk._lanes.in_hand == 2)
        running.worker.stop()
        gate.open()
        running.end()
    assert store.position() == "1"
    assert "worker.filled" not in running.log.names


def test_an_event_too_large_is_a_gap_that_can_be_filled(work):
    store, seen = watched(), Seen()
    body = f"id: 1\ndata: a\n\n{LARGE}id: 3\ndata: c\n\n"
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        options = {"max_event_bytes": 100, "too_large": "skip"}
        work(
            server.url,
            store,
            lambda e: seen.add(e.id),
            on_gap=lambda gap: events(2),
            **options,
        ).end()
    assert seen.items == ["1", "2", "3"]
    assert store.position() == "3"


def test_an_event_may_tell_of_the_gap_before_it(work):
    store, seen = watched(), Seen()
    body = "id: 1\ndata: a\n\nid: 5\nevent: gap\ndata: e\n\nid: 6\ndata: f\n\n"
    dialect = Dialect(is_gap=lambda event: event.event == "gap")
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(
            server.url,
            store,
            lambda e: seen.add(e.id),
            on_gap=lambda gap: events(2, 3, 4),
            dialect=dialect,
        ).end()
    assert seen.items == ["1", "2", "3", "4", "5", "6"]
    assert store.position() == "6"


def test_the_first_thing_of_all_may_be_a_gap(work):
    store, seen = watched(), Seen()
    body = "id: 5\nevent: gap\ndata: e\n\nid: 6\nevent: gap\ndata: f\n\n"
    dialect = Dialect(is_gap=lambda event: event.event == "gap")
    told = Seen()

    def on_gap(gap):
        told.add(gap)
        return events(1, 2) if len(told.items) == 1 else events(9)

    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(
            server.url, store, lambda e: seen.add(e.id), on_gap=on_gap, dialect=dialect
        ).end()
    assert seen.items == ["1", "2", "5", "9", "6"]
    assert store.inner._rows["prices"].starts == 0


def test_two_gaps_in_a_row_are_filled_one_after_the_other(work):
    store, seen, told = watched(), Seen(), Seen()
    body = f"{LARGE}: between\n\n{LARGE}id: 3\ndata: c\n\n"

    def on_gap(gap):
        told.add(gap)
        return events(len(told.items))

    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        options = {"max_event_bytes": 100, "too_large": "skip", "on_comment": str}
        work(
            server.url, store, lambda e: seen.add(e.id), on_gap=on_gap, **options
        ).end()
    assert seen.items == ["1", "2", "3"]
    assert store.position() == "3"


def test_a_gap_and_the_feed_may_have_the_same_events(work):
    store, seen = watched(), Seen()
    with ScriptedServer(Forgetful()) as server:
        work(
            server.url,
            store,
            lambda e: seen.add(e.id),
            on_gap=lambda gap: events(3, 4, 5, 6, 7, 7),
            deduplicate=9,
        ).end()
    assert seen.items == [str(n) for n in range(1, 10)]


def test_events_without_an_id_fill_a_gap_too(work):
    store = watched(Effects())

    def handler(event, connection):
        connection.append(event.data)

    with ScriptedServer(Forgetful()) as server:
        work(
            server.url,
            store,
            handler,
            transactional=True,
            on_gap=lambda gap: [ServerSentEvent(data=x) for x in "aab"],
        ).end()
    assert store.inner.done[3:6] == ["a", "a", "b"]
    assert store.position() == "9"


def test_what_was_done_of_a_gap_is_not_done_again(work):
    """Effects are: though the life ended within, and the gap is where it was."""
    store, seen, gate = watched(Effects()), Seen(), Gate()

    def handler(event, connection):
        connection.append(event.id)
        seen.add(event.id)
        if event.id == "6":
            yield gate

    def fill(gap):
        return events(4, 5, 6)

    options = {"transactional": True, "concurrency": 2, "on_gap": fill}
    with ScriptedServer(Forgetful()) as server:
        running = work(server.url, store, handler, **options, drain_timeout=0)
        seen.wait_for(1, "6")
        wait_until(lambda: {"4", "5"} <= set(store.inner.done))
        claim = running.source._subscription.holding.claim
        assert store.inner.recall(claim).ahead == {"0:4", "0:5"}
        store.inner.claim("prices", None, "another")  # as if it had been killed
        gate.open()
        assert running.join() is not None
    with ScriptedServer(Forgetful()) as server:
        work(server.url, store, lambda e, c: c.append(e.id), **options).end()
    assert sorted(store.inner.done) == [str(n) for n in range(1, 10)]
    claim = store.inner.claim("prices", None, "me")
    assert store.inner.recall(claim).ahead == frozenset()


def test_what_was_done_of_a_gap_is_known_where_the_feed_has_it_again(work):
    store = watched(Effects())
    claim = store.inner.claim("prices", None, "killed")
    store.inner.commit([(claim, Mark(0, None, Beside(ahead=("0:2",))))])
    with feed(4) as server:
        work(server.url, store, lambda e, c: c.append(e.id), transactional=True).end()
    assert store.inner.done == ["1", "3", "4"]


def test_of_a_dialects_own_positions_a_gaps_ids_are_kept_apart(work):
    store = watched(Effects())
    dialect = Dialect(
        position=lambda event, before: f"at {event.data}",
        is_gap=lambda event: event.event == "gap",
    )
    body = "data: a\n\nevent: gap\ndata: b\n\ndata: c\n\n"

    def handler(event, connection):
        if event.id == "8":
            raise Reject("no")
        connection.append(event.data)

    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(
            server.url,
            store,
            handler,
            transactional=True,
            on_gap=lambda gap: events(7, 8),
            dialect=dialect,
        ).end()
    assert store.inner.done == ["a", "n7", "b", "c"]
    assert [x.key for x in store.inner.letters()] == ["gap:8"]
    assert store.position() == "at c"


def test_a_backfill_that_is_slow_does_not_hold_up_a_stop(awork):
    store, seen, begun = watched(), Seen(), threading.Event()
    closed = Seen()

    async def on_gap(gap):
        try:
            yield events(4)[0]
            begun.set()
            await Gate().awaited()
        finally:
            closed.add("closed")

    with ScriptedServer(Forgetful()) as server:
        running = awork(server.url, store, lambda e: seen.add(e.id), on_gap=on_gap)
        assert begun.wait(20)
        seen.wait_for(4)
        running.stop()
    assert seen.items == ["1", "2", "3", "4"]
    assert closed.items == ["closed"]
    assert store.position() == "3"


def test_a_second_gap_waits_for_the_first_and_ends_with_it(awork):
    store, seen, begun = watched(), Seen(), threading.Event()
    body = f"{LARGE}: between\n\n{LARGE}id: 3\ndata: c\n\n"

    async def on_gap(gap):
        begun.set()
        await Gate().awaited()
        yield events(1)[0]

    with ScriptedServer(lambda _: Answer(body=body, end="hang")) as server:
        options = {"max_event_bytes": 100, "too_large": "skip", "on_comment": str}
        running = awork(
            server.url, store, lambda e: seen.add(e.id), on_gap=on_gap, **options
        )
        assert begun.wait(20)
        wait_until(lambda: len(running.log.of("worker.filling")) == 2)
        running.stop()
    assert seen.items == []
    assert store.position() is None


def test_a_cancelled_backfill_that_nobody_cancelled_ends_the_worker(awork):
    async def on_gap(gap):
        raise asyncio.CancelledError
        yield

    store = watched()
    with ScriptedServer(Forgetful()) as server:
        running = awork(server.url, store, lambda e: None, on_gap=on_gap)
        assert isinstance(running.join(), asyncio.CancelledError)
    assert store.position() == "3"


def test_a_source_may_have_a_hook_of_its_own(work):
    store, seen, told = watched(), Seen(), Seen()
    with ScriptedServer(Forgetful()) as server:
        work(
            server.url,
            store,
            lambda e: seen.add(e.id),
            on_gap=lambda gap: events(5),
            of_source={"on_gap": told.add},
        ).end()
    assert len(told.items) == 1
    assert seen.items == ["1", "2", "3", "5", "7", "8", "9"]
