"""What was missed is handled before the feed goes on; what came twice, once."""

from __future__ import annotations

import asyncio

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse import Dialect, Reject
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.testing import Answer, ScriptedServer
from reconnecting_sse.testing.script import EVENT_STREAM
from tests.workers.making import FACES, Async, Gate, Running, Sync, until, worker_of

FIRST = Answer(body=["id: 1\ndata: a\n\n"], end="cut")
LATER = Answer(
    body=["id: 8\ndata: h\n\n", "id: 9\ndata: i\n\n"],
    headers=[*EVENT_STREAM, ("Last-Event-ID", "7")],
    end="hang",
)
GAPS = Dialect(gap_headers=("Last-Event-ID",))


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


def missed(*ids):
    return [ServerSentEvent("message", f"missed {id_}", id_, None) for id_ in ids]


def plain_list(_gap):
    return missed("2", "3")


def generator(_gap):
    yield from missed("2", "3")


async def async_generator(_gap):
    for event in missed("2", "3"):
        await asyncio.sleep(0)
        yield event


async def coroutine(_gap):
    await asyncio.sleep(0)
    return missed("2", "3")


async def nothing_after_all(_gap):
    return None


def run(face, store, handle, on_gap, count, *, answers=(FIRST, LATER), **options):
    """Until so many were handled."""
    got = []

    def handler(event, *more):
        handle(event, *more)
        got.append(event.id)

    source = {"dialect": GAPS}
    with ScriptedServer(list(answers)) as server:
        worker = worker_of(
            face, server.url, store, handler, on_gap=on_gap, source=source, **options
        )
        with Running(face, worker) as running:
            until(lambda: len(got) >= count or running.error)
            until(lambda: worker.health().uncommitted == 0 or running.error)
    if running.error is not None:
        raise running.error
    return got, worker


HOOKS = [(f, h) for f in FACES for h in (plain_list, generator)] + [
    (Async, async_generator),
    (Async, coroutine),
]


@pytest.mark.parametrize(("face", "hook"), HOOKS)
@pytest.mark.parametrize("transactional", [True, False])
def test_what_was_missed_comes_before_what_follows(face, hook, transactional, tmp_path):
    store = SqliteStore(tmp_path / "worker.db")
    options = {"transactional": transactional}
    got, worker = run(face, store, lambda *_: None, hook, 5, **options)
    assert got == ["1", "2", "3", "8", "9"]
    assert store.places()[0].position == "9"
    assert worker.log.of("worker.filled") == [
        {"durable_name": "prices", "position": "1", "events": 2}
        | {"url": worker.log.of("worker.filled")[0]["url"]}
    ]
    again = store.recall(store.claim("prices", None, "next"))
    assert again.ahead == frozenset()


@pytest.mark.parametrize(
    ("face", "hook"),
    [(f, lambda _gap: None) for f in FACES] + [(Async, nothing_after_all)],
)
def test_a_hook_may_have_nothing(face, hook):
    got, _worker = run(face, MemoryStore(), lambda _: None, hook, 3)
    assert got == ["1", "8", "9"]


def test_a_gap_may_be_the_first_that_happens(face):
    store = MemoryStore()
    store.put("prices", "1")
    got, _ = run(face, store, lambda _: None, plain_list, 4, answers=[LATER])
    assert got == ["2", "3", "8", "9"]


def test_what_cannot_be_handled_of_it_is_a_dead_letter(face):
    store = MemoryStore()

    def handle(event):
        if event.id == "2":
            raise Reject("no")

    got, _ = run(face, store, handle, plain_list, 4)
    assert got == ["1", "3", "8", "9"]
    (letter,) = store.letters()
    assert (letter.key, letter.position) == ("0:2", "1")


