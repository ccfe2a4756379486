"""The facts of a subscription's life, as they are logged and as listeners get them."""

from __future__ import annotations

from reconnecting_sse.core.lifecycle import (
    Attempt,
    Claimed,
    Closed,
    Connecting,
    Dropped,
    Gap,
    Lifecycle,
    Opened,
    Paused,
    Recovered,
    Resumed,
    StandingBy,
    Unplaced,
    Waiting,
)

__all__ = [
    "Attempt",
    "Claimed",
    "Closed",
    "Connecting",
    "Dropped",
    "Gap",
    "Lifecycle",
    "Opened",
    "Paused",
    "Recovered",
    "Resumed",
    "StandingBy",
    "Unplaced",
    "Waiting",
]
