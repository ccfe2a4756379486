"""What a member of a fleet sees of the others: a beat, and a look at who holds what.

The calls of a store that blocks are made in a thread of their own, a daemon: nothing
may wait for a store that hangs, neither the event loop nor the end of the process.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from reconnecting_sse.core.fleet import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from reconnecting_sse.core.claims import Place
    from reconnecting_sse.stores.store import Store

_Result = TypeVar("_Result")

View = tuple[tuple[Member, ...], dict[str, str]]
"""The members, and who holds a name, by name, where his lease runs."""


class Lookout:
    """Beats for one member of a fleet.

    Args:
        lease: Seconds for which a beat counts.
    """

    def __init__(self, store: Store, fleet: str, me: Member, lease: float) -> None:
        self._store = store
        self._lease = lease
        self._us = (fleet, str(me))

    async def look(self) -> View:
        """Beat, and look.

        Raises:
            StoreError: Either failed; the beat may have counted all the same.
        """
        store, words = self._store, (*self._us, self._lease)
        if store.is_async:
            return _view_of(await store.beat(*words), await store.places())
        return await in_thread(lambda: _view_of(store.beat(*words), store.places()))

    async def leave(self) -> None:
        """Be a member no more.

        Raises:
            StoreError: It failed; the last beat then runs out.
        """
        store, words = self._store, (*self._us, None)
        if store.is_async:
            await store.beat(*words)
        else:
            await in_thread(lambda: store.beat(*words))


def _view_of(members: Iterable[str], places: Iterable[Place]) -> View:
    holders = {
        place.name: place.owner
        for place in places
        if place.owner and place.lease is not None and place.lease > 0
    }
    return tuple(map(Member.of, members)), holders


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """What a function that blocks returns or raises; whoever is cancelled leaves it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result, failed = None, None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001  (raised in the loop)
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="reconnecting_sse.lookout", daemon=True).start()
    return await future


async def unless(
    stopping: asyncio.Event, coroutine: Coroutine[Any, Any, _Result]
) -> _Result | None:
    """What it gives; None if the event is set before: then it is broken off."""
    task = asyncio.create_task(coroutine, name="reconnecting_sse.fleet")
    stop = asyncio.create_task(stopping.wait(), name="reconnecting_sse.stop")
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stop.cancel()
