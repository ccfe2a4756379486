"""Care: when lives end before their events do, these are taken one by one.

A worker that is killed cannot say what it had in hand. So the life after it says so
beforehand, in the store, and counts: an event that was begun too often is poison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Claim


class Care:
    """Whether events are taken one by one, and how often each was begun so.

    Attributes:
        in_hand: The key of the event that is, and how often it was begun before.

    Args:
        claim: What the lives before have left.
        max_deliveries: How often an event is begun before it is poison.
        events: For how many events care lasts.
    """

    def __init__(self, claim: Claim, *, max_deliveries: int, events: int) -> None:
        # What shares its position with others comes again behind them: so it is not
        # forgotten when another is taken.
        self._begun = {} if claim.hand is None else {claim.hand: claim.begun}
        self._max_deliveries = max_deliveries
        self._left = events if claim.starts or claim.hand is not None else 0
        self.in_hand: tuple[str, int] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the next event is taken on its own."""
        return self._left > 0

    def was_begun(self, key: str) -> int:
        """How often lives before have begun it, as far as they said."""
        return self._begun.get(key, 0)

    def is_poison(self, key: str) -> bool:
        """Whether it was begun as often as is allowed, and ended none of the times."""
        return self.was_begun(key) >= self._max_deliveries

    def took(self, key: str) -> None:
        """It is begun once more."""
        times = self.was_begun(key)
        self.in_hand = key, times
        self._begun[key] = times + 1
        self._left -= 1

    def ended(self, key: str) -> None:
        """It is done, or put aside."""
        self._begun.pop(key, None)
        if self.in_hand is not None and self.in_hand[0] == key:
            self.in_hand = None
