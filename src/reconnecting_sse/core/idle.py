"""How long a silence is allowed, learnt from the stream itself."""

from __future__ import annotations

from reconnecting_sse.core.silences import Silences

SHORTEST = 10.0
LONGEST = 300.0
"""Seconds between which a learnt timeout lies; the longest until one is learnt."""

_FACTOR = 3.0


class AdaptiveIdleTimeout:
    """Three times the longest of the last silences, within the bounds.

    It grows with each silence that it has cut: what it allows is not what is normal.

    Attributes:
        seconds: The timeout in force.
    """

    def __init__(self) -> None:
        self.seconds: float = LONGEST
        self._silences = Silences()

    def heard_after(self, silence: float) -> None:
        """Bytes came after a silence that was no burst's."""
        self._silences.add(silence)
        longest = self._silences.longest
        if longest is not None:
            self.seconds = min(max(_FACTOR * longest, SHORTEST), LONGEST)

    def expired(self) -> None:
        """The timeout passed: the silence was longer than any before it."""
        self.heard_after(self.seconds)
