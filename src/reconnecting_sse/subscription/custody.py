"""A reader's side of his holding: he asks the keeper, and waits as he would sleep."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Claim
from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.loop import Raised
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.keepers import served

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.claims import Held
    from reconnecting_sse.core.errors import StoreUnavailable
    from reconnecting_sse.subscription.errands import Errand
    from reconnecting_sse.subscription.holding import Holding
    from reconnecting_sse.subscription.keepers import Keeper
    from reconnecting_sse.transports.abort import AbortSignal

    Answer = Claim | Held | StoreUnavailable | Raised | None

FAREWELL_SECONDS = 5.0
"""How long a store is waited for at the end."""

GRACE_SECONDS = 0.05
"""How long it is waited for once the source is closed, where something is begun."""


class Custody:
    """What the faces have in common: what is asked for, and when that has come.

    Attributes:
        holding: What it is about.
    """

    def __init__(self, holding: Holding, signal: AbortSignal) -> None:
        self.holding: Holding = holding
        self._signal = signal
        self._clock = clocks.CLOCK
        self._keeper: Keeper | None = None
        self._told: type | None = None

    # ------------------------------------------------------------------ at once

    def begin(self, position: str) -> None:
        """The claim is made, and this is where the subscription begins."""
        self.holding.begin(position)
        self.wake()  # it may have waited for that

    def room(self) -> int:
        """How many events may be handed over without waiting."""
        is_served = self._keeper is not None and self._keeper.is_alive
        return self.holding.room(self._clock) if is_served else 0

    def may_hand_over(self) -> bool:
        """Whether one more may be, of those that there was room for."""
        return self.holding.may_hand_over(self._clock)

    def moved(self, position: str) -> None:
        """The position moved without an event, after those handed over."""
        holding = self.holding
        if holding.ledger is not None:
            with holding.lock:
                holding.ledger.moved(position)

    def resumed(self) -> None:
        """A connection is open, after the position that there is."""
        holding = self.holding
        if isinstance(holding.ledger, WorkLedger):
            with holding.lock:
                holding.ledger.resumed()

    def uncommitted(self) -> int:
        """How many events and moves the store does not have."""
        ledger = self.holding.ledger
        return 0 if ledger is None else ledger.uncommitted

    def attend(self) -> None:
        """Have a keeper serve the holding, one that can do so from here."""
        if self._keeper is not None and self._keeper.is_here:
            return
        if self._keeper is not None:
            self._keeper.dismiss(self.holding)
        self._keeper = served(self.holding.durability.store, self.holding)

    def wake(self) -> None:
        """There is something for the keeper to do."""
        self.holding.wake()

    def leave(self) -> None:
        """Want no more: what is done is committed, and the claim released."""
        self.holding.leave()

    def forsake(self) -> None:
        """Let the claim run out: it is not renewed, nor released.

        What is begun comes to its end, as long as the holding is kept.
        """
        self.holding.is_forsaken = True
        self.wake()

    def _leave_here(self) -> None:
        """The same, with another keeper if the one that served has ended."""
        if self._keeper is not None and not self._keeper.is_alive:
            self.attend()
        self.leave()

    # ------------------------------------------------------------------ questions

    def _news(self) -> bool:
        """Whether it stands otherwise with the claim than the loop was told."""
        situation = self.holding.situation
        return situation is not None and type(situation) is not self._told

    def _heard(self) -> Answer:
        if not self._news():
            return None  # an order came
        situation = self.holding.situation
        self._told = type(situation)
        return situation

    def _has_room(self) -> bool:
        holding = self.holding
        is_ill = holding.trouble is not None and self._told is Claim
        return bool(holding.error or is_ill or self.room() > 0)

    def _roomy(self) -> Answer:
        """What the loop is to hear once there is room, or what stands against it."""
        holding = self.holding
        if holding.error is not None:
            return Raised(holding.error)
        if self.room() > 0:
            self._told = Claim
            return None
        if holding.trouble is not None and self._told is Claim:
            self._told = type(holding.trouble)
            return holding.trouble
        return None

    def _wants_room(self) -> Answer:
        """Ask for room; the error that it can never be made."""
        self.attend()
        self.holding.wants_commit = True
        stuck = self.holding.stuck
        return None if stuck is None else Raised(stuck)

    @property
    def _is_over(self) -> bool:
        holding = self.holding
        return holding.is_over or self._keeper is None

    def send(self, errand: Errand) -> None:
        """Have the keeper run an errand."""
        self.attend()
        self.holding.errands.append(errand)
        self.wake()


class SyncCustody(Custody):
    """Waits in the reader's thread."""

    def claim(self) -> Answer:
        """How it stands with the claim, once there is something new."""
        self.attend()
        self._wait(self._news)
        return self._heard()

    def make_room(self) -> Answer:
        """Wait for the store, until events may be handed over."""
        refusal = self._wants_room()
        if refusal is None:
            self._wait(self._has_room)
            refusal = self._roomy()
        return refusal

    def farewell(self) -> None:
        """Wait until the claim is released; not for ever."""
        self._leave_here()
        self._wait(lambda: self._is_over, FAREWELL_SECONDS, is_urgent=False)

    def run(self, errand: Errand) -> None:
        """Have it run, and wait for it; not for long once the source is closed."""
        self.send(errand)
        self._wait(lambda: errand.is_done)
        self.finish(errand, GRACE_SECONDS)

    def finish(self, errand: Errand, seconds: float | None = None) -> None:
        """Wait for it, so long at most; by default as long as for a farewell."""
        limit = FAREWELL_SECONDS if seconds is None else seconds
        self._wait(lambda: errand.is_done, limit, is_urgent=False)

    def _wait(
        self,
        is_over: Callable[[], bool],
        seconds: float | None = None,
        *,
        is_urgent: bool = True,
    ) -> None:
        # As in ``sleep``: a SimpleQueue's put is re-entrant.
        bell: SimpleQueue[None] = SimpleQueue()
        ring = partial(bell.put, None)
        holding, signal, clock = self.holding, self._signal, self._clock
        end = None if seconds is None else clock.now() + seconds
        holding.bells.append(ring)
        previous = signal.attach(ring) if is_urgent else None
        try:
            self.wake()
            while not (is_over() or (is_urgent and signal.is_due)):
                left = None if end is None else end - clock.now()
                if not clock.wait(bell, left):
                    break
        finally:
            holding.bells.remove(ring)
            if is_urgent:
                signal.attach(previous)


