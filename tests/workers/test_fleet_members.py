"""Members of a fleet: what they take, shed, wait for, tell, and leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import urllib.request
from collections import Counter

import pytest

from reconnecting_sse.core.errors import DrainTimeout, StoreRefused
from reconnecting_sse.core.fleet import fleet_of
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.workers.fleet import Fleet
from tests.workers.fleets import (
    LEASE,
    AsyncStore,
    JumpingClock,
    MemberOf,
    Store,
    StubWorker,
    feeds,
    unavailable,
    until,
)


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def store(request):
    return request.param()


def run(test):
    """An async test, on a loop of its own."""
    asyncio.run(test())


async def for_beats(store, count):
    """Let so many beats pass."""
    before = store.beats
    await until(lambda: store.beats >= before + count)


def is_served(store, count=6):
    return lambda: sorted(store.owners()) == feeds(count)


def test_one_alone_serves_all_and_lets_go_of_all(store):
    async def test():
        member = MemberOf("host:1", store)
        async with member.running():
            await until(is_served(store))
            assert member.serving() == feeds(6)
        assert store.owners() == {}
        assert member.log.names[0] == "fleet.joining"
        assert member.log.names[-1] == "fleet.left"
        assert member.log.of("fleet.members") == [{"members": 1}]

    run(test)


def test_a_newcomer_is_given_half_and_who_leaves_gives_it_back(store):
    async def test():
        first, second = (MemberOf(f"host:{n}", store) for n in (1, 2))
        async with first.running():
            await until(is_served(store))
            async with second.running():
                await until(lambda: Counter(store.owners().values())["host:2"] == 3)
                assert len(first.log.of("fleet.shedding")) == 3
                await until(lambda: len(first.serving()) == 3)
            await until(is_served(store))
            await until(lambda: set(store.owners().values()) == {"host:1"})
        assert len(first.log.of("fleet.taking")) == 9
        assert second.log.of("fleet.shedding") == []

    run(test)


def test_what_a_killed_member_had_is_taken(store):
    async def test():
        first, second = (MemberOf(f"host:{n}", store) for n in (1, 2))
        task = asyncio.create_task(second.fleet.arun())
        async with first.running():
            await until(lambda: Counter(store.owners().values())["host:2"] == 3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert len(second.serving()) == 0
            await until(lambda: Counter(store.owners().values())["host:1"] == 6)

    run(test)


def test_a_feed_that_another_holds_is_waited_for_and_not_fought_for(store):
    async def test():
        member = MemberOf("host:1", store)
        held = store.claim("feed-000", 60.0, "a lone worker")
        async with member.running():
            await until(lambda: len(store.owners()) == 6)
            assert "feed-000" not in member.begun
            store.release(held)
            await until(lambda: store.owners().get("feed-000") == "host:1")

    run(test)


def test_a_feed_that_is_taken_over_is_served_no_more(store):
    async def test():
        member = MemberOf("host:1", store)
        async with member.running():
            await until(is_served(store))
            MemoryStore.put(store, "feed-001", None)
            store.claim("feed-001", 60.0, "a lone worker")
            await until(lambda: "feed-001" not in member.serving())
        assert member.log.of("fleet.shedding") == [{"durable_name": "feed-001"}]
        assert store.owners() == {"feed-001": "a lone worker"}

    run(test)


def test_a_limit_is_kept_and_told_of_once(store):
    async def test():
        few, many = MemberOf("host:1", store, max_feeds=2), MemberOf("host:2", store)
        async with few.running():
            await until(lambda: len(few.serving()) == 2)
            await for_beats(store, 3)
            assert few.log.of("fleet.unserved") == [{"feeds": 4}]
            async with many.running():
                await until(is_served(store))
                assert Counter(store.owners().values())["host:2"] == 4

    run(test)


# ------------------------------------------------------------------ workers that fail


def test_a_worker_that_fails_is_begun_again_and_ends_no_other(store):
    async def test():
        member = MemberOf("host:1", store, restart_wait=lambda _: 0.01)
        member.failures["feed-002"] = [ValueError(), unavailable()]
        async with member.running():
            await until(lambda: member.begun.count("feed-002") == 3)
            await until(is_served(store))
        assert Counter(member.begun) == {**dict.fromkeys(feeds(6), 1), "feed-002": 3}

    run(test)


def test_a_feed_that_waits_to_be_begun_again_does_not_hold_up_the_end(store):
    async def test():
        member = MemberOf("host:1", store)
        member.failures["feed-002"] = [ValueError()]
        async with member.running():
            await until(lambda: len(store.owners()) == 5)
        assert member.begun.count("feed-002") == 1

    run(test)


def test_a_feed_that_is_over_is_not_asked_for_again(store):
    async def test():
        member = MemberOf("host:1", store)
        member.failures["feed-002"] = [None]
        async with member.running():
            await until(lambda: len(member.serving()) == 5)
            await for_beats(store, 3)
            assert sorted(store.owners()) == [f for f in feeds(6) if f != "feed-002"]
        assert member.begun.count("feed-002") == 1

    run(test)


def test_handlers_that_do_not_end_are_told_of_at_the_end(store):
    async def test():
        first, second = (MemberOf(f"host:{n}", store) for n in (1, 2))
        late = DrainTimeout("too late")
        first.failures |= {f"late {feed}": late for feed in feeds(6)}
        with pytest.raises(ExceptionGroup) as caught:
            async with first.running():
                await until(is_served(store))
                async with second.running():
                    await until(lambda: len(first.serving()) == 3)
                    shed = set(feeds(6)) - set(first.serving())
                    assert len(shed) == 3
                    store.error = unavailable()  # nothing is taken back
        assert caught.value.exceptions == (late,) * 3

    run(test)


def test_what_the_strategy_of_waiting_raises_ends_the_fleet(store):
    async def test():
        member = MemberOf("host:1", store, restart_wait=lambda _: 1 / 0)
        member.failures["feed-002"] = [ValueError()]
        with pytest.raises(ExceptionGroup) as caught:
            await member.fleet.arun()
        (error,) = caught.value.exceptions
        assert isinstance(error, ZeroDivisionError)
        assert store.owners() == {}

    run(test)


# ------------------------------------------------------------------ the store


def test_a_store_that_fails_is_waited_for_and_nothing_moves(store, monkeypatch):
    clock = JumpingClock()
    monkeypatch.setattr(clocks, "CLOCK", clock)

    async def test():
        member = MemberOf("host:1", store)
        async with member.running():
            await until(is_served(store))
            store.error = unavailable()
            await until(lambda: "fleet.paused" in member.log.names)
            await for_beats(store, 3)
            clock.jumped = LEASE
            store.error = None
            await until(lambda: "fleet.resumed" in member.log.names)
            assert len(store.owners()) == 6
        assert member.log.of("fleet.paused") == [{"error": "nobody is there"}]
        (cautious,) = member.log.of("fleet.cautious")
        assert cautious["gap"] > LEASE
        assert len(member.begun) == 6

    run(test)


def test_a_store_that_cannot_be_used_ends_the_fleet_once_all_is_drained(store):
    async def test():
        member = MemberOf("host:1", store)
        with pytest.raises(ExceptionGroup) as caught:
            async with member.running():
                await until(is_served(store))
                store.error = StoreRefused("another schema")
                await until(lambda: store.owners() == {})
        assert caught.value.exceptions == (store.error,)
        assert "fleet.left" not in member.log.names

    run(test)


def test_a_store_that_hangs_holds_up_nothing(monkeypatch):
    monkeypatch.setattr("reconnecting_sse.workers.fleet.FAREWELL_SECONDS", 0.05)

    async def test():
        store = Store()
        member = MemberOf("host:1", store)
        hold = threading.Event()
        async with member.running():
            await until(is_served(store))
            store.hold, before = hold, store.beats
            await until(lambda: store.beats > before)
        assert store.owners() == {}
        assert "fleet.left" not in member.log.names
        return hold

    hold = asyncio.run(test())
    hold.set()  # what hung is answered when nobody waits any more
    for thread in threading.enumerate():
        if thread.name == "reconnecting_sse.lookout":
            thread.join()


def test_an_answer_that_comes_too_late_is_nobodys():
    async def test():
        store = Store()
        store.hold = threading.Event()
        member = MemberOf("host:1", store)
        task = asyncio.create_task(member.fleet.arun())
        await until(_lookouts)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.hold.set()
        await until(lambda: not _lookouts())

    run(test)


def _lookouts():
    return [t for t in threading.enumerate() if t.name == "reconnecting_sse.lookout"]


# ------------------------------------------------------------------ the end


def test_it_may_be_stopped_before_it_runs_and_after(store):
    async def test():
        member = MemberOf("host:1", store)
        member.fleet.stop()
        await member.fleet.arun()
        assert member.begun == []
        member.fleet.stop()
        return member.fleet

    asyncio.run(test()).stop()


def test_it_runs_once(store):
    async def test():
        member = MemberOf("host:1", store)
        async with member.running():
            await until(is_served(store))
            with pytest.raises(RuntimeError, match="runs once"):
                await member.fleet.arun()

    run(test)


def test_sigterm_drains_all(store):
    async def test():
        member = MemberOf("host:1", store)
        task = asyncio.create_task(member.fleet.arun())
        await until(is_served(store))
        os.kill(os.getpid(), signal.SIGTERM)
        await task
        assert store.owners() == {}

    run(test)


def test_probes_tell_of_all_feeds(store):
    async def test():
        member = MemberOf("host:1", store, probes="127.0.0.1:0")
        async with member.running():
            await until(is_served(store))
            url = f"http://127.0.0.1:{member.fleet._probes.port}/live"
            with await asyncio.to_thread(urllib.request.urlopen, url) as answer:
                assert json.load(answer)["ok"]

    run(test)


# ------------------------------------------------------------------ what it is given


def fleet(store, names=("a",), *, name=None, lease=LEASE, kept=None, **options):
    def make(feed):
        return StubWorker(kept or store, name or feed, "host:1", {}, [])

    return Fleet(store, names, make, lease=lease, **options)


@pytest.mark.parametrize("lease", [0, -1, float("nan")])
def test_a_lease_is_more_than_no_time(lease):
    with pytest.raises(ValueError, match="lease="):
        fleet(Store(), lease=lease)


def test_a_limit_is_one_at_least():
    with pytest.raises(ValueError, match="max_feeds="):
        fleet(Store(), max_feeds=0)


def test_there_is_a_feed():
    with pytest.raises(ValueError, match="names"):
        fleet(Store(), [])


@pytest.mark.parametrize("other", [{"name": "b"}, {"kept": Store()}, {"lease": 5.0}])
def test_a_workers_source_is_as_its_fleet_says(other):
    with pytest.raises(ValueError, match="the source of 'a' has another store="):
        fleet(Store(), **other)


def test_connects_may_be_without_limit():
    assert fleet(Store(), connects_per_second=None).healths() == []


def test_what_makes_no_worker_is_refused():
    with pytest.raises(TypeError, match="SubscriptionWorker"):
        Fleet(Store(), ["a"], lambda _: None)


def test_the_same_feeds_are_the_same_fleet_in_any_order():
    assert fleet_of(["a", "b"]) == fleet_of(iter(["b", "a"]))
    assert fleet_of(["a", "b"]) != fleet_of(["ab"])
