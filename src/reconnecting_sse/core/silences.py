"""Silences between the bytes of a stream: what is normal for it."""

from __future__ import annotations

from collections import deque

_BURST = 0.5  # seconds: a shorter silence is within a burst, not between heartbeats
_ENOUGH = 3
_REMEMBERED = 16

NORMAL_FACTOR = 3.0
SHORTEST_NORMAL = 10.0
LONGEST_NORMAL = 300.0
"""Seconds: from here on nothing is known to be normal."""


class Silences:
    """The last silences that ended, as they were heard by somebody who listened."""

    def __init__(self) -> None:
        self._silences: deque[float] = deque(maxlen=_REMEMBERED)
        self._last: float | None = None

    def listening(self, now: float) -> None:
        """A read begins; the time since the last one was the reader's own."""
        self._last = now

    def arrived(self, now: float) -> bool:
        """Bytes came; whether a silence ended."""
        last, self._last = self._last, now
        if last is None or now - last < _BURST:
            return False
        self._silences.append(now - last)
        return True

    def add(self, seconds: float) -> None:
        """One that did not end, and was so long at least."""
        self._silences.append(seconds)

    def lasted(self, now: float) -> float:
        """How long the present one has."""
        return 0.0 if self._last is None else now - self._last

    @property
    def longest(self) -> float | None:
        """The longest of them; None while there are too few."""
        if len(self._silences) < _ENOUGH:
            return None
        return max(self._silences)

    @property
    def normal(self) -> float | None:
        """Three times the longest, or ten seconds; None where nothing is known."""
        longest = self.longest
        if longest is None:
            return None
        normal = max(NORMAL_FACTOR * longest, SHORTEST_NORMAL)
        return normal if normal <= LONGEST_NORMAL else None
