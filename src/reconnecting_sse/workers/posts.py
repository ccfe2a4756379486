"""One feed, for as long as this process is to serve it: worker after worker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from reconnecting_sse.core import fleet_facts as facts
from reconnecting_sse.core.errors import (
    ClaimLost,
    DrainTimeout,
    StreamEnded,
    StreamError,
)
from reconnecting_sse.core.restarts import Restarts
from reconnecting_sse.subscription import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.strategies import WaitStrategy

    Tell = Callable[[facts.FleetFact], object]


class Worker(Protocol):
    """What serves a feed: a ``SubscriptionWorker``, or what is like one."""

    async def arun(self) -> None:
        """Work until ``stop()``, or the end."""

    def stop(self) -> None:
        """Finish what was begun, and return."""

    def health(self) -> Health:
        """How it is."""


class Post:
    """Serves one feed.

    Attributes:
        worker: The one that works, or did last.
        late: What a drain ended with, if handlers did not end in time.

    Args:
        make: Makes a worker of the feed's name, each time another one.
        wait: After how long another worker is begun, once one has failed.
        tell: Told what happens.
    """

    def __init__(
        self,
        feed: str,
        make: Callable[[str], Worker],
        wait: WaitStrategy,
        tell: Tell,
    ) -> None:
        self._feed = feed
        self._make = make
        self._tell = tell
        self._restarts = Restarts(wait)
        self._stopping = asyncio.Event()
        self.worker: Worker | None = None
        self.late: DrainTimeout | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Drain the worker, and begin no other; on the event loop."""
        self._stopping.set()
        if self.worker is not None:
            self.worker.stop()

    async def serve(self) -> None:
        """Until ``stop()``, or until somebody else has the feed.

        A worker that fails ends nothing but itself.
        """
        clock = clocks.CLOCK
        while not self.is_stopping:
            began = clock.now()
            try:
                await self._work()
            except ClaimLost:
                self._tell(facts.FeedLost(durable_name=self._feed))
                return
            except DrainTimeout as error:
                self.late = error
                self._say(facts.DrainedLate, error=str(error))
            except Exception as error:  # noqa: BLE001  (whatever a worker ends with)
                await self._rest(error, clock.now() - began)
            else:
                await self._rest(None, clock.now() - began)

    async def _work(self) -> None:
        self.worker = self._make(self._feed)
        await self.worker.arun()

    async def _rest(self, error: Exception | None, lasted: float) -> None:
        """Tell what it ended with, and wait until it is time for another."""
        if error is None and self.is_stopping:
            return
        end = error or StreamEnded("the feed came to its end")
        delay = self._restarts.pause_after(end, lasted)
        if error is None:
            self._say(facts.FeedEnded, delay=delay)
        else:
            cause = type(error).__name__
            said = str(error) if isinstance(error, StreamError) else cause
            self._say(facts.FeedFailed, cause=cause, error=said, delay=delay)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()

    def _say(self, kind: Callable[..., facts.FleetFact], **values: Any) -> None:
        self._tell(kind(durable_name=self._feed, **values))
