"""What a keeper is to do once: for a transaction, or for a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.claims import Claim, Mark


@dataclass(eq=False, slots=True)
class Errand:
    """One errand, and what came of it.

    Attributes:
        transaction: The store's, for an end and an abort.
        mark: What is to be committed, for an end and a record.
        claim: The one that a transaction was begun with.
        settle: Called once it is committed: what is done by it; else what is in hand.
        is_first: Whether it comes before anything is begun: there is no need to wait
            for it once nothing is to be begun.
        bell: Called when something came of it, from any thread.
        outcome: What the store gave, or the error.
        is_done: Whether it did.
        is_dropped: Whether whoever wanted it has left.
    """

    kind: Literal["begin", "end", "abort", "record", "recall"]
    transaction: Any = None
    mark: Mark | None = None
    claim: Claim | None = None
    settle: Callable[[], object] | None = None
    is_first: bool = False
    bell: Callable[[], object] = bool
    outcome: Any = None
    is_done: bool = False
    is_dropped: bool = False

    def came_to(self, outcome: Any) -> None:
        """Take what came of it."""
        self.outcome, self.is_done = outcome, True
        self.bell()
