"""The keepers of this process: one for each store, a thread or a task.

A store's calls never run on a reader's own path, so that one that hangs cannot hold
up ``close()``. A keeper ends when nobody is left to be served.
"""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.asking import Rest
from reconnecting_sse.subscription.keeping import Keeping

if TYPE_CHECKING:
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.asking import Steps
    from reconnecting_sse.subscription.holding import Holding


class _Keeper(ABC):
    """What keepers have in common: whom they serve."""

    def __init__(self, store: Store) -> None:
        self._clock = clocks.CLOCK
        self._store = store
        self._keeping = Keeping(store, self._clock)

    @abstractmethod
    def wake(self) -> None:
        """There is something to do; from any thread or signal handler."""

    def admit(self, holding: Holding) -> None:
        """Serve this one, too."""
        holding.wake = self.wake
        self._keeping.admit(holding)
        self.wake()

    def dismiss(self, holding: Holding) -> None:
        """Serve it no more."""
        self._keeping.dismiss(holding)


class ThreadKeeper(_Keeper):
    """Makes the calls of a store that blocks, in a thread of its own."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._bell: SimpleQueue[None] = SimpleQueue()

    def begin(self) -> None:
        """Work, until nobody is left to be served."""
        # A daemon: nothing may wait for a store that hangs, nor at the process' end.
        threading.Thread(
            target=self._run, name="reconnecting_sse.keeper", daemon=True
        ).start()

    @property
    def is_alive(self) -> bool:
        """Whether it works."""
        return True

    is_here = is_alive

    def wake(self) -> None:
        """There is something to do; from any thread or signal handler."""
        self._bell.put(None)

    def _run(self) -> None:
        while not _ended(self._store, self, self._keeping):
            try:
                self._go_through(self._keeping.steps())
            except Exception as error:  # noqa: BLE001  (raised by those it served)
                self._keeping.break_down(error)

    def _go_through(self, steps: Steps) -> None:
        outcome: Any = None
        with suppress(StopIteration):
            while True:
                step = steps.send(outcome)
                if isinstance(step, Rest):
                    self._clock.wait(self._bell, step.seconds)
                    continue
                try:
                    outcome = step()
                except Exception as error:  # noqa: BLE001  (the keeping decides)
                    outcome = error


class TaskKeeper(_Keeper):
    """Makes the calls of a store that is awaited, in a task of its own."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Work, until nobody is left to be served."""
        self._task = self._loop.create_task(self._run(), name="reconnecting_sse.keeper")

    @property
    def is_alive(self) -> bool:
        """Whether it works: not once its event loop has ended it."""
        return self._task is not None and not self._task.done()

    @property
    def is_here(self) -> bool:
        """Whether it can serve whoever asks: on its own event loop only."""
        return self.is_alive and asyncio.get_running_loop() is self._loop

    def wake(self) -> None:
        """There is something to do; from any thread or signal handler."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._bell.set)

    async def _run(self) -> None:
        while not _ended(self._store, self, self._keeping):
            try:
                await self._go_through(self._keeping.steps())
            except asyncio.CancelledError:  # the event loop ends
                with _lock:
                    _strike(self._store, self)
                raise
            except Exception as error:  # noqa: BLE001  (raised by those it served)
                self._keeping.break_down(error)

    async def _go_through(self, steps: Steps) -> None:
        outcome: Any = None
        with suppress(StopIteration):
            while True:
                step = steps.send(outcome)
                if isinstance(step, Rest):
                    await self._rest(step.seconds)
                    continue
                try:
                    outcome = await step()
                except Exception as error:  # noqa: BLE001  (the keeping decides)
                    outcome = error

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        self._bell.clear()


Keeper = ThreadKeeper | TaskKeeper

_keepers: dict[int, Keeper] = {}  # those that work, by the identity of their stores
_lock = threading.Lock()


def _forget() -> None:
    """A child has no thread of its parent's, and whoever held the lock is not here."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _keepers.clear()


# Where nothing forks (on Windows) there is no such function, and nothing to do.
getattr(os, "register_at_fork", dict)(after_in_child=_forget)


def _ended(store: Store, keeper: Keeper, keeping: Keeping) -> bool:
    """Whether nobody is left to be served; from then on nobody finds the keeper."""
    with _lock:
        if keeping.duties:
            return False
        _strike(store, keeper)
        return True


def _strike(store: Store, keeper: Keeper) -> None:
    """Off the list, unless another has taken its place."""
    if _keepers.get(id(store)) is keeper:
        del _keepers[id(store)]


def served(store: Store, holding: Holding) -> Keeper:
    """Have a store's keeper serve a holding; there is one for all that ask here."""
    with _lock:
        keeper = _keepers.get(id(store))
        is_new = keeper is None or not keeper.is_here
        if keeper is None or is_new:
            keeper = TaskKeeper(store) if store.is_async else ThreadKeeper(store)
            _keepers[id(store)] = keeper
        keeper.admit(holding)
    if is_new:
        keeper.begin()
    return keeper
