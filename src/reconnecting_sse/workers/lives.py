"""One feed's lives, among others: a worker that fails is made anew, after a while."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from reconnecting_sse.core.errors import ClaimLost, DrainTimeout, StreamError
from reconnecting_sse.core.restarts import Restarts, wait_soon
from reconnecting_sse.core.work_facts import Failed
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.effects import AsyncEffects
from reconnecting_sse.workers.telling import Teller
from reconnecting_sse.workers.worker import SubscriptionWorker, work_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.strategies import WaitStrategy
    from reconnecting_sse.subscription.holding import Durability
    from reconnecting_sse.workers.budget import HostBudgets

    Make = Callable[[], SubscriptionWorker]


class Lives:
    """Worker after worker, each of which runs once.

    Args:
        make: Makes one; the first is made here.
        wait: How long to wait for the next, after one that failed.
        budgets: What is asked before each attempt to connect; None for nothing.

    Attributes:
        worker: The one that runs, or did last.
        durability: What makes its subscription durable.
        is_over: Whether one came to its proper end: there is no other.

    Raises:
        TypeError: What was made is no worker, or one of the sync face.
    """

    durability: Durability

    def __init__(
        self, make: Make, wait: WaitStrategy, budgets: HostBudgets | None
    ) -> None:
        self._make = make
        self._budgets = budgets
        self._slowly, self._soon = Restarts(wait), Restarts(wait_soon)
        self._clock = clocks.CLOCK
        self._is_stopped = False
        self._next: SubscriptionWorker | None = self._made()
        self.worker: SubscriptionWorker = self._next
        self.is_over: bool = False

    def _made(self) -> SubscriptionWorker:
        worker = self._make()
        if not isinstance(worker, SubscriptionWorker):
            raise TypeError(f"this was to make a SubscriptionWorker, not {worker!r}")
        if worker is vars(self).get("worker"):
            raise StreamError(
                "a worker runs once: make another one with each call, with a source of"
                " its own"
            )
        work = work_of(worker)
        assert isinstance(work.effects, AsyncEffects)
        if self._budgets is not None:
            work.effects.share(self._budgets.admit)
        self.durability = work.holding.durability
        url, logger = work.effects.url, work.effects.logger
        self._teller = Teller(logger, url, self.durability.name)
        return worker

    def stop(self) -> None:
        """Drain the one that runs; no other is begun. From anywhere."""
        self._is_stopped = True
        self.worker.stop()

    def begin_again(self) -> None:
        """Undo ``stop()``, for another ``run()``, once the last has returned."""
        self._is_stopped = self.is_over = False

    async def run(self, stopping: asyncio.Event) -> BaseException | None:
        """Live until the feed is over, or ``stop()``; an error, if one ended it then.

        Args:
            stopping: Ends a pause.

        Raises:
            CallersError: The strategy of waiting failed.
        """
        while True:
            began = self._clock.now()
            error = await self._life()
            if error is None:
                self.is_over = True
                return None
            if self._is_stopped or isinstance(error, DrainTimeout):
                self._tell(error)
                return error
            pause = self._pause_after(error, self._clock.now() - began)
            self._tell(error, pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stopping.wait()
            if self._is_stopped:
                return None

    async def _life(self) -> BaseException | None:
        """What one worker ended with; None for its proper end."""
        try:
            worker, self._next = self._next or self._made(), None
            self.worker = worker
            if self._is_stopped:  # nobody told this one
                worker.stop()
            await worker.arun()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return error  # a handler raised it: that ends one worker only
        except Exception as error:  # noqa: BLE001  (whatever a worker ends with)
            return error
        return None

    def _pause_after(self, error: BaseException, lasted: float) -> float:
        """Slowly, but whoever lost his lease is only to stand by again."""
        is_leased = self.durability.lease is not None
        is_ousted = isinstance(error, ClaimLost) and is_leased
        restarts = self._soon if is_ousted else self._slowly
        return restarts.pause_after(error, lasted)

    def _tell(self, error: BaseException, delay: float | None = None) -> None:
        # A stranger's error may say anything: its name is enough.
        said = str(error) if isinstance(error, StreamError) else None
        self._teller.tell(Failed, cause=type(error).__name__, error=said, delay=delay)


def _is_cancelled() -> bool:
    """Whether somebody asked this very task to end."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling() > 0
