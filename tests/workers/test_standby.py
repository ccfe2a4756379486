"""The same worker several times: one works, the others stand by, and take over.

``LEASE`` and how often it is done scale it: ``make chaos`` takes ten seconds.
"""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

import pytest
import redis

from reconnecting_sse.stores import RedisStore, SqliteStore
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.durable.faulty import Way
from tests.durable.lives import fork, reap
from tests.workers.making import FACES, worker_of

pytestmark = pytest.mark.endurance

LEASE = float(os.environ.get("LEASE", "1"))
TIMES = int(os.environ.get("HANDOVERS", "5"))
PAUSE = 0.005


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


class Rows:
    """What was handled: a line for each event, with who and when."""

    def __init__(self, path):
        self.path = path
        path.touch()

    def add(self, event):
        line = f"{event.id} {os.getpid()} {time.monotonic()}\n"
        with self.path.open("a") as file:
            file.write(line)

    def all(self):
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return [(int(id_), int(who), float(when)) for id_, who, when in lines]


@pytest.fixture
def rows(tmp_path):
    return Rows(tmp_path / "rows.txt")


def owner_of(store):
    found = [place.owner for place in store.places()]
    return int(found[0].rpartition(":")[2]) if found and found[0] else None


def wait_for(predicate, seconds=20):
    end = time.monotonic() + seconds
    while not (found := predicate()):
        assert time.monotonic() < end
        time.sleep(0.002)
    return found


class Team:
    """Processes under one name."""

    def __init__(self, face, url, rows, store_of):
        self._face, self._url, self._rows = face, url, rows
        self._store_of = store_of
        self.store = store_of()
        self._living = []

    def wait_for_owner(self, child, seconds=20):
        wait_for(lambda: owner_of(self.store) == child, seconds)

    def join(self):
        self._living.append(fork(self._live))
        return self._living[-1]

    def _live(self):
        store, source = self._store_of(), {"lease": LEASE}
        worker = worker_of(self._face, self._url, store, self._rows.add, source=source)
        self._face.run(worker)

    def wait_for_rows_of(self, child, seconds=20):
        """Until it has handled some."""
        wait_for(lambda: sum(r[1] == child for r in self._rows.all()) > 5, seconds)

    def end(self, child, number):
        os.kill(child, number)
        return self.reap(child)

    def reap(self, child):
        self._living.remove(child)
        return reap(child)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self._living:
            os.kill(child, signal.SIGKILL)
            reap(child)


def sqlite(tmp_path):
    return lambda: SqliteStore(tmp_path / "worker.db")


@pytest.fixture
def feed():
    """An endless one, slow enough that each has some."""
    count = int(20_000 * max(1.0, TIMES * LEASE / 5))
    numbered = NumberedFeed(count, retry=10, then="hang", pause=PAUSE)
    with ScriptedServer(numbered) as server:
        yield server


def test_a_rolling_restart_loses_and_repeats_nothing(face, feed, tmp_path, rows):
    with Team(face, feed.url, rows, sqlite(tmp_path)) as team:
        current = team.join()
        for _ in range(TIMES):
            team.wait_for_owner(current)
            team.wait_for_rows_of(current)
            successor = team.join()
            assert team.end(current, signal.SIGTERM) == 0
            current = successor
        team.wait_for_owner(current)
        team.wait_for_rows_of(current)
        assert team.end(current, signal.SIGTERM) == 0
    found = [id_ for id_, _, _ in rows.all()]
    assert found == list(range(1, len(found) + 1))
    pauses = handovers(rows)
    assert len(pauses) == TIMES
    assert max(pauses) < 10 * (1 + PAUSE)


def handovers(rows):
    """Seconds without an event between one process and the next."""
    found = rows.all()
    return [
        after[2] - before[2]
        for before, after in pairwise(found)
        if before[1] != after[1]
    ]


def test_a_killed_owner_is_followed_within_its_lease(face, feed, tmp_path, rows):
    with Team(face, feed.url, rows, sqlite(tmp_path)) as team:
        current, successor = team.join(), None
        for _ in range(TIMES):
            team.wait_for_owner(current)
            team.wait_for_rows_of(current)
            successor = team.join()
            assert team.end(current, signal.SIGKILL) == -signal.SIGKILL
            current = successor
            team.wait_for_rows_of(current, 10 * (LEASE + 2))
        team.end(current, signal.SIGTERM)
    found = [id_ for id_, _, _ in rows.all()]
    assert set(found) == set(range(1, max(found) + 1))
    assert max(handovers(rows)) < 10 * (LEASE + 2)


def test_a_frozen_owner_commits_nothing_when_it_wakes(face, feed, rows, redis_server):
    def store_of():
        return RedisStore(redis.Redis(port=redis_server.port))

    redis.Redis(port=redis_server.port).flushall()
    with Team(face, feed.url, rows, store_of) as team:
        for _ in range(max(1, TIMES // 2)):
            frozen = team.join()
            team.wait_for_owner(frozen)
            team.wait_for_rows_of(frozen)
            os.kill(frozen, signal.SIGSTOP)
            successor = team.join()
            team.wait_for_owner(successor, 10 * (LEASE + 2))
            team.wait_for_rows_of(successor)
            woken = time.monotonic()
            os.kill(frozen, signal.SIGCONT)
            assert team.reap(frozen) == 1  # ClaimLost
            assert team.end(successor, signal.SIGTERM) == 0
            # At most the event that it was frozen in.
            assert sum(r[1] == frozen and r[2] > woken for r in rows.all()) <= 1
            (place,) = team.store.places()
            assert int(place.position) == rows.all()[-1][0]
            assert place.owner == ""


def test_an_owner_that_is_cut_off_begins_nothing_once_another_works(
    face, feed, rows, redis_server
):
    redis.Redis(port=redis_server.port).flushall()
    with Way(redis_server.port) as way:

        def beyond():
            return RedisStore(redis.Redis(port=way.port, socket_timeout=0.2))

        def direct():
            return RedisStore(redis.Redis(port=redis_server.port))

        store = direct()
        with Team(face, feed.url, rows, beyond) as team:
            cut_off = team.join()
            wait_for(lambda: owner_of(store) == cut_off)
            team.wait_for_rows_of(cut_off)
            team._store_of = direct
            successor = team.join()
            way.stall()
            wait_for(lambda: owner_of(store) == successor, 10 * (LEASE + 2))
            taken_over = time.monotonic()
            team.wait_for_rows_of(successor)
            # By the clock of this machine, which both have: no event is begun by both.
            late = [r for r in rows.all() if r[1] == cut_off and r[2] > taken_over]
            assert late == []
            way.stall(False)
            assert team.reap(cut_off) == 1  # ClaimLost
            assert team.end(successor, signal.SIGTERM) == 0
        found = {id_ for id_, _, _ in rows.all()}
        assert found == set(range(1, max(found) + 1))
