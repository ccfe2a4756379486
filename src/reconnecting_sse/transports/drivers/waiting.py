"""What time it is for a wire that blocks, and how it waits for sockets.

One place, so that tests can own it, as ``subscription/clock.py`` is for what is above.
"""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

# One that needs no descriptor of its own, where there is one.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


def now() -> float:
    """Seconds of no meaning but their difference."""
    return time.monotonic()


def ready(socks: list[socket.socket], events: int, seconds: float | None) -> int:
    """Which events one of the sockets is ready for, once one is."""
    with _Selector() as selector:
        for sock in socks:
            selector.register(sock, events)
        found = 0
        for _, mask in selector.select(seconds):
            found |= mask
        return found
