"""How long a healthy stream is silent, learnt from the stream itself."""

from __future__ import annotations

from collections import deque

SHORTEST = 10.0
LONGEST = 300.0
"""Seconds between which a learnt timeout lies; the longest until one is learnt."""

_FACTOR = 3.0
_BURST = 0.5  # seconds: a shorter silence is within a burst, not between heartbeats
_ENOUGH = 3
_REMEMBERED = 16


class AdaptiveIdleTimeout:
    """Three times the longest of the last silences, within the bounds.

    Attributes:
        seconds: The timeout in force.
    """

    def __init__(self) -> None:
        self.seconds: float = LONGEST
        self._silences: deque[float] = deque(maxlen=_REMEMBERED)
        self._last = 0.0

    def listening(self, now: float) -> None:
        """A read begins; the time since the last one was the reader's own."""
        self._last = now

    def arrived(self, now: float) -> None:
        """Bytes came."""
        silence, self._last = now - self._last, now
        if silence >= _BURST:
            self._silences.append(silence)
            self._learn()

    def expired(self) -> None:
        """The timeout passed: the silence was longer than any before it."""
        self._silences.append(self.seconds)
        self._learn()

    def _learn(self) -> None:
        if len(self._silences) >= _ENOUGH:
            longest = _FACTOR * max(self._silences)
            self.seconds = min(max(longest, SHORTEST), LONGEST)
