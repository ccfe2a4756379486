"""``Fleet``: one process of many that share the feeds of a file among them."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core import fleet_facts as facts
from reconnecting_sse.core.budget import BURST, PER_SECOND
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.errors import StoreError, StoreRefused
from reconnecting_sse.core.fleet import Member, decide, fleet_of
from reconnecting_sse.core.restarts import wait_slowly
from reconnecting_sse.subscription import log
from reconnecting_sse.subscription.custody import FAREWELL_SECONDS
from reconnecting_sse.subscription.holding import this_process
from reconnecting_sse.subscription.options import check_plain
from reconnecting_sse.workers.beats import Beats
from reconnecting_sse.workers.budget import HostBudgets
from reconnecting_sse.workers.lives import Lives
from reconnecting_sse.workers.lookout import Lookout
from reconnecting_sse.workers.signals import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconnecting_sse.core.fleet import Moves, Seen
    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.strategies import WaitStrategy
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.workers.probes import Probes
    from reconnecting_sse.workers.worker import SubscriptionWorker


@dataclass(frozen=True, slots=True)
class _Post:
    """One feed while this process serves it.

    Attributes:
        stopping: Ends a pause between two workers.
    """

    lives: Lives
    stopping: asyncio.Event

    def stop(self) -> None:
        self.stopping.set()
        self.lives.stop()


class Fleet:
    """Serves this process's share of the feeds, as long as it runs.

    The same feeds and the same store, in any number of processes: each feed is served
    by one of them. Each has as many as the others, or one more. One that joins is given
    what it lacks, and no other feed moves; what one leaves behind, or dies with, the
    others take: at the latest ``lease`` seconds and a third after a kill.

    A worker that fails does not end the others, as with ``Workers``. A feed that is
    over is not asked for again by this process.

    ``stop()`` and ``healths()`` may be called from any thread or signal handler.

    Args:
        store: Where positions, leases and members are kept; of either kind.
        feeds: The durable names. Processes with other names are another fleet.
        make_worker: Makes a worker of the async face of a name, with a source of its
            own that has this store, this name and this lease; called once for each
            name here, before anything runs, and whenever another worker is needed.
        lease: Seconds, the same for all.
        max_feeds: How many feeds this process serves at most; None is any number.
        connects_per_second: As with ``Workers``.
        connect_burst: As with ``Workers``.
        restart_wait: As with ``Workers``.
        probes: Where to serve ``/live``, ``/ready`` and ``/metrics``, of all feeds that
            this process serves.
        logger: As a source's.

    Raises:
        TypeError: What is given makes no worker, or one of the sync face; or a
            keyword is of a wrong type.
        ValueError: A worker has another store, name or lease; or a keyword's value has
            no meaning.
    """

    def __init__(
        self,
        store: Store,
        feeds: Iterable[str],
        make_worker: Callable[[str], SubscriptionWorker],
        *,
        lease: float = 10.0,
        max_feeds: int | None = None,
        connects_per_second: float | None = PER_SECOND,
        connect_burst: int = BURST,
        restart_wait: WaitStrategy = wait_slowly,
        probes: str | None = None,
        logger: Any = None,
    ) -> None:
        if not lease > 0:  # nor NaN
            raise ValueError(f"lease= is seconds, more than none, not {lease}")
        if max_feeds is not None and max_feeds < 1:
            raise ValueError(f"max_feeds= is a number, from 1, not {max_feeds}")
        check_plain(make_worker=make_worker, restart_wait=restart_wait)
        budgets = None
        if connects_per_second is not None:
            budgets = HostBudgets(connects_per_second, connect_burst)
        self._feeds = {
            feed: Lives(partial(make_worker, feed), restart_wait, budgets)
            for feed in feeds
        }
        self._check_workers(store, lease)
        self._me = Member(this_process(), max_feeds)
        self._lease = lease
        self._lookout = Lookout(store, fleet_of(self._feeds), self._me, lease)
        self._logger = log.logger_of(logger)
        self._unserved = 0
        self._posts: dict[str, _Post] = {}
        self._errors: list[BaseException] = []
        self._probes = None if probes is None else self._probes_at(probes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def _check_workers(self, store: Store, lease: float) -> None:
        if not self._feeds:
            raise ValueError("a fleet serves feeds: give the names of some")
        for feed, lives in self._feeds.items():
            kept = lives.durability
            if kept.store is not store or (kept.name, kept.lease) != (feed, lease):
                raise ValueError(
                    f"the source of {feed!r} has another store=, name= or lease= than"
                    " its fleet"
                )

    async def arun(self) -> None:
        """Serve until ``stop()`` or a signal; a cancellation breaks handlers off.

        In the main thread SIGTERM and SIGINT are a ``stop()``, where nobody else
        handles them; a second one ends the process at once. A store that cannot be
        reached is waited for.

        Raises:
            ExceptionGroup: Of what workers ended with when they were to stop, such as
                ``DrainTimeout``; or of what else ended the fleet: a ``StoreRefused``,
                or what ``restart_wait`` raised. All is drained first.
            RuntimeError: It was run before.
        """
        if self._loop is not None:
            raise RuntimeError("a fleet runs once: make another one")
        self._loop = asyncio.get_running_loop()
        beats = Beats(self._lookout, self._lease, self._stopping, self._tell)
        self._tell(facts.Joining(member=str(self._me), feeds=len(self._feeds)))
        with taken(self.stop), self._probes or nullcontext():
            async with asyncio.TaskGroup() as group:
                try:
                    while (seen := await beats.next()) is not None:
                        self._move(group, seen)
                except StoreRefused as error:
                    self._errors.append(error)
                self._stopping.set()
                for post in list(self._posts.values()):
                    post.stop()
                # First of all: so the others take each feed as soon as it is released.
                await self._leave()
        if self._errors:
            raise BaseExceptionGroup("the fleet did not end well", self._errors)

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
        """How the workers are, but for those whose feeds are over."""
        every = [post.lives for post in list(self._posts.values())]
        return [lives.worker.health() for lives in every if not lives.is_over]

    # ------------------------------------------------------------------ feeds

    def _move(self, group: asyncio.TaskGroup, seen: Seen) -> None:
        """Take and shed what the others' being there asks for."""
        posts = self._posts
        leaving = {feed for feed, post in posts.items() if post.stopping.is_set()}
        seen = replace(seen, serving=posts.keys() - leaving, leaving=leaving)
        moves = decide(self._me, self._feeds, seen)
        self._tell_of(moves)
        for feed in moves.shed:
            self._tell(facts.Shedding(durable_name=feed))
            posts[feed].stop()
        for feed in moves.take:
            self._tell(facts.Taking(durable_name=feed))
            lives = self._feeds[feed]
            lives.begin_again()
            posts[feed] = _Post(lives, asyncio.Event())
            group.create_task(self._man(feed), name="reconnecting_sse.post")

    async def _man(self, feed: str) -> None:
        """Serve a feed until its post is to stop; what it ends with then, is told."""
        post, error = self._posts[feed], None
        try:
            error = await post.lives.run(post.stopping)
            await post.stopping.wait()
        except CallersError as callers:
            self._errors.append(callers.error)
            self.stop()
        finally:
            del self._posts[feed]
        if error is not None and self._stopping.is_set():
            self._errors.append(error)

    # ------------------------------------------------------------------ the rest

    async def _leave(self) -> None:
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._lookout.leave()
            self._tell(facts.Left())

    def _tell_of(self, moves: Moves) -> None:
        before, self._unserved = self._unserved, moves.unserved
        if before != moves.unserved > 0:
            self._tell(facts.Unserved(feeds=moves.unserved))

    def _tell(self, fact: facts.FleetFact) -> None:
        log.write(self._logger, fact)

    def _probes_at(self, address: str) -> Probes:
        from reconnecting_sse.workers.probes import Probes  # noqa: PLC0415  (seldom)

        return Probes(address, self.healths)
