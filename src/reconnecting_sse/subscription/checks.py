"""What is asked about each event as it is handed over, of the caller's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.core.callers import ask, ask_whether
from reconnecting_sse.core.errors import shortened

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.dialect import Position, Predicate


@dataclass(frozen=True, slots=True)
class Checks:
    """The questions; each of them raises ``CallersError`` as ``ask`` does.

    Attributes:
        until: Whether it is the last one that is wanted.
        is_end: Whether the feed is over for good.
        is_gap: Whether it says that others were missed.
        position: The position after it, given the one before.
    """

    until: Predicate | None = None
    is_end: Predicate | None = None
    is_gap: Predicate | None = None
    position: Position | None = None

    @property
    def are_any(self) -> bool:
        """Whether there is anything to ask."""
        asked = (self.until, self.is_end, self.is_gap, self.position)
        return any(question is not None for question in asked)

    def tells_of_a_gap(self, event: ServerSentEvent) -> bool:
        """Ask about a gap."""
        return self.is_gap is not None and ask_whether(self.is_gap, event)

    def is_last(self, event: ServerSentEvent) -> bool:
        """Ask whether it is the last."""
        return any(
            question is not None and ask_whether(question, event)
            for question in (self.until, self.is_end)
        )

    def position_after(self, event: ServerSentEvent, before: str) -> str:
        """Ask where it leads."""
        if self.position is None:
            return before
        after = ask(self.position, event, before)
        if after is None:
            return before
        return ask(_checked, after)


def _checked(position: object) -> str:
    if not isinstance(position, str):
        raise TypeError(f"position= gives a str, or None, not {position!r}")
    try:
        position.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"position= gave {shortened(position)!a}, with half a surrogate pair:"
            " no store can keep it, nor a request carry it"
        ) from error
    return position
