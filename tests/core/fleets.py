"""A whole fleet on a clock of its own: members that beat, renew, claim, drain and die.

Events happen in the order of time. The store is a ``MemoryStore`` that may freeze; then
its calls wait, as do those of a member that is frozen.
"""

from __future__ import annotations

import heapq
import itertools
import random
from functools import partial

from reconnecting_sse.core.claims import Claim
from reconnecting_sse.core.fleet import BEATS, Member, Pulse, Seen, decide
from reconnecting_sse.stores import MemoryStore

LEASE = 9.0
BEAT = LEASE / BEATS
STANDBY = 0.5  # how often a keeper asks for a name that is held


class World:
    """The clock, the store, and what is to happen when."""

    def __init__(self, seed=0, drain=1.0):
        self.now = 0.0
        self.rng = random.Random(seed)
        self.store = MemoryStore(lambda: self.now)
        self.drain = drain  # seconds that a drain takes at most
        self.store_thaws_at = 0.0
        self.moves = []  # (when, who, "take" or "shed", feed)
        self.members = []
        self._number = itertools.count()
        self._coming = []

    def at(self, moment, action):
        heapq.heappush(self._coming, (moment, next(self._number), action))

    def run(self, seconds):
        """Let time pass."""
        end = self.now + seconds
        while self._coming and self._coming[0][0] <= end:
            moment, _, action = heapq.heappop(self._coming)
            if moment < self.store_thaws_at:
                self.at(self.store_thaws_at, action)
                continue
            self.now = max(self.now, moment)
            action()
        self.now = end

    def join(self, name, feeds, max_feeds=None):
        self.members.append(SimulatedMember(self, Member(name, max_feeds), feeds))
        return self.members[-1]

    def freeze_store(self, seconds):
        self.store_thaws_at = self.now + seconds

    def owners(self):
        """Whose lease runs, by feed."""
        places = self.store.places()
        return {p.name: p.owner for p in places if p.lease and p.lease > 0}

    def serving(self):
        """Who serves what, as they know it themselves."""
        return {m.me.name: sorted(m.claims) for m in self.members if m.is_alive}

    def take_moves(self):
        moves, self.moves = self.moves, []
        return moves


class SimulatedMember:
    """One process."""

    def __init__(self, world, me, feeds):
        self.me, self.feeds = me, list(feeds)
        self.is_alive = True
        self.claims = {}  # what it holds, as it knows
        self.serving, self.leaving = set(), set()
        self._world, self._thaws_at = world, 0.0
        self.fleet = "fleet"
        self.failing = set()  # feeds whose workers fail as soon as they have a claim
        self._is_leaving = False
        self._pulse = Pulse()
        self._soon(self._beat, 0)
        self._soon(self._renew, world.rng.uniform(0, BEAT))

    def kill(self):
        self.is_alive = False

    def freeze(self, seconds):
        self._thaws_at = self._world.now + seconds

    def leave(self):
        """As after SIGTERM: leave the fleet, and drain all."""
        self._is_leaving = True
        self._soon(self._go, 0)

    def _go(self):
        self._world.store.beat(self.fleet, str(self.me), None)
        for feed in sorted(self.serving):
            self._shed(feed)
        self._soon(self.kill, self._world.drain + 0.001)

    def _soon(self, action, seconds, *args):
        self._world.at(self._world.now + seconds, partial(self._do, action, *args))

    def _do(self, action, *args):
        if not self.is_alive:
            return
        if self._world.now < self._thaws_at:
            self._world.at(self._thaws_at, partial(self._do, action, *args))
            return
        action(*args)

    def _beat(self):
        if self._is_leaving:
            return
        store = self._world.store
        members = store.beat(self.fleet, str(self.me), LEASE)
        self._pulse = self._pulse.beaten(self._world.now, LEASE)
        moves = decide(
            self.me,
            self.feeds,
            Seen(
                members=[Member.of(text) for text in members],
                holders=self._world.owners(),
                serving=self.serving,
                leaving=self.leaving,
                is_cautious=self._pulse.is_cautious,
            ),
        )
        for feed in moves.shed:
            self._shed(feed)
        for feed in moves.take:
            self._world.moves.append((self._world.now, self.me.name, "take", feed))
            self.serving.add(feed)
            self._soon(self._claim, self._world.rng.uniform(0.001, 0.2), feed)
        self._soon(self._beat, BEAT)

    def _claim(self, feed):
        if feed not in self.serving:
            return
        found = self._world.store.claim(feed, LEASE, self.me.name)
        if isinstance(found, Claim) and feed in self.failing:
            self._world.store.release(found)
            self._soon(self._claim, self._world.rng.uniform(3 * LEASE, 6 * LEASE), feed)
        elif isinstance(found, Claim):
            self.claims[feed] = found
        else:
            self._soon(self._claim, min(STANDBY, found.seconds + 0.001), feed)

    def _shed(self, feed):
        self.serving.remove(feed)
        if feed in self.claims:
            self._world.moves.append((self._world.now, self.me.name, "shed", feed))
            self.leaving.add(feed)
            seconds = self._world.rng.uniform(0, self._world.drain)
            self._soon(self._release, seconds, feed)

    def _release(self, feed):
        self.leaving.remove(feed)
        claim = self.claims.pop(feed, None)
        if claim is not None:
            self._world.store.release(claim)

    def _renew(self):
        for claim in self._world.store.renew(list(self.claims.values()), LEASE):
            del self.claims[claim.name]  # ClaimLost: its worker ends
            self.serving.discard(claim.name)
        self._soon(self._renew, BEAT)