class AsyncCustody(Custody):
    """Waits in the reader's task."""

    async def claim(self) -> Answer:
        """How it stands with the claim, once there is something new."""
        self.attend()
        await self._wait(self._news)
        return self._heard()

    async def make_room(self) -> Answer:
        """Wait for the store, until events may be handed over."""
        refusal = self._wants_room()
        if refusal is None:
            await self._wait(self._has_room)
            refusal = self._roomy()
        return refusal

    async def farewell(self) -> None:
        """Wait until the claim is released; not for ever."""
        self._leave_here()
        await self._wait(lambda: self._is_over, FAREWELL_SECONDS, is_urgent=False)

    async def run(self, errand: Errand) -> None:
        """Have it run, and wait for it; not for long once the source is closed."""
        self.send(errand)
        await self._wait(lambda: errand.is_done)
        await self.finish(errand, GRACE_SECONDS)

    async def finish(self, errand: Errand, seconds: float | None = None) -> None:
        """Wait for it, so long at most; by default as long as for a farewell."""
        limit = FAREWELL_SECONDS if seconds is None else seconds
        await self._wait(lambda: errand.is_done, limit, is_urgent=False)

    async def _wait(
        self,
        is_over: Callable[[], bool],
        seconds: float | None = None,
        *,
        is_urgent: bool = True,
    ) -> None:
        bell = asyncio.Event()
        ring = partial(_ring, asyncio.get_running_loop(), bell)
        holding, signal = self.holding, self._signal
        holding.bells.append(ring)
        previous = signal.attach(ring) if is_urgent else None
        try:
            self.wake()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not (is_over() or (is_urgent and signal.is_due)):
                        await bell.wait()
                        bell.clear()
        finally:
            holding.bells.remove(ring)
            if is_urgent:
                signal.attach(previous)


def _ring(loop: asyncio.AbstractEventLoop, bell: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(bell.set)
