"""How long a healthy stream is silent, learnt from the stream itself."""

from __future__ import annotations

from reconnecting_sse.core.silences import Silences

SHORTEST = 10.0
LONGEST = 300.0
"""Seconds between which a learnt timeout lies; the longest until one is learnt."""

_FACTOR = 3.0


class AdaptiveIdleTimeout:
    """Three times the longest of the last silences, within the bounds.

    Attributes:
        seconds: The timeout in force.
    """

    def __init__(self) -> None:
        self.seconds: float = LONGEST
        self._silences = Silences()

    def listening(self, now: float) -> None:
        """A read begins; the time since the last one was the reader's own."""
        self._silences.listening(now)

    def arrived(self, now: float) -> None:
        """Bytes came."""
        if self._silences.arrived(now):
            self._learn()

    def expired(self) -> None:
        """The timeout passed: the silence was longer than any before it."""
        self._silences.add(self.seconds)
        self._learn()

    def _learn(self) -> None:
        longest = self._silences.longest
        if longest is not None:
            self.seconds = min(max(_FACTOR * longest, SHORTEST), LONGEST)
