"""The handlers of a worker: threads, or tasks, that take what is on the desk."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from reconnecting_sse.workers.handling import Handling
from reconnecting_sse.workers.steps import AsyncSteps, SyncSteps, called

if TYPE_CHECKING:
    from reconnecting_sse.core.deliveries import Delivery
    from reconnecting_sse.subscription.custody import Custody
    from reconnecting_sse.workers.desk import Desk


class _Crew:
    """What the faces have in common."""

    def __init__(self, desk: Desk, custody: Custody) -> None:
        self._desk = desk
        self._custody = custody
        self._handling = Handling(desk)
        self._handler = desk.options.handler

    def _is_plain(self, deliveries: list[Delivery]) -> bool:
        """Whether nothing has to be done but to call the handler."""
        is_new = all(delivery.letter is None for delivery in deliveries)
        return is_new and self._handling.is_plain

    def _argument(self, deliveries: list[Delivery]) -> Any:
        return self._handling.argument(deliveries)


class ThreadCrew(_Crew):
    """Threads: daemons, as nobody can end one that does not end by itself."""

    def begin(self) -> None:
        """Have them work, until there is no more."""
        for number in range(self._desk.options.concurrency):
            name = f"reconnecting_sse.handler-{number + 1}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        desk = self._desk
        steps = SyncSteps(desk, self._custody, patience=inf)
        desk.enter(steps.ring)
        while (deliveries := desk.take(steps.ring)) is not None:
            if not deliveries:
                steps.wait()
                continue
            is_done = False
            try:
                is_done = self._handle(deliveries, steps)
            except BaseException as error:  # noqa: BLE001  (the worker's reader raises it)
                desk.fail(error)
            finally:
                desk.finish(deliveries, is_done=is_done)

    def _handle(self, deliveries: list[Delivery], steps: SyncSteps) -> bool:
        """Whether they are done, and that is still to be said."""
        if not self._is_plain(deliveries):
            steps.run(self._handling.handled(deliveries))
            return False
        try:
            self._handler(self._argument(deliveries))
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            steps.run(self._handling.tried(deliveries, error))
            return False
        return True


class TaskCrew(_Crew):
    """Tasks of the event loop that the worker runs on."""

    def __init__(self, desk: Desk, custody: Custody) -> None:
        super().__init__(desk, custody)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Have them work, until there is no more."""
        for number in range(self._desk.options.concurrency):
            name = f"reconnecting_sse.handler-{number + 1}"
            self._tasks.append(asyncio.create_task(self._work(), name=name))

    def cancel(self) -> None:
        """Break off what they are at."""
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        desk = self._desk
        steps = AsyncSteps(desk, self._custody, patience=inf)
        desk.enter(steps.ring)
        while (deliveries := desk.take(steps.ring)) is not None:
            if not deliveries:
                await steps.wait()
                continue
            is_done = False
            try:
                is_done = await self._handle(deliveries, steps)
            except BaseException as error:  # noqa: BLE001  (the worker's reader raises it)
                desk.fail(error)
            finally:
                desk.finish(deliveries, is_done=is_done)

    async def _handle(self, deliveries: list[Delivery], steps: AsyncSteps) -> bool:
        """Whether they are done, and that is still to be said."""
        if not self._is_plain(deliveries):
            await steps.run(self._handling.handled(deliveries))
            return False
        try:
            await called(partial(self._handler, self._argument(deliveries)))
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            await steps.run(self._handling.tried(deliveries, error))
            return False
        return True
