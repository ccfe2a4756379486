"""Events whose handlers end the process are put aside, and no others are."""

from __future__ import annotations

import os
import random
import signal

import pytest
from httpxr.sse import ServerSentEvent
from tenacity import Retrying
from tenacity.wait import wait_fixed

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.durable.lives import kill_after, reap, some_seconds
from tests.durable.tables import TABLES
from tests.workers.lives import Line, Turn, begun, lived
from tests.workers.working import feed

pytestmark = pytest.mark.endurance

PATIENT = Retrying(wait=wait_fixed(3600))
KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


@pytest.fixture(params=list(TABLES))
def table(request, tmp_path):
    return TABLES[request.param](request, tmp_path)


@pytest.fixture
def sqlite(request, tmp_path):
    return TABLES["sqlite"](request, tmp_path)


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def letters(table):
    with table.stored() as store:
        return [(x.id, x.reason, x.attempts) for x in store.letters("feed")]


def ids_of(table):
    return [number for number, *_ in letters(table)]


def deadly(table, *ids, transactional=True):
    """A handler that ends its process at these."""

    def handler(event, connection=None):
        if event.id in ids:
            os.kill(os.getpid(), signal.SIGKILL)
        written = table.write(connection, [event])
        if hasattr(written, "__await__"):
            yield written

    def plain(event):
        yield from handler(event)

    return handler if transactional else plain


def lives_until_the_end(*args, limit, **options):
    """How many were killed before one came to the end."""
    for number in range(limit + 1):
        status = lived(*args, **options)
        if status == 0:
            return number
        assert status == -signal.SIGKILL
    raise AssertionError("it never came to the end")


@pytest.mark.parametrize("options", [{}, {"concurrency": 8}, {"batch": 4}])
def test_what_ends_the_process_is_put_aside_and_the_feed_goes_on(sqlite, face, options):
    batch = options.get("batch")
    handler = deadly(sqlite, "3")

    def batched(events, connection):
        for event in events:
            yield from handler(event, connection)

    with feed(9) as server:
        ended = lives_until_the_end(
            face,
            server.url,
            sqlite,
            batched if batch else handler,
            transactional=True,
            max_deliveries=3,
            limit=5,
            **options,
        )
    # The first life is not careful yet: it does not say what it had in hand.
    assert ended in (3, 4)
    assert letters(sqlite) == [
        ("3", "the process ended each of the 3 times that it was begun", 3)
    ]
    assert sorted(sqlite.rows()) == ["1", "2", "4", "5", "6", "7", "8", "9"]
    assert sqlite.position() == "9"


def test_in_every_store(table, face):
    with feed(5) as server:
        ended = lives_until_the_end(
            face,
            server.url,
            table,
            deadly(table, "2", "3"),
            transactional=True,
            max_deliveries=2,
            limit=6,
        )
    assert ended <= 6
    assert ids_of(table) == ["2", "3"]
    assert sorted(table.rows()) == ["1", "4", "5"]


def test_without_transactions_too(sqlite, face):
    with feed(5) as server:
        lives_until_the_end(
            face,
            server.url,
            sqlite,
            deadly(sqlite, "1", transactional=False),
            limit=6,
        )
    assert letters(sqlite) == [
        ("1", "the process ended each of the 5 times that it was begun", 5)
    ]
    assert set(sqlite.rows()) == {"2", "3", "4", "5"}


def test_without_dead_letters_the_worker_stops_before_it(sqlite, face):
    args = (face, None, sqlite, deadly(sqlite, "2"))
    options = {"transactional": True, "max_deliveries": 1, "dead_letters": False}
    with feed(5) as server:
        args = (face, server.url, *args[2:])
        statuses = [lived(*args, **options) for _ in range(4)]
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, 1, 1]  # EventNotHandled
    assert letters(sqlite) == []
    assert sqlite.rows() == ["1"]


