"""Many transactions of one claim at once, as of a worker that has many in hand."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.stores import SqlStore
from tests.stores.calling import ahead, claimed, committed, position
from tests.stores.harness import HARNESSES

AT_ONCE = 8
ROUNDS = 5


@pytest.fixture
def harness(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as found:
        yield found


def handle(harness, store, claim, worker):
    """What one worker of several does with its events."""
    for number in range(ROUNDS):
        key = f"{worker}.{number}"
        transaction = store.begin(claim)
        harness.write(transaction.connection, key)
        store.end(transaction, Mark(0, None, Beside(ahead=(key,))))


async def ahandle(harness, store, claim, worker):
    for number in range(ROUNDS):
        key = f"{worker}.{number}"
        transaction = await store.begin(claim)
        wrote = write(transaction.connection, key)
        if hasattr(wrote, "__await__"):
            await wrote
        await store.end(transaction, Mark(0, None, Beside(ahead=(key,))))


def write(connection, key):
    """Its own way of writing would run the loop once more."""
    if hasattr(connection, "rpush"):
        return connection.rpush("effects", key)
    insert = sqlalchemy.text("INSERT INTO effects (what) VALUES (:what)")
    return connection.execute(insert, {"what": key})


def run_all(harness, store, claim):
    if not store.is_async:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = [
                pool.submit(handle, harness, store, claim, n) for n in range(AT_ONCE)
            ]
            for seq in range(1, 6):  # as a keeper does, meanwhile
                assert store.renew([claim], 10.0) == []
                assert store.commit([(claim, Mark(seq, str(seq)))]) == []
        for each in done:
            each.result()
        return

    async def main():
        workers = [ahandle(harness, store, claim, n) for n in range(AT_ONCE)]
        async with asyncio.TaskGroup() as tasks:
            for each in workers:
                tasks.create_task(each)
            for seq in range(1, 6):
                assert await store.renew([claim], 10.0) == []
                assert await store.commit([(claim, Mark(seq, str(seq)))]) == []

    harness.call(main)


def check(harness, claim):
    expected = {f"{worker}.{n}" for worker in range(AT_ONCE) for n in range(ROUNDS)}
    assert sorted(harness.written()) == sorted(expected)
    assert ahead(harness, claim) == expected
    assert position(harness) == "5"
    assert committed(harness, claim, 6, "6", passed=tuple(expected)) == []
    assert ahead(harness, claim) == set()


@pytest.mark.parametrize(
    "harness",
    [
        "postgresql",
        "postgresql, async",
        "mariadb",
        "mariadb, async",
        "redis",
        "redis, decoding",
        "redis, async",
    ],
    indirect=True,
)
def test_each_of_them_is_done_once_and_none_holds_the_others_up(harness):
    claim = claimed(harness)
    run_all(harness, harness.store, claim)
    check(harness, claim)


@pytest.mark.parametrize(
    "pool",
    [{"poolclass": NullPool}, {"pool_size": AT_ONCE + 1, "max_overflow": 0}],
    ids=["without a pool", "as many as there are and one"],
)
@pytest.mark.parametrize(
    "harness",
    ["postgresql", "postgresql, async", "mariadb", "mariadb, async"],
    indirect=True,
)
def test_a_connection_for_each_and_one_more_is_enough(harness, pool):
    create = sqlalchemy.create_engine
    if harness.store.is_async:
        create = create_async_engine
    engine = create(harness.store._engine.url, **pool)
    store = SqlStore(engine)
    claim = claimed(harness, store=store)
    run_all(harness, store, claim)
    check(harness, claim)
    harness.call(engine.dispose)
