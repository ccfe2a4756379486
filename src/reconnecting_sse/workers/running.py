"""A worker's run, on each face: its reader, and how it comes to its end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription.custody import FAREWELL_SECONDS
from reconnecting_sse.workers import prelude
from reconnecting_sse.workers.crews import TaskCrew, ThreadCrew
from reconnecting_sse.workers.filling import Backfill, as_async, closed_after
from reconnecting_sse.workers.recording import Stopped
from reconnecting_sse.workers.run import Run
from reconnecting_sse.workers.steps import AsyncSteps, SyncSteps

if TYPE_CHECKING:
    from reconnecting_sse.core.errors import DrainTimeout
    from reconnecting_sse.source import ReconnectingEventSource
    from reconnecting_sse.workers.options import WorkOptions
    from reconnecting_sse.workers.watching import Watch

LOOK_SECONDS = 1.0
"""How often, at the least, is looked whether what was begun is finished."""


class SyncRun(Run):
    """With threads: the reader is whoever calls, and may be a signal's."""

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        super().__init__(source, options, watch)
        self._steps: SyncSteps = SyncSteps(self.desk, self._custody, None)

    def run(self) -> None:
        """All of it."""
        try:
            with self.desk.heard_by(self._steps.ring, is_reader=True):
                late = self._work()
                self._leave(late)
        except BaseException:
            self._abandon()
            raise
        self._outcome(late)

    def _work(self) -> DrainTimeout | None:
        ThreadCrew(self.desk, self._custody).begin()
        try:
            self._read()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            self.desk.fail(error)
        return self._drain()

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        desk = self.desk
        for event in self._source.iter_sse():
            self._begin()
            desk.take_over(event)
            if desk.is_full:
                self._wait_for_room()

    def _begin(self) -> None:
        """Before the first event."""
        if self.desk.care is None:
            self._steps.run(prelude.first(self.desk))

    def _wait_for_room(self) -> None:
        desk = self.desk
        while desk.is_full and not desk.is_over:
            self._steps.wait()

    def _fill(self, events: Any) -> None:
        desk = self.desk
        self._begin()
        backfill = Backfill(desk)
        with closed_after(events):
            for event in events:
                backfill.take_over(event)
                self._wait_for_room()
                if desk.is_over:
                    return
        while not (backfill.is_done or desk.is_over):
            self._steps.wait()
        backfill.end()

    # ------------------------------------------------------------------ the end

    def _drain(self) -> DrainTimeout | None:
        desk, deadline = self.desk, inf
        self._end()
        while self._is_waited_for(deadline):
            if desk.is_over and deadline == inf:
                deadline = desk.clock.now() + self._options.drain_timeout
                desk.drop()
            self._steps.wait(min(deadline - desk.clock.now(), LOOK_SECONDS))
        return self._tell_of_drain()

    def _leave(self, late: DrainTimeout | None) -> None:
        words = self._last_words(is_late=late is not None)
        SyncSteps(self.desk, self._custody, FAREWELL_SECONDS).run(words)
        self._part()
        if late is not None:
            self._forsake()
            self._subscription.leave()
            return
        self._holding.is_kept = False
        error = self.desk.error
        self._source.__exit__(None if error is None else type(error), error, None)


