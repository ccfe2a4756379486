"""One timer for all that a wire waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Alarm:
    """Rings where a wait has taken too long.

    To arm a timer for each wait would cost more than all else that a few bytes cost.
    This one is left running when a wait ends: when it is due within a later wait, it
    is armed again for the end of that one.
    """

    __slots__ = ("_due_at", "_loop", "_ring", "_rings_at", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Known within a wait only: who waits knows this object.
        self._ring: Callable[[], object] | None = None
        self._rings_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0  # not every loop's timers tell

    def set(self, seconds: float | None, ring: Callable[[], object]) -> None:
        """A wait begins; ``ring`` is called if it lasts so long."""
        if seconds is None:
            self.off()
            return
        self._ring, self._rings_at = ring, self._loop.time() + seconds
        if self._timer is None or self._due_at > self._rings_at:
            self._arm()

    def off(self) -> None:
        """The wait is over."""
        self._ring = None

    def cancel(self) -> None:
        """Nobody will wait any more."""
        self._ring = None
        self._stop()

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _arm(self) -> None:
        self._stop()
        self._due_at = self._rings_at
        self._timer = self._loop.call_at(self._due_at, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._ring is None:
            return
        if self._rings_at > self._loop.time():
            self._arm()
        else:
            self._ring()
