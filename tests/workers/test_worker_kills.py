"""Workers in processes of their own, killed at random moments."""

from __future__ import annotations

import os
import random
import signal

import pytest

from reconnecting_sse import SubscriptionWorker
from reconnecting_sse.testing import NumberedFeed, RandomFaults, ScriptedServer
from tests.durable.lives import fork, kill_after, reap
from tests.durable.tables import TABLES
from tests.workers.making import FACES, worker_of

KILLS = int(os.environ.get("KILLS", "17"))
COUNT = 150
EXPECTED = sorted(str(n) for n in range(1, COUNT + 1))


def feed(seed, count=COUNT, **options):
    faults = RandomFaults(seed, kinds=["cut", "reset", "end"], reach=count * 32)
    options = {"retry": 10, "then": "stop", "pause": 0.001, "faults": faults, **options}
    return ScriptedServer(NumberedFeed(count, **options))


@pytest.fixture(params=list(TABLES))
def table(request, tmp_path):
    return TABLES[request.param](request, tmp_path)


def lives(table, url, life, rng, kills=KILLS):
    """Kill it so often, and let it come to the end."""
    killed = 0
    while True:
        child = fork(life, table, url)
        is_enough = killed >= kills
        seconds = rng.uniform(0.01, 0.15)
        status = reap(child) if is_enough else kill_after(child, seconds)
        assert status in (0, -signal.SIGKILL)
        killed += status != 0
        if status == 0:
            if is_enough:
                return
            table.clear()


def worker(face, table, url, **options):
    def handle(event, connection=None):
        return table.write(connection, [event])

    store = table.store(face.name)
    source = {"name": "feed"}
    made = worker_of(face, url, store, handle, source=source, **options)
    assert isinstance(made, SubscriptionWorker)
    return made


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("concurrency", [1, 8])
def test_no_effect_in_a_transaction_is_lost_or_comes_twice(table, face, concurrency):
    def life(table, url):
        options = {"transactional": True, "concurrency": concurrency}
        face.run(worker(face, table, url, key=lambda e: int(e.id) % 5, **options))

    rng = random.Random(f"{concurrency} {face.name}")
    with feed(rng.random()) as server:
        lives(table, server.url, life, rng)
    rows = table.rows()
    assert sorted(rows) == EXPECTED
    for key in range(5):
        of_key = [int(row) for row in rows if int(row) % 5 == key]
        assert of_key == sorted(of_key)


@pytest.mark.parametrize("face", FACES)
def test_without_one_nothing_is_lost(table, face):
    def life(table, url):
        face.run(worker(face, table, url, concurrency=4))

    rng = random.Random(face.name)
    with feed(rng.random()) as server:
        lives(table, server.url, life, rng)
    assert set(table.rows()) == set(EXPECTED)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("transactional", [True, False])
def test_no_kill_makes_an_innocent_event_a_dead_letter(
    tmp_path, request, face, transactional
):
    table = TABLES["sqlite"](request, tmp_path)

    def life(table, url):
        face.run(worker(face, table, url, transactional=transactional))

    rng = random.Random(f"{transactional} {face.name}")
    with feed(rng.random()) as server:
        lives(table, server.url, life, rng)
    assert table.store(face.name).letters() == []


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("options", [{}, {"concurrency": 4}, {"batch": 10}])
@pytest.mark.parametrize("transactional", [True, False])
def test_what_kills_its_process_is_a_dead_letter_in_the_end(
    tmp_path, request, face, options, transactional
):
    table = TABLES["sqlite"](request, tmp_path)
    deadly = {"3", "40"}

    def life(table, url):
        def handle(events, connection=None):
            for event in events if isinstance(events, list) else [events]:
                if event.id in deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
                table.write(connection, [event])

        store, source = table.store(face.name), {"name": "feed"}
        more = {"max_deliveries": 3, "transactional": transactional, **options}
        face.run(worker_of(face, url, store, handle, source=source, **more))

    with feed(1, count=50) as server:
        statuses = []
        while not statuses or statuses[-1]:
            statuses.append(reap(fork(life, table, server.url)))
            assert len(statuses) < 12
    assert [one.id for one in table.store(face.name).letters()] == ["3", "40"]
    # The first death is of a life that was not careful: it is one more.
    assert len(statuses) <= 2 * (3 + 1) + 1
    found = set(table.rows())
    assert found == {str(n) for n in range(1, 51)} - deadly
