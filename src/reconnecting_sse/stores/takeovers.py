"""When a name was taken from owners that had not released it, as a row keeps that."""

from __future__ import annotations

WINDOW = 60.0
"""Seconds for which a takeover counts."""


def with_takeover(kept: str, now: float) -> str:
    """The recent ones and one more, as text."""
    # One from after now is of before the clock was put back, and would stay for ever.
    recent = [time for time in kept.split() if abs(now - float(time)) < WINDOW]
    return " ".join([*recent, f"{now:.3f}"])
