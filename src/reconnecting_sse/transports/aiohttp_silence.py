"""The longest silence of a body, watched by one timer for all of its reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    import aiohttp


class SilenceError(TimeoutError):
    """Nothing came for as long as the reader would wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing came for {seconds} s")
        self.seconds = seconds


class Silence:
    """Wakes a reader that has waited too long.

    To arm a timer for each wait would cost more than all else that a few bytes cost.
    This one is left running when a wait ends: when it is due within a later wait, it
    is armed again for the end of that one.

    It knows neither the body nor its wire: the loop keeps it, and would keep them.
    """

    def __init__(
        self, content: aiohttp.StreamReader, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._content = content
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0  # not every loop's timers tell
        self._deadline: float | None = None
        self._seconds = 0.0
        self._bytes_before = 0

    def begin(self, seconds: float | None) -> None:
        """A wait begins that may last so long."""
        if seconds is None:
            return
        self._seconds, self._bytes_before = seconds, self._content.total_bytes
        deadline = self._deadline = self._loop.time() + seconds
        if self._timer is None or self._due_at > deadline:
            self._arm(deadline)

    def end(self) -> None:
        """The wait is over."""
        self._deadline = None

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
        if self._deadline is None:
            return
        if self._deadline > self._loop.time():
            self._arm(self._deadline)
        elif self._content.total_bytes == self._bytes_before:
            # Else bytes came first, and the reader is only late to take them.
            self._content.set_exception(SilenceError(self._seconds))
