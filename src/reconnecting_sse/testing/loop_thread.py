"""An event loop in a thread of its own, for callers that block."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from typing import TypeVar

    _Result = TypeVar("_Result")

PATIENCE = 5.0
"""Seconds in which what was cancelled, or told to end, may do so."""

# What virtual time replaces: where its loop comes from, and how one waits for it.
new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop


def outcome(future: Future[_Result]) -> _Result:
    """What it comes to, in the thread that waits."""
    return future.result()


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="reconnecting_sse.application"
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """What it comes to; an exception in the waiting thread ends it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return outcome(future)
        except BaseException:
            future.cancel()
            raise

    def soon(self, callback: Callable[[], object]) -> None:
        """Call it there; from any thread or signal handler."""
        soon(self._loop, callback)

    def end(self) -> None:
        """Cancel what is left on the loop, stop it, and wait for the thread."""
        self.run(self._cancel())
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE)


def soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call it on a loop; from any thread or signal handler."""
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(callback)
