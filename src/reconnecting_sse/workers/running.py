"""A worker's run, on each face: its reader, and how it comes to its end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.errors import ClaimLost, DrainTimeout, StoreError
from reconnecting_sse.core.lifecycle import Gap
from reconnecting_sse.core.work_facts import Drained, Draining
from reconnecting_sse.source import subscription_of
from reconnecting_sse.subscription.custody import FAREWELL_SECONDS
from reconnecting_sse.subscription.durable import DurableSubscription
from reconnecting_sse.workers import prelude
from reconnecting_sse.workers.crews import TaskCrew, ThreadCrew
from reconnecting_sse.workers.desk import Desk
from reconnecting_sse.workers.filling import Backfill, as_async
from reconnecting_sse.workers.recording import Stopped, recorded
from reconnecting_sse.workers.steps import AsyncSteps, SyncSteps
from reconnecting_sse.workers.telling import Teller

if TYPE_CHECKING:
    from reconnecting_sse.core.lifecycle import Lifecycle
    from reconnecting_sse.source import ReconnectingEventSource
    from reconnecting_sse.workers.options import WorkOptions
    from reconnecting_sse.workers.recording import Steps
    from reconnecting_sse.workers.watching import Watch


LOOK_SECONDS = 1.0
"""How often, at the least, is looked whether what was begun is finished."""


def durable_of(source: ReconnectingEventSource) -> DurableSubscription:
    """What a worker works on.

    Raises:
        TypeError: The source keeps no position.
    """
    subscription = subscription_of(source)
    if not isinstance(subscription, DurableSubscription):
        raise TypeError(
            "a worker keeps its position: give its source store= and name= (a"
            " MemoryStore() where it need not outlive the process)"
        )
    return subscription


class _Run(ABC):
    """What the faces have in common."""

    _steps: SyncSteps | AsyncSteps  # the reader's

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        self._source = source
        self._watch = watch
        self._options = options
        self._subscription = durable_of(source)
        self._holding = holding = self._subscription.holding
        self._custody = self._subscription.custody
        if holding.ledger is not None:
            raise RuntimeError(
                "the source was iterated before: give the worker its own"
            )
        effects = self._subscription.effects
        teller = Teller(effects.logger, effects.url, holding.durability.name)
        self.desk: Desk = Desk(options, holding, teller)
        self.desk.halt = source.close
        holding.is_kept = True
        holding.ledger_of = partial(WorkLedger, deduplicate=options.deduplicate)
        holding.hear_replays = self.desk.replay
        holding.bells.append(self.desk.ring)
        if options.deduplicate:
            self._subscription.session.identify()
        if options.on_gap is not None:
            effects.listen(self._hear)

    def stop(self) -> None:
        """Begin nothing more; from any thread or signal handler."""
        self.desk.is_stopping = True
        self._source.close()
        self._steps.ring()

    def _hear(self, fact: Lifecycle) -> None:
        """A gap is filled by what its hook gives, or by what that returns."""
        if isinstance(fact, Gap):
            assert self._options.on_gap is not None
            events = self._options.on_gap(fact)
            if events is not None:
                self._fill(events)

    @abstractmethod
    def _fill(self, events: Any) -> None:
        """Have these events handled before the feed goes on."""

    # ------------------------------------------------------------------ the end

    def _end(self) -> None:
        """Nothing more comes; and nothing more is begun, if it is to stop."""
        desk = self.desk
        dropped = desk.end()
        if desk.is_over:
            desk.teller.tell(Draining, begun=len(desk.begun), dropped=dropped)

    def _is_waited_for(self, deadline: float) -> bool:
        """Whether something is at hand still, and there is time for it."""
        error = self._holding.error
        if error is not None:
            self.desk.fail(error)
        return not self.desk.is_clear and self.desk.clock.now() < deadline

    def _tell_of_drain(self) -> DrainTimeout | None:
        """That all is finished; the error that it is not."""
        begun, name = self.desk.begun, self._holding.durability.name
        if not begun:
            self.desk.teller.tell(Drained, left=self.desk.left)
            return None
        keys = ", ".join(repr(delivery.key) for delivery in begun[:10])
        return DrainTimeout(
            f"handlers of {name!r} did not end within {self._options.drain_timeout} s:"
            f" the events {keys} are not done, and come again. The claim is not"
            " released: a lease runs out by itself"
        )

    def _last_words(self, *, is_late: bool) -> Steps:
        """What the store is to know before the claim is let go."""
        with suppress(StoreError, ClaimLost, Stopped):
            yield from prelude.put_down(self.desk)
            mark = self._holding.mark() if is_late else None
            if mark is not None:
                yield from recorded(mark)

    def _outcome(self, late: DrainTimeout | None) -> None:
        """Raise what ended it, if that was an error."""
        error = self.desk.error
        if error is not None:
            raise error
        if late is not None:
            raise late


class SyncRun(_Run):
    """With threads: the reader is whoever calls, and may be a signal's."""

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        super().__init__(source, options, watch)
        self._steps: SyncSteps = SyncSteps(self.desk, self._custody, None)
        self.desk.attach(self._steps.ring)

    def run(self) -> None:
        """All of it."""
        desk = self.desk
        ThreadCrew(desk, self._custody).begin()
        try:
            self._read()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            desk.fail(error)
        late = self._drain()
        self._leave(late)
        self._outcome(late)

    def _read(self) -> None:
        desk, wait = self.desk, self._steps.wait
        for event in self._source.iter_sse():
            if desk.care is None:
                self._steps.run(prelude.first(desk))
            desk.take_over(event)
            if desk.is_full:
                while desk.is_full and not desk.is_over:
                    wait()
                self._watch.reading_again()

    def _fill(self, events: Any) -> None:
        desk, wait = self.desk, self._steps.wait
        if desk.care is None:
            self._steps.run(prelude.first(desk))
        backfill = Backfill(desk)
        for event in events:
            backfill.take_over(event)
            while desk.is_full and not desk.is_over:
                wait()
            if desk.is_over:
                raise Stopped
        while not backfill.is_done and not desk.is_over:
            wait()
        if backfill.is_done:
            backfill.lift()

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
        self._holding.bells.remove(self.desk.ring)
        if late is not None:
            self._custody.forsake()
            self._subscription.leave()
            return
        self._holding.is_kept = False
        error = self.desk.error
        self._source.__exit__(None if error is None else type(error), error, None)


