"""Time, as everything in a subscription has it: one place, so that tests can own it."""

from __future__ import annotations

import asyncio
import threading
import time
from queue import Empty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

_SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The system's. Another one may be put in its place, in ``CLOCK``.

    Attributes:
        now: Seconds of no meaning but their difference.
        wall: POSIX seconds.
    """

    # The functions themselves: they are asked several times for each chunk.
    now: Callable[[], float] = staticmethod(time.monotonic)
    wall: Callable[[], float] = staticmethod(time.time)

    def boot(self) -> float:
        """As ``now``, and it goes on while the machine is suspended, where it can."""
        return time.clock_gettime(_SINCE_BOOT)

    def wait(self, bell: SimpleQueue[None], seconds: float | None) -> bool:
        """Block until the bell rings, for so long at the most; whether it did."""
        limit = None if seconds is None else max(min(seconds, threading.TIMEOUT_MAX), 0)
        try:
            bell.get(timeout=limit)
        except Empty:
            return False
        return True

    async def sleep(self, seconds: float) -> None:
        """Let time pass, on the event loop."""
        await asyncio.sleep(max(seconds, 0.0))


CLOCK = Clock()
