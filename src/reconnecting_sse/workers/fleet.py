"""``Fleet``: one process of many that share the feeds of a file among them."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from tenacity.wait import wait_random_exponential

from reconnecting_sse.core import fleet_facts as facts
from reconnecting_sse.core.errors import StoreError, StoreRefused, StoreUnavailable
from reconnecting_sse.core.fleet import BEATS, Member, Pulse, Seen, decide, fleet_of
from reconnecting_sse.core.restarts import wait_slowly
from reconnecting_sse.core.strategies import EndState
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription import log
from reconnecting_sse.subscription.custody import FAREWELL_SECONDS
from reconnecting_sse.subscription.holding import this_process
from reconnecting_sse.workers.lookout import Lookout, unless
from reconnecting_sse.workers.posts import Post
from reconnecting_sse.workers.signals import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconnecting_sse.core.errors import DrainTimeout
    from reconnecting_sse.core.fleet import Moves
    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.strategies import WaitStrategy
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.workers.lookout import View
    from reconnecting_sse.workers.posts import Worker
    from reconnecting_sse.workers.probes import Probes

_backoff = wait_random_exponential(multiplier=0.02, max=1.0)


class Fleet:
    """Serves this process's share of the feeds, as long as it runs.

    The same feeds and the same store, in any number of processes: each feed is served
    by one of them. Each has as many as the others, or one more. One that joins is given
    what it lacks, and no other feed moves; what one leaves behind, or dies with, the
    others take: at the latest ``lease`` seconds and a third after a kill.

    ``stop()`` and ``healths()`` may be called from any thread or signal handler.

    Args:
        store: Where positions, leases and members are kept; of either kind.
        feeds: The durable names. Processes with other feeds are another fleet.
        make_worker: Called with a name whenever a worker of it is to begin: makes one
            whose source has this store, this name and this lease.
        lease: Seconds, the same for all.
        max_feeds: How many feeds this process serves at most; None is any number.
        restart_wait: A tenacity wait strategy: after how long a feed whose worker
            failed, or came to an end, is begun again; by default five minutes,
            doubling to an hour.
        probes: As a worker's: for all feeds of this process.
        logger: As a source's.

    Raises:
        ValueError: A value has no meaning.
    """

    def __init__(
        self,
        store: Store,
        feeds: Iterable[str],
        make_worker: Callable[[str], Worker],
        *,
        lease: float = 10.0,
        max_feeds: int | None = None,
        restart_wait: WaitStrategy = wait_slowly,
        probes: str | None = None,
        logger: Any = None,
    ) -> None:
        self._feeds = frozenset(feeds)
        if not self._feeds:
            raise ValueError("a fleet serves feeds: give the names of some")
        if not lease > 0:  # nor NaN
            raise ValueError(f"lease= is seconds, more than none, not {lease}")
        if max_feeds is not None and max_feeds < 1:
            raise ValueError(f"max_feeds= is a number, from 1, not {max_feeds}")
        self._me = Member(this_process(), max_feeds)
        self._lease = lease
        self._lookout = Lookout(store, fleet_of(self._feeds), self._me, lease)
        self._logger = log.logger_of(logger)
        self._make_post = partial(
            Post, make=make_worker, wait=restart_wait, tell=self._tell
        )
        self._clock = clocks.CLOCK
        self._pulse = Pulse()
        self._failures = 0  # of the store, one after the other
        self._told = (0, 0)  # how many members there are, and unserved feeds
        self._posts: dict[str, Post] = {}
        self._late: list[DrainTimeout] = []
        self._probes = None if probes is None else self._probes_at(probes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def arun(self) -> None:
        """Serve until ``stop()`` or a signal; a cancellation breaks handlers off.

        In the main thread SIGTERM and SIGINT are a ``stop()``, where nobody else
        handles them; a second one ends the process at once. A store that cannot be
        reached is waited for.

        Raises:
            DrainTimeout: A handler did not end in time; its claim is not released.
            StoreRefused: The store cannot be used as it is; all is drained first.
            RuntimeError: It was run before.
        """
        if self._loop is not None:
            raise RuntimeError("a fleet runs once: make another one")
        self._loop = asyncio.get_running_loop()
        refused: StoreRefused | None = None
        with taken(self.stop), self._probes or nullcontext():
            async with asyncio.TaskGroup() as group:
                try:
                    await self._serve(group)
                except StoreRefused as error:
                    refused = error
                self._stopping.set()
                for post in self._posts.values():
                    post.stop()
                # First of all: so the others take each feed as soon as it is released.
                await self._leave()
        if refused is not None:
            raise refused
        if self._late:
            raise self._late[0]

    def stop(self) -> None:
        """Leave the fleet, drain all feeds, and return.

        Takes no lock, and may be called any number of times.
        """
        if self._loop is None:
            self._stopping.set()
            return
        with suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._stopping.set)

    def healths(self) -> list[Health]:
        """How the workers are, as values: what probes and metrics are made of."""
        workers = [post.worker for post in list(self._posts.values())]
        return [worker.health() for worker in workers if worker is not None]

    # ------------------------------------------------------------------ beats

    async def _serve(self, group: asyncio.TaskGroup) -> None:
        """Beat after beat, at moments that do not drift: a lease counts on them."""
        pause, due = self._lease / BEATS, self._clock.now()
        while not self._stopping.is_set():
            view = await self._look()
            if view is None:
                due = self._clock.now()
                continue
            self._move(group, view)
            now = self._clock.now()
            due = due + pause if due + pause > now else now + pause
            await unless(self._stopping, asyncio.sleep(due - now))

    async def _look(self) -> View | None:
        """What there is to be seen; None: the store failed, or it is time to stop."""
        try:
            view = await unless(self._stopping, self._lookout.look())
        except StoreUnavailable as error:
            self._failures += 1
            if self._failures == 1:
                self._tell(facts.StorePaused(error=str(error)))
            pause = _backoff(EndState(error, attempt_number=self._failures))
            await unless(self._stopping, asyncio.sleep(min(pause, self._lease / BEATS)))
            return None
        if self._failures:
            self._failures = 0
            self._tell(facts.StoreResumed())
        return view

    def _move(self, group: asyncio.TaskGroup, view: View) -> None:
        """Take and shed what the others' being there asks for."""
        members, holders = view
        self._feel()
        posts = self._posts
        moves = decide(
            self._me,
            self._feeds,
            Seen(
                members=members,
                holders=holders,
                serving={feed for feed, post in posts.items() if not post.is_stopping},
                leaving={feed for feed, post in posts.items() if post.is_stopping},
                is_cautious=self._pulse.is_cautious,
            ),
        )
        self._tell_of(len(members), moves)
        for feed in moves.shed:
            self._tell(facts.Shedding(durable_name=feed))
            posts[feed].stop()
        for feed in moves.take:
            self._tell(facts.Taking(durable_name=feed))
            posts[feed] = self._make_post(feed)
            group.create_task(self._man(feed), name="reconnecting_sse.post")

    def _feel(self) -> None:
        """The pulse, after a beat."""
        now, before = self._clock.boot(), self._pulse
        self._pulse = before.beaten(now, self._lease)
        if before.at is None:
            self._tell(facts.Joined(member=str(self._me), feeds=len(self._feeds)))
        elif self._pulse.waits > before.waits:
            self._tell(facts.Cautious(gap=round(now - before.at, 3)))

    async def _man(self, feed: str) -> None:
        post = self._posts[feed]
        try:
            await post.serve()
        finally:
            del self._posts[feed]
        if post.late is not None and self._stopping.is_set():
            self._late.append(post.late)

    # ------------------------------------------------------------------ the rest

    async def _leave(self) -> None:
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._lookout.leave()
            self._tell(facts.Left())

    def _tell_of(self, members: int, moves: Moves) -> None:
        """What has changed in the fleet as a whole."""
        told, self._told = self._told, (members, moves.unserved)
        if told[0] != members:
            self._tell(facts.MembersChanged(members=members))
        if told[1] != moves.unserved > 0:
            self._tell(facts.Unserved(feeds=moves.unserved))

    def _tell(self, fact: facts.FleetFact) -> None:
        log.write(self._logger, fact)

    def _probes_at(self, address: str) -> Probes:
        from reconnecting_sse.workers.probes import Probes  # noqa: PLC0415  (seldom)

        return Probes(address, self.healths)