class AsyncRun(_Run):
    """With tasks, of the event loop that it is made on."""

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        super().__init__(source, options, watch)
        self._steps: AsyncSteps = AsyncSteps(self.desk, self._custody, None)
        self.desk.attach(self._steps.ring)
        self._crew = TaskCrew(self.desk, self._custody)
        self._filling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """All of it."""
        desk = self.desk
        self._crew.begin()
        beating = asyncio.create_task(self._beat(), name="reconnecting_sse.beat")
        try:
            await self._read()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            desk.fail(error)
        late = await self._drain()
        beating.cancel()
        await self._leave(late)
        self._outcome(late)

    async def _beat(self) -> None:
        """Show that the event loop turns."""
        clock = self.desk.clock
        while True:
            self._watch.turned_at = clock.now()
            await clock.sleep(LOOK_SECONDS)

    async def _read(self) -> None:
        desk, wait = self.desk, self._steps.wait
        async for event in self._source.aiter_sse():
            if desk.care is None:
                await self._steps.run(prelude.first(desk))
            if self._filling is not None:
                await self._filled()
            desk.take_over(event)
            if desk.is_full:
                while desk.is_full and not desk.is_over:
                    await wait()
                self._watch.reading_again()
        await self._filled()

    def _fill(self, events: Any) -> None:
        before, backfill = self._filling, Backfill(self.desk)
        filling = self._filled_by(events, backfill, before)
        self._filling = asyncio.create_task(filling, name="reconnecting_sse.backfill")

    async def _filled(self) -> None:
        filling, self._filling = self._filling, None
        if filling is not None:
            await filling

    async def _filled_by(
        self, events: Any, backfill: Backfill, before: asyncio.Task[None] | None
    ) -> None:
        desk = self.desk
        steps = AsyncSteps(desk, self._custody, None)
        desk.attach(steps.ring)
        try:
            if before is not None:
                await before
            if desk.care is None:
                await steps.run(prelude.first(desk))
            async for event in as_async(events):
                backfill.take_over(event)
                while desk.is_full and not desk.is_over:
                    await steps.wait()
                if desk.is_over:
                    return
            while not backfill.is_done and not desk.is_over:
                await steps.wait()
            if backfill.is_done:
                backfill.lift()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (raised at the end)
            desk.fail(error)
        finally:
            desk.detach(steps.ring)

    async def _drain(self) -> DrainTimeout | None:
        desk, deadline = self.desk, inf
        self._end()
        while self._is_waited_for(deadline):
            if desk.error is not None:
                self._crew.cancel()
            if desk.is_over and deadline == inf:
                deadline = desk.clock.now() + self._options.drain_timeout
                desk.drop()
            try:
                await self._steps.wait(min(deadline - desk.clock.now(), LOOK_SECONDS))
            except asyncio.CancelledError as error:
                desk.fail(error)
        if self._filling is not None:
            self._filling.cancel()
        return self._tell_of_drain()

    async def _leave(self, late: DrainTimeout | None) -> None:
        words = self._last_words(is_late=late is not None)
        await AsyncSteps(self.desk, self._custody, FAREWELL_SECONDS).run(words)
        self._holding.bells.remove(self.desk.ring)
        if late is not None:
            self._custody.forsake()
            await self._subscription.aleave()
            return
        self._holding.is_kept = False
        error = self.desk.error
        kind = None if error is None else type(error)
        await self._source.__aexit__(kind, error, None)
