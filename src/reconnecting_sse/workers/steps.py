"""Going through steps: what they yield is done, on each face in its way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from math import inf
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.subscription.custody import Custody
    from reconnecting_sse.workers.desk import Desk
    from reconnecting_sse.workers.recording import Steps


class SyncSteps:
    """Blocks its thread for each step; one for each thread.

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
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._clock = clocks.CLOCK
        self.ring: Callable[[], object] = partial(self._bell.put, None)

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
        if step is None:
            return self.wait()
        return step()

    def _run_errand(self, errand: Errand) -> None:
        errand.bell = self.ring
        self._custody.send(errand)
        end = self._clock.now() + _limit(self._patience)
        while not (errand.is_done or self._is_over(end)):
            self.wait(end - self._clock.now())
        if not errand.is_done:
            self._desk.holding.drop(errand)

    def _is_over(self, end: float) -> bool:
        return self._clock.now() >= end or (
            self._patience is None and self._desk.is_over
        )

    def _pause(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0 and not self._desk.is_over:
            self.wait(left)

    def wait(self, seconds: float | None = None) -> None:
        """Until somebody rings, or for so long."""
        self._clock.wait(self._bell, seconds)


class AsyncSteps:
    """Awaits each step; one for each task.

    Args:
        desk: As for the sync face; and the others, too.
        custody: Who sends errands.
        patience: How many seconds an errand is waited for.
    """

    def __init__(self, desk: Desk, custody: Custody, patience: float | None) -> None:
        self._desk = desk
        self._custody = custody
        self._patience = patience
        self._bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._clock = clocks.CLOCK

    def ring(self) -> None:
        """Wake it; from any thread or signal handler."""
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
        if step is None:
            return await self.wait()
        return await called(step)

    async def _run_errand(self, errand: Errand) -> None:
        errand.bell = self.ring
        self._custody.send(errand)
        end = self._clock.now() + _limit(self._patience)
        try:
            while not (errand.is_done or self._is_over(end)):
                await self.wait(end - self._clock.now())
        finally:
            if not errand.is_done:
                self._desk.holding.drop(errand)

    def _is_over(self, end: float) -> bool:
        return self._clock.now() >= end or (
            self._patience is None and self._desk.is_over
        )

    async def _pause(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0 and not self._desk.is_over:
            await self.wait(left)

    async def wait(self, seconds: float | None = None) -> None:
        """Until somebody rings, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._bell.wait()
        self._bell.clear()


async def called(function: Callable[[], Any]) -> Any:
    """Await what a handler gives; a cancellation of its own is an error of its own.

    Raises:
        RuntimeError: It awaited what somebody had cancelled, and nobody cancels us.
    """
    try:
        return await function()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("the handler awaited what was cancelled") from error


def _limit(patience: float | None) -> float:
    return inf if patience is None else patience
