"""How much all workers of a process may ask of each host; attempts wait in line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reconnecting_sse.core.budget import ConnectBudget
from reconnecting_sse.subscription import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Hashable

MANY = 64
"""So many hosts are remembered before it is looked which of them need not be."""


class HostBudgets:
    """A budget of attempts for each host, made when it is first asked.

    Args:
        per_second: How many attempts a second at one host.
        burst: How many at once, after a rest.

    Raises:
        ValueError: A number has no meaning.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        ConnectBudget(per_second, burst)  # refuses what has no meaning
        self._numbers = (per_second, burst)
        self._clock = clocks.CLOCK
        self._lines: dict[Hashable, _Line] = {}
        self._many = MANY

    async def admit(self, host: Hashable) -> None:
        """Return when another attempt may begin there: first come, first served.

        A cancellation gives the place in the line to the next one.
        """
        line = self._lines.get(host) or self._new_line(host)
        line.length += 1
        try:
            async with line.head:
                while (seconds := line.budget.begin(self._clock.now())) > 0:
                    await self._clock.sleep(seconds)
        finally:
            line.length -= 1

    def _new_line(self, host: Hashable) -> _Line:
        if len(self._lines) >= self._many:
            self._forget()
        line = self._lines[host] = _Line(ConnectBudget(*self._numbers))
        return line

    def _forget(self) -> None:
        """Redirects may lead to other hosts for ever: those that rest are left."""
        now = self._clock.now()
        self._lines = {h: line for h, line in self._lines.items() if line.is_busy(now)}
        self._many = max(MANY, 2 * len(self._lines))


class _Line:
    """Who waits for one host: the first of them for time to pass, the others for him.

    Attributes:
        head: Whoever has it is the first.
        length: How many there are.
    """

    def __init__(self, budget: ConnectBudget) -> None:
        self.budget = budget
        self.head: asyncio.Lock = asyncio.Lock()
        self.length: int = 0

    def is_busy(self, now: float) -> bool:
        """Whether it makes a difference to a new one."""
        return self.length > 0 or not self.budget.is_rested(now)
