"""What a keeper is to do once: begin, end or abort a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Mark


@dataclass(eq=False, slots=True)
class Errand:
    """One errand, and what came of it.

    Attributes:
        transaction: The store's, for all but a beginning.
        mark: What is to be committed, for an end.
        outcome: What the store gave, or the error.
        is_done: Whether it did.
        is_dropped: Whether whoever wanted it has left.
    """

    kind: Literal["begin", "end", "abort"]
    transaction: Any = None
    mark: Mark | None = None
    outcome: Any = None
    is_done: bool = False
    is_dropped: bool = False

    def came_to(self, outcome: Any) -> None:
        """Take what came of it."""
        self.outcome, self.is_done = outcome, True
