"""Members of a fleet in this process, with workers that only hold a claim."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import httpxr
import pytest

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    SubscriptionWorker,
)
from reconnecting_sse.core.claims import Claim
from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable
from reconnecting_sse.core.health import Health
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.subscription.clock import Clock
from reconnecting_sse.workers import fleet as fleets
from reconnecting_sse.workers.fleet import Fleet
from tests.durable.playing import Log

CLIENT = httpxr.AsyncClient(transport=AsyncStreamingTransport())
LEASE = 0.9
SECONDS = 20  # more than anything here takes


async def handle(event):
    """Is never called."""


def feeds(count):
    return [f"feed-{n:03}" for n in range(count)]


class Store(MemoryStore):
    """A ``MemoryStore`` whose calls fail or hang, if they are told to."""

    def __init__(self):
        super().__init__()
        self.error = None
        self.hold = None  # a threading.Event that beats wait for
        self.beats = 0

    def _before(self):
        self.beats += 1
        if self.hold is not None:
            self.hold.wait(SECONDS)
        if self.error is not None:
            raise self.error

    def beat(self, *words):
        self._before()
        return super().beat(*words)

    def owners(self):
        return {p.name: p.owner for p in self.places() if p.lease and p.lease > 0}


class AsyncStore(Store):
    """The same, to be awaited."""

    is_async = True

    async def beat(self, *words):
        return super().beat(*words)

    async def places(self):
        return super().places()

    def owners(self):
        found = MemoryStore.places(self)
        return {p.name: p.owner for p in found if p.lease and p.lease > 0}


class JumpingClock(Clock):
    """Jumps, as if nothing had been asked for a while."""

    jumped = 0.0

    def boot(self):
        return super().boot() + self.jumped


class StubWorker(SubscriptionWorker):
    """Claims a feed, renews its lease, and lets go of it; asks no server."""

    def __init__(self, store, feed, owner, failures, begun):
        source = ReconnectingEventSource(
            CLIENT, "GET", "http://nowhere/", store=store, name=feed, lease=LEASE
        )
        super().__init__(source, handle)
        self._calls = getattr(store, "plain", store)
        self._feed, self._owner = feed, owner
        self._told_to_stop = asyncio.Event()
        self._begun = begun
        self._failures = failures  # what to raise or return next, by feed

    async def arun(self):
        self._begun.append(self._feed)
        claim = await self._claimed()
        while claim is not None and not self._told_to_stop.is_set():
            if self._failures.get(self._feed):
                outcome = self._failures[self._feed].pop(0)
                self._calls.release(claim)
                if outcome is None:
                    return
                raise outcome
            if self._calls.renew([claim], LEASE):
                raise ClaimLost(f"{self._feed!r} was taken over")
            await self._pause()
        if claim is not None:
            if late := self._failures.get(f"late {self._feed}"):
                raise late
            self._calls.release(claim)

    async def _claimed(self):
        while not self._told_to_stop.is_set():
            claim = self._calls.claim(self._feed, LEASE, self._owner)
            if isinstance(claim, Claim):
                return claim
            await self._pause()
        return None

    async def _pause(self):
        with suppress(TimeoutError):
            async with asyncio.timeout(LEASE / 9):
                await self._told_to_stop.wait()

    def stop(self):
        self._told_to_stop.set()

    def health(self):
        return Health(name=self._feed, token=1)


class MemberOf:
    """One member, in a task of the test's."""

    def __init__(self, name, store, count=6, **options):
        self.log, self.failures, self.name = Log(), {}, name
        self.begun = []

        def make(feed):
            return StubWorker(store, feed, name, self.failures, self.begun)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fleets, "this_process", lambda: name)
            options = {"lease": LEASE, "logger": self.log, **options}
            self.fleet = Fleet(store, feeds(count), make, **options)

    def serving(self):
        return sorted(health.name for health in self.fleet.healths())

    @asynccontextmanager
    async def running(self):
        """A block in which it runs; what it ends with is raised."""
        task = asyncio.create_task(self.fleet.arun())
        try:
            yield self
        finally:
            self.fleet.stop()
            async with asyncio.timeout(SECONDS):
                await task


async def until(predicate):
    """Wait until it is so."""
    async with asyncio.timeout(SECONDS):
        while not predicate():  # noqa: ASYNC110  (it is nobody's event)
            await asyncio.sleep(0.002)


def unavailable():
    return StoreUnavailable("nobody is there")
