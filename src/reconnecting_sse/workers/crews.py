"""The handlers of a worker: threads, or tasks, that take what is on the desk."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from reconnecting_sse.workers.calling import NeverAwaited, acalled, called
from reconnecting_sse.workers.handling import Handling
from reconnecting_sse.workers.recording import Stopped
from reconnecting_sse.workers.steps import AsyncSteps, SyncSteps

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.deliveries import Delivery
    from reconnecting_sse.subscription.custody import Custody
    from reconnecting_sse.workers.desk import Desk


class _Crew:
    """What the faces have in common."""

    def __init__(self, desk: Desk, custody: Custody, call: Callable[..., Any]) -> None:
        self._desk = desk
        self._custody = custody
        self._handler = partial(call, desk.options.handler)
        self._handling = Handling(desk, self._handler)

    def _is_plain(self, deliveries: list[Delivery]) -> bool:
        """Whether nothing has to be done but to call the handler."""
        is_new = all(delivery.letter is None for delivery in deliveries)
        return is_new and self._handling.is_plain

    def _argument(self, deliveries: list[Delivery]) -> Any:
        return self._handling.argument(deliveries)

    def _broken_off(self, deliveries: list[Delivery], error: BaseException) -> None:
        """They are not done; whoever reads raises the error."""
        if isinstance(error, Stopped):
            self._desk.left += len(deliveries)
        else:
            self._desk.fail(error)


class ThreadCrew(_Crew):
    """Threads: daemons, as nobody can end one that does not end by itself."""

    def __init__(self, desk: Desk, custody: Custody) -> None:
        super().__init__(desk, custody, called)

    def begin(self) -> None:
        """Have them work, until there is no more."""
        for number in range(self._desk.options.concurrency):
            name = f"reconnecting_sse.handler-{number + 1}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        steps = SyncSteps(self._desk, self._custody, patience=inf)
        with self._desk.heard_by(steps.ring):
            while (deliveries := self._desk.take(steps.ring)) is not None:
                if deliveries:
                    self._deal_with(deliveries, steps)
                else:
                    steps.wait()

    def _deal_with(self, deliveries: list[Delivery], steps: SyncSteps) -> None:
        is_done = False
        try:
            is_done = self._handle(deliveries, steps)
        except BaseException as error:  # noqa: BLE001  (the worker's reader raises it)
            self._broken_off(deliveries, error)
        finally:
            self._desk.finish(deliveries, is_done=is_done)

    def _handle(self, deliveries: list[Delivery], steps: SyncSteps) -> bool:
        """Whether they are done, and that is still to be said."""
        if not self._is_plain(deliveries):
            steps.run(self._handling.handled(deliveries))
            return False
        try:
            self._handler(self._argument(deliveries))
        except NeverAwaited:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            steps.run(self._handling.tried(deliveries, error))
            return False
        return True


class TaskCrew(_Crew):
    """Tasks of the event loop that the worker runs on."""

    def __init__(self, desk: Desk, custody: Custody) -> None:
        super().__init__(desk, custody, acalled)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_cancelled = False

    def begin(self) -> None:
        """Have them work, until there is no more."""
        for number in range(self._desk.options.concurrency):
            name = f"reconnecting_sse.handler-{number + 1}"
            self._tasks.append(asyncio.create_task(self._work(), name=name))

    def cancel(self) -> None:
        """Break off what they are at: once, as they may have something to put right."""
        if not self._is_cancelled:
            self._is_cancelled = True
            for task in self._tasks:
                task.cancel()

    async def _work(self) -> None:
        steps = AsyncSteps(self._desk, self._custody, patience=inf)
        with self._desk.heard_by(steps.ring):
            while (deliveries := self._desk.take(steps.ring)) is not None:
                if deliveries:
                    await self._deal_with(deliveries, steps)
                else:
                    await steps.wait()

    async def _deal_with(self, deliveries: list[Delivery], steps: AsyncSteps) -> None:
        is_done = False
        try:
            is_done = await self._handle(deliveries, steps)
        except BaseException as error:  # noqa: BLE001  (the worker's reader raises it)
            self._broken_off(deliveries, error)
        finally:
            self._desk.finish(deliveries, is_done=is_done)

    async def _handle(self, deliveries: list[Delivery], steps: AsyncSteps) -> bool:
        """Whether they are done, and that is still to be said."""
        if not self._is_plain(deliveries):
            await steps.run(self._handling.handled(deliveries))
            return False
        try:
            await self._handler(self._argument(deliveries))
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            await steps.run(self._handling.tried(deliveries, error))
            return False
        return True
