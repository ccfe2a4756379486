"""What is looked at as each event is handed over: ``until``, and gaps it may tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.core.callers import ask_whether
from reconnecting_sse.core.lifecycle import Gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.lifecycle import Lifecycle

    Predicate = Callable[[ServerSentEvent], object]


@dataclass(frozen=True, slots=True)
class GapWatch:
    """Where a gap in the events shows, and who is told of it.

    Attributes:
        on_gap: Called with each ``Gap``, before the event that follows it.
        headers: Response headers that name the position resumed after; when the first
            one present differs from the last event ID that was sent, that is a gap.
        is_gap: Whether an event says by itself that others were missed. The event is
            handed over all the same.
    """

    on_gap: Callable[[Gap], object]
    headers: tuple[str, ...] = ("Mercure-Last-Event-ID",)
    is_gap: Predicate | None = None

    def __post_init__(self) -> None:
        if isinstance(self.headers, str):
            raise TypeError(f"headers= is a tuple of names: write ({self.headers!r},)")

    def hear(self, fact: Lifecycle) -> None:
        """Pass on the facts that are gaps."""
        if isinstance(fact, Gap):
            self.on_gap(fact)


@dataclass(frozen=True, slots=True)
class Checks:
    """The caller's questions about each event.

    Attributes:
        until: Whether it is the last one that is wanted.
        is_gap: Whether it says that others were missed.
    """

    until: Predicate | None = None
    is_gap: Predicate | None = None

    @property
    def are_any(self) -> bool:
        """Whether there is anything to look at."""
        return self.until is not None or self.is_gap is not None

    def tells_of_a_gap(self, event: ServerSentEvent) -> bool:
        """Ask about a gap; raises ``CallersError`` as ``ask_whether`` does."""
        return self.is_gap is not None and ask_whether(self.is_gap, event)

    def is_last(self, event: ServerSentEvent) -> bool:
        """Ask whether it is the last; raises as ``tells_of_a_gap`` does."""
        return self.until is not None and ask_whether(self.until, event)
