"""``Workers``: many feeds in one process, on one event loop."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from reconnecting_sse.core.budget import BURST, PER_SECOND
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.restarts import wait_slowly
from reconnecting_sse.subscription.options import check_plain
from reconnecting_sse.workers.budget import HostBudgets
from reconnecting_sse.workers.lives import Lives
from reconnecting_sse.workers.signals import taken
from reconnecting_sse.workers.worker import SubscriptionWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.strategies import WaitStrategy
    from reconnecting_sse.workers.probes import Probes

    Make = Callable[[], SubscriptionWorker]


class Workers:
    """Runs any number of workers, until all their feeds are over or ``stop()``.

    A worker that fails does not end the others: that is told in the log
    (``worker.failed``), and another one is made after a while. One that lost its claim,
    and has a lease, stands by again soon. One whose feed is over is not made again.

    ``stop()`` and ``healths()`` may be called from any thread or signal handler.

    Args:
        makers: Functions without arguments. Each makes a worker of the async face, with
            a source of its own: once here, before anything runs, and once more whenever
            the last one failed.
        connects_per_second: How many attempts to connect may begin in a second at one
            host (scheme, name and port), whoever makes them, first ones and
            ``reconnect()`` included; they wait in line. None is without limit.
        connect_burst: How many of them at once, after a rest.
        restart_wait: A tenacity wait strategy: after how long a worker is made again,
            told what the last one raised and how many failed in a row, none of which
            had lasted 5 minutes; by default 5 minutes, doubling to an hour.
        probes: Where to serve ``/live``, ``/ready`` and ``/metrics``, of all of them.

    Raises:
        TypeError: What is given makes no worker, or one of the sync face; or a
            keyword is of a wrong type.
        ValueError: Two workers have one name in one store, or a keyword's value has no
            meaning.
    """

    def __init__(
        self,
        makers: Iterable[Make],
        *,
        connects_per_second: float | None = PER_SECOND,
        connect_burst: int = BURST,
        restart_wait: WaitStrategy = wait_slowly,
        probes: str | None = None,
    ) -> None:
        check_plain(restart_wait=restart_wait)
        budgets = None
        if connects_per_second is not None:
            budgets = HostBudgets(connects_per_second, connect_burst)
        self._probes = None if probes is None else self._probes_at(probes)
        given = [_checked(make) for make in makers]
        self._lives = [Lives(make, restart_wait, budgets) for make in given]
        self._check_names()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._is_stopped = False

    def _check_names(self) -> None:
        seen = set()
        for lives in self._lives:
            kept = lives.durability
            if (id(kept.store), kept.name) in seen:
                raise ValueError(
                    f"two workers have the name {kept.name!r} in one store: they would"
                    " take it from each other"
                )
            seen.add((id(kept.store), kept.name))

    async def arun(self) -> None:
        """Work until ``stop()``, a signal, or the end of the last feed.

        In the main thread SIGTERM and SIGINT are a ``stop()``, where nobody else
        handles them; a second one ends the process at once. A cancellation breaks
        handlers off.

        Raises:
            ExceptionGroup: Of what workers ended with when they were to stop, such as
                ``DrainTimeout``; or of what ``restart_wait`` raised: then all are
                stopped.
            RuntimeError: They were run before.
        """
        if self._loop is not None:
            raise RuntimeError("workers run once: make others")
        self._loop = asyncio.get_running_loop()
        if self._is_stopped:
            self._stopping.set()
        with taken(self.stop), self._probes or nullcontext():
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._live(lives), name="reconnecting_sse.worker")
                    for lives in self._lives
                ]
        errors = [error for task in tasks if (error := task.result()) is not None]
        if errors:
            raise BaseExceptionGroup("workers did not end well", errors)

    async def _live(self, lives: Lives) -> BaseException | None:
        try:
            return await lives.run(self._stopping)
        except CallersError as callers:
            self.stop()
            return callers.error

    def stop(self) -> None:
        """Drain all at once, each as a worker's ``stop()`` does, and return.

        Takes no lock, and may be called any number of times.
        """
        self._is_stopped = True
        for lives in self._lives:
            lives.stop()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: they have ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    def healths(self) -> list[Health]:
        """How the workers are, but for those whose feeds are over."""
        return [lives.worker.health() for lives in self._lives if not lives.is_over]

    def _probes_at(self, address: str) -> Probes:
        from reconnecting_sse.workers.probes import Probes  # noqa: PLC0415  (seldom)

        return Probes(address, self.healths)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._lives)}>"


async def run_workers(
    makers: Iterable[Make],
    *,
    connects_per_second: float | None = PER_SECOND,
    connect_burst: int = BURST,
    restart_wait: WaitStrategy = wait_slowly,
    probes: str | None = None,
) -> None:
    """Make ``Workers`` of this, and run them: where nobody needs to hold them."""
    workers = Workers(
        makers,
        connects_per_second=connects_per_second,
        connect_burst=connect_burst,
        restart_wait=restart_wait,
        probes=probes,
    )
    await workers.arun()


def _checked(make: Make) -> Make:
    if isinstance(make, SubscriptionWorker):
        raise TypeError(
            "a worker runs once, and may have to be made again: give the function that"
            " makes it, as in run_workers([make_worker])"
        )
    check_plain(make_worker=make)
    return make
