"""The beats of a member of a fleet: when they are due, and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity.wait import wait_random_exponential

from reconnecting_sse.core import fleet_facts as facts
from reconnecting_sse.core.errors import StoreUnavailable
from reconnecting_sse.core.fleet import BEATS, Pulse, Seen
from reconnecting_sse.core.strategies import EndState
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.workers.lookout import unless

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from reconnecting_sse.workers.lookout import Lookout, View

_backoff = wait_random_exponential(multiplier=0.02, max=1.0)


class Beats:
    """One after the other, at moments that do not drift: a lease counts on them.

    Args:
        lease: Seconds; a beat comes at a third of that.
        stopping: Ends whatever is waited for.
        tell: Told what happens.
    """

    def __init__(
        self,
        lookout: Lookout,
        lease: float,
        stopping: asyncio.Event,
        tell: Callable[[facts.FleetFact], object],
    ) -> None:
        self._lookout = lookout
        self._lease = lease
        self._stopping = stopping
        self._tell = tell
        self._clock = clocks.CLOCK
        self._due = self._clock.now()
        self._pulse = Pulse()
        self._failures = 0  # of the store, one after the other
        self._members = 0

    async def next(self) -> Seen | None:
        """What the next one shows, once it is due; None: it is time to stop.

        A store that cannot be reached is waited for.

        Raises:
            StoreRefused: The store cannot be used as it is.
        """
        while not self._stopping.is_set():
            await self._sleep(self._due - self._clock.now())
            if self._stopping.is_set():
                break
            try:
                view = await unless(self._stopping, self._lookout.look())
            except StoreUnavailable as error:
                self._failed(error)
                continue
            if view is not None:
                return self._seen(view)
        return None

    async def _sleep(self, seconds: float) -> None:
        await unless(self._stopping, self._clock.sleep(seconds))

    def _failed(self, error: StoreUnavailable) -> None:
        self._failures += 1
        if self._failures == 1:
            self._tell(facts.StorePaused(error=str(error)))
        pause = _backoff(EndState(error, attempt_number=self._failures))
        self._due = self._clock.now() + min(pause, self._lease / BEATS)

    def _seen(self, view: View) -> Seen:
        members, holders = view
        if self._failures:
            self._failures = 0
            self._tell(facts.StoreResumed())
        self._feel()
        now, pause = self._clock.now(), self._lease / BEATS
        self._due = max(self._due + pause, now)
        if self._pulse.is_cautious:  # what others are waited for takes its time
            self._due = now + pause
        if len(members) != self._members:
            self._members = len(members)
            self._tell(facts.MembersChanged(members=len(members)))
        is_cautious = self._pulse.is_cautious
        return Seen(members=members, holders=holders, is_cautious=is_cautious)

    def _feel(self) -> None:
        now, before = self._clock.boot(), self._pulse
        self._pulse = before.beaten(now, self._lease)
        if before.at is not None and self._pulse.waits > before.waits:
            self._tell(facts.Cautious(gap=round(now - before.at, 3)))
