"""Fleets of real processes: joined, killed, stopped, and cut off from their store."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.durable.tables import TABLES
from tests.workers.fleet_processes import (
    Feeds,
    Processes,
    frozen,
    looked_at,
    moved,
)

pytestmark = pytest.mark.endurance

COUNT = 300
LEASE = float(os.environ.get("LEASE", "3"))  # 10 in make chaos
FREEZE = 3 * LEASE
CLAIMS = 5.0  # what hundreds of claims take at most, on a busy machine
FACES = {"postgresql": "sync", "redis": "async"}


@pytest.fixture(params=FACES)
def server(request):
    """The store's."""
    is_sql = request.param == "postgresql"
    return request.getfixturevalue("postgresql" if is_sql else "redis_server")


@pytest.fixture
def fleet(request, server, tmp_path):
    """Two members that share all feeds."""
    name = request.node.callspec.params["server"]
    table = TABLES[name](request, tmp_path)
    with Feeds() as feeds, looked_at(name, server) as store:
        words = (feeds.url, table, FACES[name], COUNT, LEASE)
        processes = Processes(*words, store=store)
        try:
            processes.begin()
            processes.begin()
            processes.until(processes.shared)
            yield processes
        finally:
            processes.end()


def test_a_join_moves_the_excess_and_a_kill_leaves_nothing_behind(fleet):
    before, owners = fleet.tokens(), fleet.owners()
    newcomer = fleet.begin()
    fleet.until(fleet.shared)
    after = fleet.tokens()
    assert len(moved(before, after)) == COUNT // 3
    now = fleet.owners()
    assert {f for f in now if now[f] != owners[f]} == moved(before, after)
    assert {now[f] for f in moved(before, after)} == {newcomer}

    victim = random.choice(list(fleet.children))
    left = {feed for feed, owner in now.items() if owner == victim}
    fleet.kill(victim)
    seconds = fleet.until(fleet.shared)
    assert seconds <= fleet.lease + fleet.beat + CLAIMS
    assert moved(after, fleet.tokens()) == left


def test_who_is_stopped_hands_over_within_a_beat(fleet):
    before = fleet.tokens()
    fleet.terminate(next(iter(fleet.children)))
    assert fleet.until(fleet.shared) <= fleet.beat + CLAIMS
    assert len(moved(before, fleet.tokens())) == COUNT // 2


def test_a_store_that_is_frozen_moves_nothing(fleet, server):
    before, owners = fleet.tokens(), fleet.owners()
    with frozen(server.process):
        time.sleep(FREEZE)
    fleet.until(fleet.shared)
    time.sleep(3 * fleet.beat)  # nor once nobody is cautious any more
    assert fleet.tokens() == before
    assert fleet.owners() == owners
