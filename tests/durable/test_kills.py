"""Real processes on a real feed, killed and stopped at random moments."""

from __future__ import annotations

import os
import random
import signal
import time
from itertools import pairwise

import pytest

from reconnecting_sse.testing import NumberedFeed, RandomFaults, ScriptedServer
from tests.durable.lives import (
    FACES,
    Boundary,
    consume,
    fork,
    kill_after,
    reap,
    some_seconds,
)
from tests.durable.tables import TABLES

pytestmark = pytest.mark.endurance

KILLS = int(os.environ.get("KILLS", "6"))  # for each store, mode and face
COUNT = 150


@pytest.fixture(params=list(TABLES))
def table(request, tmp_path):
    return TABLES[request.param](request, tmp_path)


def feed(seed, count=COUNT, **options):
    faults = RandomFaults(seed, kinds=["cut", "reset", "end"], reach=count * 32)
    options = {"retry": 10, "then": "stop", "pause": 0.001, "faults": faults, **options}
    return ScriptedServer(NumberedFeed(count, **options))


def lives(table, url, face, mode, rng, *, kills=KILLS):
    """Kill it so often, and let it come to the end; what each life left."""
    left, killed = [], 0
    while True:
        before = len(table.rows())
        child = fork(_life, table, url, face, mode)
        is_enough = killed >= kills
        status = reap(child) if is_enough else kill_after(child, some_seconds(rng))
        assert status in (0, -signal.SIGKILL)
        left.append(table.rows()[before:])
        killed += status != 0
        if status == 0:
            if is_enough:
                return left
            table.clear()  # it came to the end too early: another feed
            left.clear()


def _life(table, url, face, mode):
    store = table.store(face)
    consume(url, store, table.write, face=face, mode=mode, boundary=Boundary())


EXPECTED = [str(n) for n in range(1, COUNT + 1)]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("mode", ["transaction", "batches"])
def test_rows_are_the_feed_whenever_it_is_killed(table, face, mode):
    rng = random.Random(f"{mode} {face}")
    with feed(rng.random()) as server:
        lives(table, server.url, face, mode, rng)
        assert table.rows() == EXPECTED


@pytest.mark.parametrize("face", FACES)
def test_nothing_is_lost_and_little_comes_again(table, face):
    rng = random.Random(face)
    with feed(rng.random()) as server:
        left = lives(table, server.url, face, "loop", rng)
    rows = table.rows()
    assert sorted(set(rows), key=int) == EXPECTED
    for one in filter(
        None, left
    ):  # within a life nothing is skipped, and nothing comes twice
        numbers = list(map(int, one))
        assert numbers == list(range(numbers[0], numbers[0] + len(one)))
    for before, after in pairwise(left):
        if before and after:  # it begins within what the last one had not committed
            assert int(before[0]) <= int(after[0]) <= int(before[-1]) + 1


def test_a_stopped_owner_commits_nothing_once_another_holds_the_name(table):
    with feed(1, count=2000, faults=None) as server:
        first = fork(_leased, table, server.url)
        _await(lambda: len(table.rows()) >= 20)
        os.kill(first, signal.SIGSTOP)
        try:
            had = len(table.rows())
            second = fork(_leased, table, server.url)
            _await(lambda: len(table.rows()) >= had + 20)
        finally:
            os.kill(first, signal.SIGCONT)
        assert reap(first) == 1  # ClaimLost
        os.kill(second, signal.SIGKILL)
        reap(second)
        rows = table.rows()
    assert rows == [str(n) for n in range(1, len(rows) + 1)]


def _leased(table, url):
    store = table.store("sync")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what it ends with is expected
    consume(
        url,
        store,
        table.write,
        face="sync",
        mode="transaction",
        boundary=_OutsideOnly(),
        lease=0.3,
    )


class _OutsideOnly(Boundary):
    """Dawdles where no transaction is open: there it will be stopped, mostly."""

    def __call__(self, name):
        if name == "handled":
            time.sleep(0.005)


def _await(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
