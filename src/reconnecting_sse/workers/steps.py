"""Going through steps: what they yield is done, on each face in its way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.errands import Errand

if TYPE_CHECKING:
    from reconnecting_sse.subscription.custody import Custody
    from reconnecting_sse.workers.desk import Desk
    from reconnecting_sse.workers.recording import Steps


class _Steps:
    """What the faces have in common.

    Args:
        desk: When that is over, no pause goes on.
        custody: Who sends errands.
        patience: How many seconds an errand is waited for; None: until the desk is
            over.
    """

    def __init__(self, desk: Desk, custody: Custody, patience: float | None) -> None:
        self._desk = desk
        self._custody = custody
        self._patience = patience
        self._clock = clocks.CLOCK

    def _end(self) -> float:
        """When nobody waits for an errand any more that is sent now."""
        return self._clock.now() + (inf if self._patience is None else self._patience)

    def _is_over(self, errand: Errand, end: float) -> bool:
        """Whether it has come to something, or is not waited for any more."""
        may_go = self._patience is None or errand.is_first
        is_late = self._clock.now() >= end or (may_go and self._desk.is_over)
        return errand.is_done or is_late

    def _drop(self, errand: Errand) -> None:
        self._desk.holding.drop(errand)
        self._custody.wake()


class SyncSteps(_Steps):
    """Blocks its thread for each step; one for each thread."""

    def __init__(self, desk: Desk, custody: Custody, patience: float | None) -> None:
        super().__init__(desk, custody, patience)
        self._bell: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake it; from any thread or signal handler."""
        if self._bell.empty():  # or it has not heard the last one yet
            self._bell.put(None)

    def run(self, steps: Steps) -> Any:
        """All of them; what they return."""
        try:
            step = next(steps)
            while True:
                try:
                    outcome = self._made(step)
                except BaseException as error:  # noqa: BLE001  (theirs to deal with)
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            return end.value

    def _made(self, step: Any) -> Any:
        if isinstance(step, Errand):
            return self._run_errand(step)
        if isinstance(step, float):
            return self._pause(step)
        return self.wait() if step is None else step()

    def _run_errand(self, errand: Errand) -> None:
        errand.bell = self.ring
        self._custody.send(errand)
        end = self._end()
        while not self._is_over(errand, end):
            self.wait(end - self._clock.now())
        if not errand.is_done:
            self._drop(errand)

    def _pause(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0 and not self._desk.is_over:
            self.wait(left)

    def wait(self, seconds: float | None = None) -> None:
        """Until somebody rings, or for so long."""
        self._clock.wait(self._bell, seconds)


class AsyncSteps(_Steps):
    """Awaits each step; one for each task."""

    def __init__(self, desk: Desk, custody: Custody, patience: float | None) -> None:
        super().__init__(desk, custody, patience)
        self._bell = asyncio.Event()
        self._is_rung = False
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake it; from any thread or signal handler."""
        if not self._is_rung:  # or it has not heard the last one yet
            self._is_rung = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._bell.set)

    async def run(self, steps: Steps) -> Any:
        """All of them; what they return."""
        try:
            step = next(steps)
            while True:
                try:
                    outcome = await self._made(step)
                except BaseException as error:  # noqa: BLE001  (theirs to deal with)
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            return end.value

    async def _made(self, step: Any) -> Any:
        if isinstance(step, Errand):
            return await self._run_errand(step)
        if isinstance(step, float):
            return await self._pause(step)
        return await (self.wait() if step is None else step())

    async def _run_errand(self, errand: Errand) -> None:
        errand.bell = self.ring
        self._custody.send(errand)
        end = self._end()
        try:
            while not self._is_over(errand, end):
                await self.wait(end - self._clock.now())
        except asyncio.CancelledError:
            self._drop(errand)  # also if it is done: nobody hears of it
            raise
        if not errand.is_done:
            self._drop(errand)

    async def _pause(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0 and not self._desk.is_over:
            await self.wait(left)

    async def wait(self, seconds: float | None = None) -> None:
        """Until somebody rings, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._bell.wait()
        self._is_rung = False
        self._bell.clear()
