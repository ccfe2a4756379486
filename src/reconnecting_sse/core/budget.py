"""How many attempts to connect a host is burdened with, whoever makes them."""

from __future__ import annotations

from math import inf, isfinite

PER_SECOND = 10.0
"""Attempts a second, and so TLS handshakes: of a millisecond each they are a hundredth
of one of the server's cores; and 500 feeds are all there again within 50 s."""

BURST = 10
"""How many may begin at once, after a rest: few feeds never wait."""


class ConnectBudget:
    """Says for how long an attempt has to wait before it begins.

    Over any ``w`` seconds no more than ``burst + per_second * w`` begin, however late
    somebody comes back from his wait. Whoever was late has not delayed those after him,
    while there is a burst; whoever does not come back has taken nothing.

    Args:
        per_second: How many a second.
        burst: How many at once, after a rest.

    Raises:
        ValueError: A number has no meaning.
    """

    def __init__(self, per_second: float = PER_SECOND, burst: int = BURST) -> None:
        if not (per_second > 0 and isfinite(per_second)):  # nor NaN
            raise ValueError(
                f"attempts per second are more than none, not {per_second}"
            )
        if not burst >= 1:
            raise ValueError(f"a burst is a number of attempts, from 1, not {burst}")
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._even_at = -inf  # when the last one would have begun, had all been even

    def begin(self, now: float) -> float:
        """Begin one, which is to give 0; or the seconds after which to ask again."""
        next_at = self._even_at + self._interval
        if (early := next_at - self._slack - now) > 0:
            return early
        self._even_at = max(next_at, now)
        return 0.0

    def is_rested(self, now: float) -> bool:
        """Whether a whole burst may begin: nothing is to be remembered."""
        return self._even_at + self._interval <= now