def test_random_kills_park_nobody(sqlite, face):
    rng = random.Random(face)
    killed = 0
    with feed(400, pause=0.001) as server:
        while killed < KILLS:
            handler = deadly(sqlite)
            child = begun(
                face,
                server.url,
                sqlite,
                handler,
                transactional=True,
                concurrency=4,
            )
            status = kill_after(child, 2 * some_seconds(rng))
            assert status in (0, -signal.SIGKILL)
            killed += 1
        assert lived(face, server.url, sqlite, deadly(sqlite), transactional=True) == 0
    assert letters(sqlite) == []
    assert sorted(sqlite.rows(), key=int) == [str(n) for n in range(1, 401)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_that_are_asked_for_do_not_count(sqlite, face, line, number):
    """Event 2 is in hand in each life, tried again and again, when it is stopped."""

    def handler(event):
        line.tell(event.id)
        if event.id == "2":
            raise ValueError

    options = {"max_deliveries": 2, "retrying": PATIENT}
    with feed(3, then="hang") as server:
        child = begun(face, server.url, sqlite, handler, **options)
        while line.hear() != "2":
            pass
        os.kill(child, signal.SIGKILL)
        assert reap(child) == -signal.SIGKILL
        for _ in range(4):
            child = begun(face, server.url, sqlite, handler, **options)
            while line.hear() != "2":
                pass
            os.kill(child, number)
            assert reap(child) == 0
    assert letters(sqlite) == []


def test_a_late_handler_does_not_count_either(sqlite, face, line):
    turn = Turn()

    def handler(event):
        line.tell(event.id)
        yield turn

    options = {"max_deliveries": 2, "drain_timeout": 0}
    with feed(3, then="hang") as server:
        for number in [signal.SIGKILL, *[signal.SIGTERM] * 4]:
            child = begun(face, server.url, sqlite, handler, **options)
            line.hear()
            os.kill(child, number)
            assert reap(child) in (1, -signal.SIGKILL)  # DrainTimeout
    turn.close()
    assert letters(sqlite) == []


def test_a_replayed_letter_that_ends_the_process_is_not_replayed_again(sqlite, face):
    options = {"transactional": True, "max_deliveries": 1}
    with feed(3) as server:
        lives_until_the_end(
            face, server.url, sqlite, deadly(sqlite, "2"), limit=3, **options
        )
    with sqlite.stored() as store:
        assert store.replay("feed", ["0:2"]) == 1
    with feed(4, then="hang") as server:
        status = lived(face, server.url, sqlite, deadly(sqlite, "2"), **options)
        assert status == -signal.SIGKILL
    with feed(5) as server:
        assert lived(face, server.url, sqlite, deadly(sqlite, "2"), **options) == 0
    assert ids_of(sqlite) == ["2"]
    assert sqlite.rows() == ["1", "3", "4", "5"]


LARGE = "id: 2\ndata: " + "x" * 200 + "\n\n"
GAP = f"id: 1\ndata: a\n\n{LARGE}id: 3\ndata: c\n\n"
OF_THE_GAP = {
    "on_gap": lambda gap: [ServerSentEvent(id="2", data="found elsewhere")],
    "max_event_bytes": 100,
    "too_large": "skip",
}


def gappy(request):
    """A feed whose second event is too large, and so to be found elsewhere."""
    if request.header("last-event-id") == "3":
        return Answer(204)
    body = GAP if not request.header("last-event-id") else GAP.partition("\n\n")[2]
    return Answer(body=body)


def test_an_event_of_a_gap_that_ends_the_process_is_put_aside(sqlite, face):
    options = {"transactional": True, "max_deliveries": 2, **OF_THE_GAP}
    with ScriptedServer(gappy) as server:
        lives_until_the_end(
            face, server.url, sqlite, deadly(sqlite, "2"), limit=4, **options
        )
    assert ids_of(sqlite) == ["2"]
    assert sqlite.rows() == ["1", "3"]


def test_an_event_of_a_gap_that_is_only_stopped_is_not(sqlite, face, line):
    def handler(event):
        line.tell(event.id)
        if event.id == "2":
            raise ValueError

    options = {"max_deliveries": 2, "retrying": PATIENT, **OF_THE_GAP}
    with ScriptedServer(gappy) as server:
        for number in [signal.SIGKILL, *[signal.SIGTERM] * 4]:
            child = begun(face, server.url, sqlite, handler, **options)
            while line.hear() != "2":
                pass
            os.kill(child, number)
            assert reap(child) in (0, -signal.SIGKILL)
    assert letters(sqlite) == []
