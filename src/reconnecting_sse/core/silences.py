"""Silences between the bytes of a stream: what is normal for it."""

from __future__ import annotations

from collections import deque

BURST = 0.5
"""Seconds: a shorter silence is within a burst, not between heartbeats."""

NORMAL_FACTOR = 3.0
SHORTEST_NORMAL = 10.0
LONGEST_NORMAL = 300.0
"""Seconds: from here on nothing is known to be normal."""

_ENOUGH = 3
_REMEMBERED = 16


class Silences:
    """The last silences, in seconds; none is shorter than a ``BURST``.

    Attributes:
        longest: The longest of them; None while there are too few.
        normal: Three times that, or ten seconds; None where nothing is known.
    """

    __slots__ = ("_lengths", "longest", "normal")

    def __init__(self) -> None:
        self._lengths: deque[float] = deque(maxlen=_REMEMBERED)
        # Found once for each, and not when they are asked for: from another thread.
        self.longest: float | None = None
        self.normal: float | None = None

    def add(self, seconds: float) -> None:
        """One is over."""
        self._lengths.append(seconds)
        if len(self._lengths) >= _ENOUGH:
            self.longest = max(self._lengths)
            normal = max(NORMAL_FACTOR * self.longest, SHORTEST_NORMAL)
            self.normal = normal if normal <= LONGEST_NORMAL else None
