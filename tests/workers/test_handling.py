"""A handler is called with each event, and what it has done is committed."""

from __future__ import annotations

import pytest

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.workers.working import Effects, Gate, Seen, feed, watched


def test_each_event_is_handled_and_the_position_committed(work):
    store, seen = watched(), Seen()
    with feed(5) as server:
        work(server.url, store, lambda event: seen.add(event.id)).end()
    assert seen.items == ["1", "2", "3", "4", "5"]
    assert store.position() == "5"
    assert store.place().owner == ""


def test_another_life_goes_on_where_the_last_one_ended(work):
    store, seen = watched(), Seen()
    with feed(20, then="hang") as server:
        running = work(server.url, store, lambda event: seen.add(event.id))
        seen.wait_for(20)
        running.stop()
    with feed(25) as server:
        work(server.url, store, lambda event: seen.add(event.id)).end()
    assert seen.items == [str(n) for n in range(1, 26)]


def test_positions_are_committed_while_it_works(work):
    store = watched()
    with feed(5, then="hang") as server:
        work(server.url, store, lambda event: None)
        store.wait_for("commit", 2)


def test_effects_and_position_are_one(work):
    store = watched(Effects())

    def handler(event, connection):
        connection.append(event.id)

    with feed(5) as server:
        work(server.url, store, handler, transactional=True).end()
    assert store.inner.done == ["1", "2", "3", "4", "5"]
    assert store.calls.count("end") == 5


def test_batches_are_of_what_has_come(work):
    store, seen, gate = watched(), Seen(), Gate()

    def handler(events):
        seen.add([event.id for event in events])
        yield gate

    with feed(9) as server:
        running = work(server.url, store, handler, batch=4)
        seen.wait_for(1)
        store.wait_for("commit", 1)
        gate.open()
        running.end()
    found = seen.items
    assert [one for ids in found for one in ids] == [str(n) for n in range(1, 10)]
    assert max(map(len, found)) <= 4
    assert store.position() == "9"


def test_a_batch_and_its_position_are_one(work):
    store = watched(Effects())

    def handler(events, connection):
        connection += [event.id for event in events]

    with feed(50) as server:
        work(server.url, store, handler, transactional=True, batch=10).end()
    assert store.inner.done == [str(n) for n in range(1, 51)]


def test_a_feed_without_ids_is_handled_too(work):
    store, seen = watched(), Seen()
    body = b"data: a\n\ndata: b\n\n: \n\ndata: c\n\n"
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(server.url, store, lambda event: seen.add(event.data)).end()
    assert seen.items == ["a", "b", "c"]
    assert store.position() == ""


def test_an_id_without_an_event_moves_the_position(work):
    store, seen = watched(), Seen()
    body = b"id: 1\ndata: a\n\nid: 7\n\n"
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(server.url, store, lambda event: seen.add(event.data)).end()
    assert seen.items == ["a"]
    assert store.position() == "7"


def test_until_is_the_last_event_that_is_handled(work):
    store, seen = watched(), Seen()
    with feed(9, then="hang") as server:
        work(
            server.url,
            store,
            lambda event: seen.add(event.id),
            until=lambda event: event.id == "4",
        ).end()
    assert seen.items == ["1", "2", "3", "4"]
    assert store.position() == "4"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_what_was_read_before_the_end_is_handled(work, concurrency):
    store, seen, gate = watched(), Seen(), Gate()

    def handler(event):
        seen.add(event.id)
        yield gate

    with feed(12) as server:
        running = work(server.url, store, handler, concurrency=concurrency)
        seen.wait_for(concurrency)
        server.wait_for_requests(2)
        gate.open()
        running.end()
    assert sorted(seen.items, key=int) == [str(n) for n in range(1, 13)]
    assert store.position() == "12"
