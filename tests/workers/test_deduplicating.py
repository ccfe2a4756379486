"""The IDs that events had themselves: what comes again is not handled again."""

from __future__ import annotations

from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.recent import IdentifiedEvent
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.workers.working import Effects, Seen, feed, watched


class Inclusive:
    """A server that begins with the event that one has already."""

    def __init__(self, count, cut=3):
        self._count, self._cut = count, cut

    def __call__(self, request):
        begin = int(request.header("last-event-id") or 1)
        if begin >= self._count:
            return Answer(204)
        end = min(begin + self._cut, self._count)
        lines = [
            f"id: {n}\ndata: n{n}\n\ndata: beside {n}\n\n"
            for n in range(begin, end + 1)
        ]
        return Answer(body="retry: 5\n\n" + "".join(lines))


def test_what_a_server_sends_again_is_not_handled_again(work):
    store, seen = watched(), Seen()
    with ScriptedServer(Inclusive(12)) as server:
        work(server.url, store, lambda e: seen.add(e.data), deduplicate=5).end()
    placed = [data for data in seen.items if data.startswith("n")]
    assert placed == [f"n{n}" for n in range(1, 13)]
    # Without an ID of its own none is a duplicate, whatever the last ID was.
    assert seen.items.count("beside 4") == 2
    assert store.position() == "12"


def test_without_it_it_is_handled_again(work):
    store, seen = watched(), Seen()
    with ScriptedServer(Inclusive(12)) as server:
        work(server.url, store, lambda e: seen.add(e.data)).end()
    assert seen.items.count("n4") == 2
    assert store.position() == "12"


def test_another_life_knows_them_too(work):
    store, seen = watched(), Seen()
    for count in (4, 8, 12):
        with ScriptedServer(Inclusive(count)) as server:
            work(server.url, store, lambda e: seen.add(e.data), deduplicate=2).end()
    placed = [data for data in seen.items if data.startswith("n")]
    assert placed == [f"n{n}" for n in range(1, 13)]


def test_they_are_kept_with_what_is_written(work):
    store = watched(Effects())

    def handler(event, connection):
        connection.append(event.data)

    for count in (5, 9):
        with ScriptedServer(Inclusive(count)) as server:
            work(server.url, store, handler, transactional=True, deduplicate=3).end()
    placed = [data for data in store.inner.done if data.startswith("n")]
    assert placed == [f"n{n}" for n in range(1, 10)]
    claim = store.inner.claim("prices", None, "me")
    assert store.inner.recall(claim).recent == ("7", "8", "9")


def test_only_as_many_as_are_asked_for_are_remembered(work):
    store, seen = watched(), Seen()
    body = "".join(f"id: {n}\ndata: {n}\n\n" for n in (1, 2, 2, 3, 2, 1))
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(server.url, store, lambda e: seen.add(e.data), deduplicate=2).end()
    assert seen.items == ["1", "2", "3", "1"]
    assert store.position() == "1"


def test_events_that_had_their_id_themselves_are_events_as_any(work):
    store, seen = watched(), Seen()
    with feed(1) as server:
        work(server.url, store, seen.add, deduplicate=2).end()
    (event,) = seen.items
    assert isinstance(event, IdentifiedEvent)
    assert (event.event, event.data, event.id) == ("message", "n1", "1")


def test_what_was_done_ahead_is_a_duplicate_when_it_comes_again(work):
    """A life in which 2 was handled, and 1 was not; and a server that sends 2 twice."""
    store, seen = watched(Effects()), Seen()
    claim = store.inner.claim("prices", None, "killed")
    store.inner.commit([(claim, Mark(0, None, Beside(ahead=("0:2",))))])
    body = "".join(f"id: {n}\ndata: {n}\n\n" for n in (1, 2, 3, 2, 4))
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        work(
            server.url,
            store,
            lambda e, _: seen.add(e.data),
            transactional=True,
            concurrency=4,
            deduplicate=5,
        ).end()
    assert sorted(seen.items) == ["1", "3", "4"]