class AsyncRun(Run):
    """With tasks, of the event loop that it is made on."""

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        super().__init__(source, options, watch)
        self._steps: AsyncSteps = AsyncSteps(self.desk, self._custody, None)
        self._crew = TaskCrew(self.desk, self._custody)
        self._fillings: list[asyncio.Task[None]] = []  # those that go on, in order

    async def run(self) -> None:
        """All of it."""
        try:
            with self.desk.heard_by(self._steps.ring, is_reader=True):
                late = await self._work()
                await self._leave(late)
        except BaseException:
            self._abandon()
            raise
        self._outcome(late)

    async def _work(self) -> DrainTimeout | None:
        self._crew.begin()
        beating = asyncio.create_task(self._beat(), name="reconnecting_sse.beat")
        try:
            await self._read()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            self.desk.fail(error)
        try:
            return await self._drain()
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        """Show that the event loop turns."""
        clock, watch = self.desk.clock, self._watch
        try:
            while True:
                watch.turned_at = clock.now()
                await clock.sleep(LOOK_SECONDS)
        finally:
            watch.turned_at = None

    # ------------------------------------------------------------------ reading

    async def _read(self) -> None:
        desk = self.desk
        async for event in self._source.aiter_sse():
            await self._filled()
            await self._begin(self._steps)
            desk.take_over(event)
            if desk.is_full:
                await self._wait_for_room(self._steps)
        await self._filled()

    async def _begin(self, steps: AsyncSteps) -> None:
        """Before the first event."""
        if self.desk.care is None:
            await steps.run(prelude.first(self.desk))

    async def _wait_for_room(self, steps: AsyncSteps) -> None:
        desk = self.desk
        while desk.is_full and not desk.is_over:
            await steps.wait()

    @property
    def _is_filling(self) -> bool:
        self._fillings = [task for task in self._fillings if not task.done()]
        return bool(self._fillings)

    async def _filled(self) -> None:
        """Once gaps are filled, or there is an end."""
        while self._is_filling and not self.desk.is_over:
            await self._steps.wait()

    def _fill(self, events: Any) -> None:
        filling = self._filled_by(events, Backfill(self.desk), self._fillings[-1:])
        task = asyncio.create_task(filling, name="reconnecting_sse.backfill")
        task.add_done_callback(lambda _: self._steps.ring())
        self._fillings.append(task)

    async def _filled_by(
        self, events: Any, backfill: Backfill, before: list[asyncio.Task[None]]
    ) -> None:
        try:
            if before:
                await asyncio.wait(before)
            await self._handled(events, backfill)
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            if not self.desk.is_over:
                self.desk.fail(error)

    async def _handled(self, events: Any, backfill: Backfill) -> None:
        desk, steps = self.desk, AsyncSteps(self.desk, self._custody, None)
        with desk.heard_by(steps.ring, is_reader=True):
            await self._begin(steps)
            async with aclosing(as_async(events)) as given:
                async for event in given:
                    backfill.take_over(event)
                    await self._wait_for_room(steps)
                    if desk.is_over:
                        return
            while not (backfill.is_done or desk.is_over):
                await steps.wait()
            backfill.end()

    # ------------------------------------------------------------------ the end

    async def _drain(self) -> DrainTimeout | None:
        desk, deadline = self.desk, inf
        self._end()
        while self._is_waited_for(deadline):
            if desk.is_over and deadline == inf:
                deadline = desk.clock.now() + self._options.drain_timeout
                desk.drop()
            self._break_off()
            try:
                await self._steps.wait(min(deadline - desk.clock.now(), LOOK_SECONDS))
            except asyncio.CancelledError as error:
                if desk.error is not None:
                    raise
                desk.fail(error)
        return self._tell_of_drain()

    def _is_waited_for(self, deadline: float) -> bool:
        return super()._is_waited_for(deadline) or (
            self._is_filling and self.desk.clock.now() < deadline
        )

    def _break_off(self) -> None:
        """What has failed is not finished; nor is what was missed looked for."""
        if self.desk.error is not None:
            self._crew.cancel()
        if self.desk.is_over:
            for task in self._fillings:
                if not task.cancelling():
                    task.cancel()

    async def _leave(self, late: DrainTimeout | None) -> None:
        words = self._last_words(is_late=late is not None)
        await AsyncSteps(self.desk, self._custody, FAREWELL_SECONDS).run(words)
        self._part()
        if late is not None:
            self._forsake()
            await self._subscription.aleave()
            return
        self._holding.is_kept = False
        error = self.desk.error
        kind = None if error is None else type(error)
        await self._source.__aexit__(kind, error, None)
