"""The IDs that events had themselves, of late: a server may send some once more."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from httpxr.sse import ServerSentEvent

if TYPE_CHECKING:
    from collections.abc import Iterable


class IdentifiedEvent(ServerSentEvent):
    """An event whose block had an ``id`` of its own: others have the last one, too."""

    __slots__ = ()


def identified(event: ServerSentEvent) -> IdentifiedEvent:
    """The same, as one that had its ID itself."""
    return IdentifiedEvent(event.event, event.data, event.id, event.retry)


def own_id(event: ServerSentEvent | None) -> str | None:
    """The ID that an event had itself, if it had one."""
    return event.id if isinstance(event, IdentifiedEvent) and event.id else None


class RecentIds:
    """The last IDs that were handed over, and of them those that the store has.

    Args:
        count: How many; with 0 nothing is a duplicate.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._handed: deque[str] = deque()
        self._known: dict[str, int] = {}  # how often each is among them
        self._passed: deque[str] = deque(maxlen=count)

    def restore(self, ids: Iterable[str]) -> None:
        """Those of the last life come before all others."""
        others = list(self._handed)
        self._handed.clear()
        self._known.clear()
        for each in [*ids, *others]:
            self._hand(each)
        self._passed.extend(ids)

    def is_duplicate(self, event: ServerSentEvent) -> bool:
        """Whether its own ID was handed over of late; from now on it was."""
        known = own_id(event) if self._count else None
        if known is None:
            return False
        if known in self._known:
            return True
        self._hand(known)
        return False

    def _hand(self, each: str) -> None:
        self._handed.append(each)
        self._known[each] = self._known.get(each, 0) + 1
        if len(self._handed) > self._count:
            oldest = self._handed.popleft()
            self._known[oldest] -= 1
            if not self._known[oldest]:
                del self._known[oldest]

    def passed(self, event: ServerSentEvent | None) -> None:
        """The position has passed it."""
        known = own_id(event) if self._count else None
        if known is not None:
            self._passed.append(known)

    def after(self, events: Iterable[ServerSentEvent | None]) -> tuple[str, ...] | None:
        """What is to be kept once the position has passed these; None for nothing."""
        if not self._count:
            return None
        ids = [known for e in events if (known := own_id(e)) is not None]
        return (*self._passed, *ids)[-self._count :]
