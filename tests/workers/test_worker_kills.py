"""Many at a time, in transactions, killed at random moments: no effect comes twice."""

from __future__ import annotations

import os
import random
import signal

import pytest
from tenacity import Retrying, stop_after_attempt

from reconnecting_sse.testing import NumberedFeed, RandomFaults, ScriptedServer
from tests.durable.lives import kill_after, reap, some_seconds
from tests.durable.tables import TABLES
from tests.workers.lives import begun

pytestmark = pytest.mark.endurance

KILLS = int(os.environ.get("KILLS", "4"))  # for each store and face
AT_ONCE = Retrying(stop=stop_after_attempt(5))
MANY = 1000  # deliveries: it may be killed at the same event as often by chance
COUNT = 300
EXPECTED = [str(n) for n in range(1, COUNT + 1)]


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


@pytest.fixture(params=list(TABLES))
def table(request, tmp_path):
    return TABLES[request.param](request, tmp_path)


def feed(seed):
    faults = RandomFaults(seed, kinds=["cut", "reset", "end"], reach=COUNT * 32)
    return ScriptedServer(
        NumberedFeed(COUNT, retry=10, then="stop", pause=0.0005, faults=faults)
    )


def key_of(event):
    return int(event.id) % 5 or None


def careless(table, seed):
    """Writes, then fails at times: what was written then is to be rolled back."""
    rng = random.Random(seed)

    def handler(event, connection):
        written = table.write(connection, [event])
        if hasattr(written, "__await__"):
            yield written
        if rng.random() < 0.05:
            raise ValueError("careless")

    return handler


def batched(table, seed):
    handler = careless(table, seed)

    def of_each(events, connection):
        for event in events:
            yield from handler(event, connection)

    return of_each


def plain(table, _seed):
    def handler(event):
        table.write(None, [event])
        return ()

    return handler


def lives_of(table, url, face, rng, *, make=careless, **options):
    """Kill it so often within one feed, then let it come to the end."""
    killed = 0
    while True:
        is_enough = killed >= KILLS
        child = begun(
            face,
            url,
            table,
            make(table, rng.random()),
            concurrency=8,
            retrying=AT_ONCE,
            **{"transactional": True, "max_deliveries": MANY, **options},
        )
        if is_enough:
            assert reap(child) == 0
            return
        status = kill_after(child, 2 * some_seconds(rng))
        assert status in (0, -signal.SIGKILL)
        if status == 0:  # too early: another feed
            table.clear()
        else:
            killed += 1


@pytest.mark.parametrize("options", [{}, {"key": key_of}])
def test_no_effect_comes_twice_and_none_is_lost(table, face, options):
    rng = random.Random(f"{face} {len(options)}")
    with feed(rng.random()) as server:
        lives_of(table, server.url, face, rng, **options)
    rows = table.rows()
    assert sorted(rows, key=int) == EXPECTED
    if options:
        for lane in range(1, 5):
            ids = [int(row) for row in rows if int(row) % 5 == lane]
            assert ids == sorted(ids)
    assert table.position() == str(COUNT)
    with table.stored() as store:
        assert store.letters("feed") == []


def test_without_a_transaction_none_is_lost(table, face):
    """An event is neither done nor put aside by being begun."""
    rng = random.Random(f"plain {face}")
    options = {"make": plain, "transactional": False, "max_deliveries": 3}
    with feed(rng.random()) as server:
        lives_of(table, server.url, face, rng, **options)
    with table.stored() as store:
        put_aside = {letter.id for letter in store.letters("feed")}
    assert {*table.rows(), *put_aside} == set(EXPECTED)


def test_nor_does_that_of_a_batch(table, face):
    rng = random.Random(face)
    with feed(rng.random()) as server:
        lives_of(table, server.url, face, rng, make=batched, batch=7)
    assert sorted(table.rows(), key=int) == EXPECTED
