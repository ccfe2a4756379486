"""The IDs that events had themselves, of late: a server may send some once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httpxr.sse import ServerSentEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
        self._handed: dict[str, None] = {}
        self._passed: dict[str, None] = {}

    def restore(self, ids: Iterable[str]) -> None:
        """Those of the last life come before all others."""
        self._passed = self._last([*ids, *self._passed])
        self._handed = self._last([*ids, *self._handed])

    def is_duplicate(self, event: ServerSentEvent) -> bool:
        """Whether its own ID was handed over of late; from now on it was."""
        known = own_id(event)
        is_known = known in self._handed
        self._add(self._handed, known)
        return is_known

    def passed(self, event: ServerSentEvent | None) -> None:
        """The position has passed it."""
        self._add(self._passed, own_id(event))

    def after(self, events: Iterable[ServerSentEvent | None]) -> tuple[str, ...] | None:
        """What is to be kept once the position has passed these; None for nothing."""
        if not self._count:
            return None
        ids = (known for e in events if (known := own_id(e)) is not None)
        return tuple(self._last([*self._passed, *ids]))

    def _add(self, ids: dict[str, None], known: str | None) -> None:
        """It is the last of them; the first one goes, if they are too many."""
        if known is not None and self._count:
            ids.pop(known, None)
            ids[known] = None
            if len(ids) > self._count:
                del ids[next(iter(ids))]

    def _last(self, ids: Sequence[str]) -> dict[str, None]:
        """The last ones, each once."""
        last = list(dict.fromkeys(reversed(ids)))[: self._count]
        return dict.fromkeys(reversed(last))
