"""Events that were decoded and not yet handed over."""

from __future__ import annotations

from operator import length_hint
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpxr.sse import ServerSentEvent


class EventQueue:
    """What awaits its reader. It outlives his iterators: leaving a loop loses nothing.

    Attributes:
        pending: The events; to take one is to be handed it.
        in_hand: The one taken that the caller's questions are asked about: not handed
            over before they are answered.
        discarded: How many nobody will be handed.
    """

    __slots__ = ("discarded", "in_hand", "pending")

    def __init__(self) -> None:
        self.pending: Iterator[ServerSentEvent] = iter(())
        self.in_hand: ServerSentEvent | None = None
        self.discarded: int = 0

    def discard(self) -> None:
        """Nobody will be handed what is left."""
        self.discarded += length_hint(self.pending)
        self.pending = iter(())

    def withdraw(self) -> None:
        """Nor what is in hand."""
        if self.in_hand is not None:
            self.in_hand = None
            self.discarded += 1

    @property
    def withheld(self) -> int:
        """How many of all events were not handed over: not yet, or never."""
        pending = length_hint(self.pending) + (self.in_hand is not None)
        return self.discarded + pending
