"""Lanes: what waits for a handler, in order for each key."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reconnecting_sse.core.deliveries import Delivery


class Lanes:
    """Gives out deliveries: those of one key one after the other, others as they come.

    Attributes:
        in_hand: How many wait or are being handled.
    """

    def __init__(self) -> None:
        self.in_hand: int = 0
        self._ready: deque[Delivery] = deque()
        self._behind: dict[Hashable, deque[Delivery]] = {}

    def add(self, delivery: Delivery) -> None:
        """One more; behind all others of its lane, if it is of any."""
        lane = delivery.lane
        if lane is None:
            self._ready.append(delivery)
        elif lane in self._behind:
            self._behind[lane].append(delivery)
        else:
            self._behind[lane] = deque()
            self._ready.append(delivery)
        self.in_hand += 1  # last: a key may have no hash

    def take(self, count: int) -> list[Delivery]:
        """Up to so many that can be handled now, and are not given out again."""
        ready = self._ready
        if count == 1:  # nearly always
            return [ready.popleft()] if ready else []
        return [ready.popleft() for _ in range(min(count, len(ready)))]

    def give_back(self, taken: list[Delivery]) -> None:
        """They were not handled after all: they come first."""
        self._ready.extendleft(reversed(taken))

    @property
    def are_ready(self) -> bool:
        """Whether something can be handled now."""
        return bool(self._ready)

    def finished(self, delivery: Delivery) -> None:
        """It is handled, or will not be: the next of its lane can be."""
        self.in_hand -= 1
        lane = delivery.lane
        if lane is None:
            return
        behind = self._behind[lane]
        if behind:
            self._ready.append(behind.popleft())
        else:
            del self._behind[lane]

    def drop(self) -> None:
        """Forget all that waits."""
        self.in_hand -= len(self._ready) + sum(map(len, self._behind.values()))
        for delivery in self._ready:
            self._behind.pop(delivery.lane, None)
        self._ready.clear()
        for behind in self._behind.values():
            behind.clear()
