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
    """

    __slots__ = ("_discarded", "pending")

    def __init__(self) -> None:
        self.pending: Iterator[ServerSentEvent] = iter(())
        self._discarded = 0

    def put_back(self, event: ServerSentEvent) -> None:
        """The event was not handed over after all."""
        self.pending = iter([event, *self.pending])

    def discard(self) -> None:
        """Nobody will be handed what is left."""
        self._discarded += length_hint(self.pending)
        self.pending = iter(())

    @property
    def withheld(self) -> int:
        """How many of all events were not handed over: not yet, or never."""
        return self._discarded + length_hint(self.pending)
