"""Turns: where many subscriptions ask one host, each attempt waits for its own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse.exchange.urls import checked, origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconnecting_sse.exchange.urls import Origin

    Admit = Callable[[Origin], Awaitable[None]]
    Guard = Callable[[Awaitable[None]], Awaitable[Any]]


class Turns:
    """Those of one subscription, on the async face.

    Args:
        url: Its own.
        admit: Returns when another attempt at a host may begin, and counts it.
        guard: Awaits that, so that the subscription's signal ends it at once.
    """

    def __init__(self, url: str, admit: Admit, guard: Guard) -> None:
        self._home = origin(checked(url))
        self._admit = admit
        self._guard = guard
        self._is_due = False

    def used(self) -> bool:
        """Whether there was one, for the attempt that begins now."""
        is_due, self._is_due = self._is_due, False
        return is_due

    async def take(self) -> None:
        """Wait for one; after a signal there is none."""
        with suppress(httpxr.ReadError):  # the signal's: the driver sees it, too
            await self._guard(self._admit(self._home))
            self._is_due = True

    def elsewhere(self, host: Origin) -> Awaitable[None] | None:
        """Another, if the attempt was led away from home."""
        return None if host == self._home else self._admit(host)
