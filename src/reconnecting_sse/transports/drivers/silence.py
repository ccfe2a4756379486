"""The longest silence of a body, watched by one timer for all of its reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Silence:
    """Calls back where a reader has waited too long.

    To arm a timer for each wait would cost more than all else that a few bytes cost.
    This one is left running when a wait ends: when it is due within a later wait, it
    is armed again for the end of that one.
    """

    __slots__ = ("_deadline", "_due_at", "_loop", "_on_silence", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Known within a wait only: who waits knows this object.
        self._on_silence: Callable[[], object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0  # not every loop's timers tell
        self._deadline = 0.0

    def begin(self, seconds: float, on_silence: Callable[[], object]) -> None:
        """A wait begins; ``on_silence`` is called if it lasts so long."""
        self._on_silence = on_silence
        deadline = self._deadline = self._loop.time() + seconds
        if self._timer is None or self._due_at > deadline:
            self._arm(deadline)

    def end(self) -> None:
        """The wait is over."""
        self._on_silence = None

    def cancel(self) -> None:
        """Nobody will wait any more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _arm(self, deadline: float) -> None:
        self.cancel()
        self._timer, self._due_at = self._loop.call_at(deadline, self._due), deadline

    def _due(self) -> None:
        self._timer = None
        if self._on_silence is None:
            return
        if self._deadline > self._loop.time():
            self._arm(self._deadline)
        else:
            self._on_silence()
