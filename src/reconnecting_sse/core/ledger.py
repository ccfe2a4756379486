"""The ledger: what was handed over, what of it is done, and what may be committed.

Pure: no clock, store or thread. What a keeper reads from beside the reader's own thread
is one tuple, replaced as a whole; so no two reads can disagree.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from math import inf
from operator import length_hint
from typing import TYPE_CHECKING, NamedTuple

from reconnecting_sse.core.claims import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.commits import CommitPolicy

NOT_IN_HAND = (
    "this event is not in hand: it was committed already, or is none of this source's"
)


class Ledger(ABC):
    """What the kinds of ledger have in common: what was committed, and what may wait.

    Positions are committed up to the *watermark*: the last one before the first event
    that is not done. Those that were handed over and are not done are *in hand*.

    Args:
        policy: How much may wait, and for how long.
    """

    def __init__(self, policy: CommitPolicy) -> None:
        self._policy = policy
        self._limit = min(policy.every or inf, policy.max_uncommitted)
        self._committed = 0
        self._waiting_since: float | None = None

    # ------------------------------------------------------------------ each its own

    @property
    @abstractmethod
    def handed(self) -> int:
        """How many events were handed over, and moves made."""

    @property
    @abstractmethod
    def in_hand(self) -> list[ServerSentEvent]:
        """The events that were handed over and are not done."""

    @abstractmethod
    def watermark(self) -> Mark:
        """How far everything is done; from any thread."""

    # ------------------------------------------------------------------ committing

    def mark(self) -> Mark | None:
        """What there is to commit, or None; from any thread."""
        mark = self.watermark()
        return mark if mark.seq > self._committed else None

    @property
    def has_news(self) -> bool:
        """Whether anything waits for the store; from any thread."""
        return self.mark() is not None

    def did_commit(self, mark: Mark, now: float) -> None:
        """The store has that."""
        self._committed = max(self._committed, mark.seq)
        self._waiting_since = now if self.has_news else None

    def waits(self, now: float) -> None:
        """Note, now and then, whether anything waits for the store."""
        if self._waiting_since is None and self.has_news:
            self._waiting_since = now

    def must_pause(self, now: float) -> bool:
        """Whether what is done has waited for too long."""
        since = self._waiting_since
        return since is not None and now - since > self._policy.max_delay

    def room(self) -> int:
        """How many events may be handed over before the store has taken some."""
        done = self._done()
        waiting, undone = done - self._committed, self.handed - done
        return int(min(self._limit - waiting, self._policy.max_uncommitted - undone))

    @property
    def uncommitted(self) -> int:
        """How many events and moves the store does not have."""
        return self.handed - self._committed

    @property
    def is_stuck(self) -> bool:
        """Whether no commit could make room: too much is in hand."""
        return self.handed - self._done() >= self._policy.max_uncommitted

    def _done(self) -> int:
        """How many events and moves are before the watermark."""
        return self.watermark().seq


class _Slice(NamedTuple):
    """Events that are being handed over by an iterator, and what was before them.

    Attributes:
        seq: How many were handed over before.
        position: The position then.
        settled: How many of these are done whatever the iterator says.
        is_batched: Whether taking one says nothing of those before.
    """

    seq: int
    position: str
    events: Sequence[ServerSentEvent]
    pending: Iterator[ServerSentEvent]
    settled: int = 0
    is_batched: bool = False

    @property
    def taken(self) -> int:
        return len(self.events) - length_hint(self.pending)

    @property
    def done(self) -> int:
        return self.settled if self.is_batched else max(self.taken - 1, self.settled)

    def position_after(self, count: int) -> str:
        return self.events[count - 1].id if count else self.position

    def after(self, count: int) -> _Slice:
        """What was before the others, once so many are done."""
        return _Slice(self.seq + count, self.position_after(count), (), iter(()))


class SliceLedger(Ledger):
    """For events that are done when the next one is asked for, by their own IDs.

    What is done is read from an iterator's place: handing an event over costs nothing.

    Attributes:
        is_batched: Whether several are handed over together.
    """

    def __init__(self, policy: CommitPolicy, position: str = "") -> None:
        super().__init__(policy)
        self.is_batched: bool = False
        self._slice = _Slice(0, position, (), iter(()))

    @property
    def in_hand(self) -> list[ServerSentEvent]:
        now = self._slice
        return list(now.events[now.done : now.taken])

    @property
    def handed(self) -> int:
        return self._slice.seq + self._slice.taken

    def watermark(self) -> Mark:
        now = self._slice
        done = now.done
        return Mark(now.seq + done, now.position_after(done))

    def _done(self) -> int:
        # Asked for each chunk, where a mark is made each second.
        now = self._slice
        return now.seq + now.done

    def mark_in_hand(self) -> Mark:
        """What is to be committed with the effects of what is in hand."""
        now = self._slice
        return Mark(self.handed, now.position_after(now.taken))

    def hand_out(self, events: Sequence[ServerSentEvent]) -> Iterator[ServerSentEvent]:
        """The next events, as the iterator to be handed over by."""
        before, kept = self._slice, self.in_hand
        done = before.done
        if kept:
            events = [*kept, *events]
        pending = iter(events)
        for _ in kept:
            next(pending)
        self._slice = _Slice(
            before.seq + done,
            before.position_after(done),
            events,
            pending,
            is_batched=self.is_batched,
        )
        return pending

    def put_back(self) -> list[ServerSentEvent]:
        """What was handed out and is not done, to be handed out once more."""
        now = self._slice
        self._slice = now.after(now.done)
        return list(now.events[now.done :])

    def settle(self) -> None:
        """What is in hand is done."""
        now = self._slice
        self._slice = _Slice(*now[:4], settled=now.taken, is_batched=now.is_batched)

    def done(self, event: ServerSentEvent) -> None:
        """The same, as the caller says it of one.

        Raises:
            ValueError: It is not in hand.
        """
        if not any(event is one for one in self.in_hand):
            raise ValueError(NOT_IN_HAND)
        if event is not self.in_hand[-1]:
            raise ValueError("a batch is done as one: commit its last event")
        self.settle()

    def moved(self, position: str) -> None:
        """The position moved without an event, after all that were handed over."""
        now = self._slice
        if position != now.position_after(now.taken) and not self.in_hand:
            self._slice = _Slice(self.handed + 1, position, (), iter(()))


class _Entry:
    """An event that was handed over, or a move of the position without one."""

    __slots__ = ("event", "is_done", "position")

    def __init__(self, event: ServerSentEvent | None, position: str) -> None:
        self.event: ServerSentEvent | None = event
        self.position: str = position
        self.is_done: bool = event is None


class EventLedger(Ledger):
    """For events one by one: done in any order, or with positions of a dialect.

    One thread at a time may change it; any may read the watermark.
    """

    def __init__(self, policy: CommitPolicy, position: str = "") -> None:
        super().__init__(policy)
        self._entries: deque[_Entry] = deque()
        self._undone: dict[int, _Entry] = {}
        self._watermark = Mark(0, position)
        self._handed = 0
        self._pending: Iterator[ServerSentEvent] = iter(())

    @property
    def in_hand(self) -> list[ServerSentEvent]:
        return [e.event for e in self._undone.values() if e.event is not None]

    @property
    def handed(self) -> int:
        return self._handed

    def watermark(self) -> Mark:
        return self._watermark

    def mark_in_hand(self) -> Mark:
        """What is to be committed with the effects of the event handed over last.

        Raises:
            ValueError: Events before it are not done.
        """
        if len(self._undone) > 1 and self._policy.mode == "manual":
            raise ValueError(
                "events before this one are not done, so its position cannot be"
                " committed with its effects: commit them first"
            )
        return Mark(self._handed, self._entries[-1].position)

    def hand_out(self, events: Sequence[ServerSentEvent]) -> Iterator[ServerSentEvent]:
        """The next events, as the iterator to be handed over by."""
        self._pending = iter(events)
        return self._pending

    def hand(self, event: ServerSentEvent, position: str) -> None:
        """One is handed over; the position is then this."""
        entry = self._undone[id(event)] = _Entry(event, position)
        self._entries.append(entry)
        self._handed += 1

    def put_back(self) -> list[ServerSentEvent]:
        """What was handed out and is not done, to be handed out once more."""
        left, self._pending = list(self._pending), iter(())
        if self._policy.mode == "manual":
            return left  # what is in hand is the caller's to commit
        again = self.in_hand
        self._entries = deque(entry for entry in self._entries if entry.is_done)
        self._handed -= len(again)
        self._undone.clear()
        return [*again, *left]

    def settle(self) -> None:
        """What is in hand is done."""
        for entry in self._undone.values():
            entry.is_done = True
        self._undone.clear()
        self._advance()

    def done(self, event: ServerSentEvent) -> None:
        """One is done.

        Raises:
            ValueError: It is not in hand.
        """
        entry = self._undone.pop(id(event), None)
        if entry is None:
            raise ValueError(NOT_IN_HAND)
        entry.is_done = True
        self._advance()

    def moved(self, position: str) -> None:
        """The position moved without an event, after all that were handed over."""
        last = self._entries[-1].position if self._entries else self._watermark.position
        if position != last:
            self._entries.append(_Entry(None, position))
            self._handed += 1
            self._advance()

    def _advance(self) -> None:
        seq, position = self._watermark.seq, self._watermark.position
        while self._entries and self._entries[0].is_done:
            seq, position = seq + 1, self._entries.popleft().position
        self._watermark = Mark(seq, position)