def test_nothing_behind_a_gap_is_committed_before_it_is_filled(face):
    store, gate = MemoryStore(), Gate()

    def handle(event):
        return gate.hold(face) if event.id == "3" else None

    async def ahandle(event):
        if event.id == "3":
            await gate.hold(face)

    source = {"dialect": GAPS}
    with ScriptedServer([FIRST, LATER]) as server:
        handler = handle if face is Sync else ahandle
        worker = worker_of(
            face,
            server.url,
            store,
            handler,
            on_gap=plain_list,
            source=source,
            concurrency=3,
        )
        with Running(face, worker) as running:
            gate.wait_for_one()
            until(lambda: store.places()[0].position == "1")
            assert worker.health().position == "1"
            worker.stop()
            gate.open()
            assert running.join() is None
        assert store.places()[0].position == "1"
    # So the next life has the same gap.
    got, _ = run(face, store, lambda _: None, plain_list, 4, answers=[LATER])
    assert got == ["2", "3", "8", "9"]
    assert store.places()[0].position == "9"


def test_what_was_done_of_a_gap_in_a_transaction_is_not_done_again(face, tmp_path):
    store = SqliteStore(tmp_path / "worker.db")
    claim = store.claim("prices", None, "last")
    from reconnecting_sse.core.claims import Beside, Mark  # noqa: PLC0415

    store.commit([(claim, Mark(1, "1", Beside(ahead=("0:2",))))])
    store.release(claim)
    got, _ = run(face, store, lambda *_: None, plain_list, 3, answers=[LATER])
    assert got == ["3", "8", "9"]
    assert store.recall(store.claim("prices", None, "next")).ahead == frozenset()


@pytest.mark.parametrize("where", ["hook", "events"])
def test_a_backfill_that_fails_ends_the_worker(face, where):
    def hook(_gap):
        if where == "hook":
            raise OSError("no archive")
        return broken()

    def broken():
        yield from missed("2")
        raise OSError("no archive")

    store = MemoryStore()
    with pytest.raises(OSError, match="no archive"):
        run(face, store, lambda _: None, hook, 99)
    assert store.places()[0].position == "1"


def test_a_second_gap_waits_for_the_first(face):
    answers = [
        FIRST,
        Answer(
            body=["id: 5\ndata: e\n\n"],
            headers=[*EVENT_STREAM, ("Last-Event-ID", "4")],
            end="cut",
        ),
        LATER,
    ]
    given = [missed("2", "3"), missed("6")]
    got, _ = run(
        face, MemoryStore(), lambda _: None, lambda _: given.pop(0), 7, answers=answers
    )
    assert got == ["1", "2", "3", "5", "6", "8", "9"]


def test_more_is_missed_than_the_window_holds(face):
    many = [str(n) for n in range(2, 60)]
    got, _ = run(
        face, MemoryStore(), lambda _: None, lambda _: missed(*many), 61, window=4
    )
    assert got == ["1", *many, "8", "9"]


# ---------------------------------------------------------------- duplicates


def test_an_event_that_is_sent_again_is_handled_once(face):
    answers = [
        Answer(body=["id: 1\ndata: a\n\n", "data: b\n\n", "id: 2\ndata: c\n\n"]),
        # It resumes with the last one, not after it.
        Answer(body=["id: 2\ndata: c\n\n", "data: d\n\n", "id: 3\ndata: e\n\n"]),
        Answer(204),
    ]
    store, got = MemoryStore(), []
    for _ in range(2):
        with ScriptedServer(answers) as server:
            handle = lambda event: got.append(event.data)  # noqa: E731
            face.run(worker_of(face, server.url, store, handle, deduplicate=10))
    # Those without an ID of their own come again.
    assert got == ["a", "b", "c", "d", "e", "b", "d"]
    assert store.places()[0].position == "3"


def test_what_was_missed_may_come_twice_too(face):
    answers = [FIRST, LATER]
    got, _ = run(
        face,
        MemoryStore(),
        lambda _: None,
        lambda _: missed("1", "7", "8"),
        4,
        answers=answers,
        deduplicate=10,
    )
    assert got == ["1", "7", "8", "9"]
