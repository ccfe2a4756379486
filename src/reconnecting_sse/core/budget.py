"""How many attempts to connect a host is burdened with, whoever makes them."""

from __future__ import annotations

PER_SECOND = 10.0
"""Attempts a second: 500 feeds are all there again in less than a minute."""

BURST = 10
"""How many may begin at once, after a rest."""


class ConnectBudget:
    """Gives out moments at which attempts may begin: evenly, first come, first served.

    In any window of ``w`` seconds at most ``burst + per_second * w`` of them lie.

    Args:
        per_second: How many a second.
        burst: How many at once, after a rest.

    Raises:
        ValueError: A number has no meaning.
    """

    def __init__(self, per_second: float = PER_SECOND, burst: int = BURST) -> None:
        if not per_second > 0:  # nor NaN
            raise ValueError(
                f"attempts per second are more than none, not {per_second}"
            )
        if not burst >= 1:
            raise ValueError(f"a burst is a number, from 1, not {burst}")
        self._interval = 1.0 / per_second
        self._slack = (burst - 1) * self._interval
        self._full_at = 0.0  # when the next attempt would be on time

    def reserve(self, now: float) -> float:
        """The moment at which one more may begin: now, or later."""
        self._full_at = max(self._full_at, now) + self._interval
        return max(now, self._full_at - self._interval - self._slack)
