"""A worker's ledger: each event that it took, and how far all of them are done.

Pure, as all ledgers. One lock guards it, its owner's: the reader, the handlers and the
keeper call it in turns.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import replace
from itertools import islice, takewhile
from operator import attrgetter
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.ledger import Ledger
from reconnecting_sse.core.recent import RecentIds, own_id

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.claims import DeadLetter, Recalled
    from reconnecting_sse.core.commits import CommitPolicy


_NOTHING = Beside()


class Delivery:
    """An event on its way through a worker.

    Attributes:
        position: The position after it.
        ordinal: How many events came since the position moved there; that which moved
            it is number 0.
        lane: What it keeps its order with; None for nothing.
        is_placed: Whether its position is its own: the next life will know it by that.
        is_done: Whether it was handled, or need not be.
        is_ahead: Whether the store has it among those that are ahead.
        letter: The dead letter that it was.
        attempts: How often a handler was tried with it.
        begun_at: When a handler took it, by the caller's clock.
    """

    __slots__ = (
        *("_key", "attempts", "begun_at", "event", "is_ahead", "is_done"),
        *("is_placed", "lane", "letter", "ordinal", "position"),
    )

    def __init__(
        self,
        event: ServerSentEvent | None,
        position: str,
        ordinal: int = 0,
        *,
        key: str | None = None,
    ) -> None:
        self.event: ServerSentEvent | None = event
        self.position: str = position
        self.ordinal: int = ordinal
        self._key = key
        self.is_placed: bool = not ordinal
        self.lane: Hashable = None
        self.is_done: bool = False
        self.is_ahead: bool = False
        self.letter: DeadLetter | None = None
        self.attempts: int = 0
        self.begun_at: float = 0.0

    @property
    def key(self) -> str:
        """Which event it is, the same in each life: an ID alone may be of several."""
        if self._key is None:
            self._key = _key_of(self.event, self.position, self.ordinal)
        return self._key


def _key_of(event: ServerSentEvent | None, position: str, ordinal: int) -> str:
    """Where it is; and what, where another may be in the same place in another life."""
    if not ordinal or event is None:
        return f"{ordinal}:{position}"
    said = f"{event.event}\n{event.data}".encode(errors="surrogatepass")
    return f"{ordinal}.{hashlib.sha256(said).hexdigest()[:12]}:{position}"


class Barrier(Delivery):
    """A place that nothing behind it is committed past, before it is lifted.

    Attributes:
        keys: Of the deliveries that were handled before it, ahead of the position.
    """

    __slots__ = ("keys",)

    def __init__(self, position: str) -> None:
        super().__init__(None, position)
        self.keys: list[str] = []


class WorkLedger(Ledger):
    """For a worker: events are done in any order, and some in transactions.

    ``closing`` gives the mark that is recorded together with an event's effects, or
    with its dead letter; ``closed`` says that this has happened. What is done without
    any such thing is ``finished``, and its position goes with the next plain commit.

    Attributes:
        last: The delivery that was made last.
        recent: The IDs that events had themselves, for deduplication.
    """

    def __init__(
        self, policy: CommitPolicy, position: str = "", *, deduplicate: int = 0
    ) -> None:
        super().__init__(policy)
        self._entries: deque[Delivery] = deque()
        self._handed = 0
        self._position = position  # the watermark's
        self._passed = 0  # how many entries it has passed
        self._kept = 0  # and of them, how many the store has
        # Each mark has a number of its own. A plain one has that of the last advance:
        # below those of all closings since, so that none of them finds it taken.
        self._numbers = 0
        self._advance_number = 0
        self._reach: dict[int, int] = {}  # by number, what is kept once it is recorded
        self._last_position = position
        self._ordinal = 0
        self._ahead: frozenset[str] = frozenset()
        self._not_ahead: list[str] = []  # passed, and not deleted yet
        self.recent: RecentIds = RecentIds(deduplicate)
        self.last: Delivery | None = None
        self._pending: Iterator[ServerSentEvent] = iter(())

    # ------------------------------------------------------------------ as every ledger

    @property
    def handed(self) -> int:
        return self._handed

    @property
    def in_hand(self) -> list[ServerSentEvent]:
        entries = self._entries
        return [e.event for e in entries if e.event is not None and not e.is_done]

    @property
    def position(self) -> str:
        """What a new life would resume after, once it is committed."""
        return self._position

    def watermark(self) -> Mark:
        return Mark(self._advance_number, self._position)

    @property
    def has_news(self) -> bool:
        return self._passed != self._kept

    def mark(self) -> Mark | None:
        if not self.has_news:
            return None
        number = self._advance_number
        self._reach[number] = self._passed
        return Mark(number, self._position, self._beside(_NOTHING))

    def did_commit(self, mark: Mark, now: float) -> None:
        """The store has that."""
        self._kept = max(self._kept, self._reach.get(mark.seq, 0))
        self._reach = {n: reach for n, reach in self._reach.items() if n > mark.seq}
        if mark.beside is not None and mark.beside.passed:
            deleted = frozenset(mark.beside.passed)
            self._not_ahead = [key for key in self._not_ahead if key not in deleted]
        self._waiting_since = now if self.has_news else None

    def room(self) -> int:
        """How many events may be handed over before the store has taken some."""
        room = self._policy.max_uncommitted - self.uncommitted
        if self._policy.every is None:
            return room
        return min(room, self._policy.every - (self._passed - self._kept))

    @property
    def uncommitted(self) -> int:
        return self._handed - self._kept

    is_stuck = False  # whoever is at it will be done, or is reported as stalled

    def hand_out(self, events: Sequence[ServerSentEvent]) -> Iterator[ServerSentEvent]:
        """The next events, as the iterator to be handed over by."""
        self._pending = iter(events)
        return self._pending

    def put_back(self) -> list[ServerSentEvent]:
        """What was handed out and not over, to be handed out once more."""
        left, self._pending = list(self._pending), iter(())
        return left

    # ------------------------------------------------------------------ the reader's

    def hand(self, event: ServerSentEvent, position: str) -> None:
        """One is handed over; the position is then this."""
        if position == self._last_position and own_id(event) != position:
            self._ordinal += 1
        else:
            self._last_position, self._ordinal = position, 0
        self.last = delivery = Delivery(event, position, self._ordinal)
        self._entries.append(delivery)
        self._handed += 1
        if self._ahead and delivery.key in self._ahead:
            self._was_ahead(delivery)

    def resumed(self) -> None:
        # What has no position of its own is counted anew: it may be the same again.
        self._ordinal = 0

    def moved(self, position: str) -> None:
        """The position moved without an event, after all that were handed over."""
        if position != self._last_position:
            self._last_position, self._ordinal = position, 0
            self._add(Barrier(position), is_done=True)

    def barrier(self) -> Barrier:
        """Nothing behind this is committed, until it is lifted."""
        return self._add(Barrier(self._last_position), is_done=False)

    def _add(self, barrier: Barrier, *, is_done: bool) -> Barrier:
        barrier.is_done = is_done
        self._entries.append(barrier)
        self._handed += 1
        self._advance()
        return barrier

    def lift(self, barrier: Barrier) -> None:
        """What is behind it may be committed."""
        self.finished([barrier])

    def remember(self, recalled: Recalled) -> None:
        """What the last life has left: some events are done already."""
        self._ahead = recalled.ahead
        self.recent.restore(recalled.recent)
        for delivery in list(self._entries):
            if delivery.key in self._ahead:
                self._was_ahead(delivery)

    def is_done_ahead(self, key: str) -> bool:
        """Whether the last life has done it, ahead of the position."""
        return key in self._ahead

    def _was_ahead(self, delivery: Delivery) -> None:
        delivery.is_ahead = True
        self.finished([delivery])

    # ------------------------------------------------------------------ the handlers'

    def finished(self, deliveries: Sequence[Delivery]) -> None:
        """They are done, and no more is known of it than that."""
        for delivery in deliveries:
            delivery.is_done = True
        self._advance()

    def closing(
        self, deliveries: Sequence[Delivery], *, buried: tuple[DeadLetter, ...] = ()
    ) -> Mark:
        """What is recorded together with their effects, if it all succeeds.

        Of those that are next in order that is the position after them; of others,
        that they are ahead, where they have a place; of dead letters that are handled,
        that they are settled.
        """
        again = {letter.key for letter in buried}
        keys = tuple(d.key for d in deliveries if d.letter is not None)
        beside = Beside(buried=buried, settled=tuple(k for k in keys if k not in again))
        taken = [d for d in deliveries if d.letter is None]
        if not self._are_next(taken):
            ahead = tuple(d.key for d in taken if d.is_placed)
            return Mark(0, None, replace(beside, ahead=ahead))
        passed = [*taken, *self._done_after(len(taken))]
        number = self._numbered(self._passed + len(passed))
        return Mark(number, passed[-1].position, self._beside(beside, passed))

    def closed(self, deliveries: Sequence[Delivery], mark: Mark) -> None:
        """It did succeed."""
        ahead = () if mark.beside is None else mark.beside.ahead
        for delivery in deliveries:
            delivery.is_ahead = delivery.key in ahead
        self.finished([d for d in deliveries if d.letter is None])

    def taking(self, key: str, begun: int, *, is_start: bool) -> Mark:
        """Commit what is done, and take another in hand."""
        beside = Beside(is_start=is_start, hand=key, begun=begun)
        if not self.has_news:
            return Mark(0, None, beside)
        number = self._numbered(self._passed)
        return Mark(number, self._position, self._beside(beside))

    # ------------------------------------------------------------------ the watermark

    def _advance(self) -> None:
        entries, passed = self._entries, self._passed
        while entries and entries[0].is_done:
            delivery = entries.popleft()
            self._passed += 1
            self._position = delivery.position
            self._not_ahead += _keys_ahead(delivery)
            self.recent.passed(delivery.event)
        if self._passed > passed:
            self._numbers += 1
            self._advance_number = self._numbers

    def _are_next(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether nothing undone is before them."""
        pairs = zip(deliveries, self._entries, strict=False)
        enough = 0 < len(deliveries) <= len(self._entries)
        return enough and all(mine is entry for mine, entry in pairs)

    def _done_after(self, count: int) -> Iterator[Delivery]:
        """What is done already of what follows the first so many."""
        return takewhile(_is_done, islice(self._entries, count, None))

    def _numbered(self, reach: int) -> int:
        """The number of a mark of its own, which reaches so far."""
        self._numbers += 1
        self._reach[self._numbers] = reach
        return self._numbers

    def _beside(self, beside: Beside, passing: Sequence[Delivery] = ()) -> Beside:
        """The same, and what goes with each position."""
        keys = [key for delivery in passing for key in _keys_ahead(delivery)]
        passed = (*self._not_ahead, *keys)
        return replace(
            beside, passed=passed, recent=self.recent.after(d.event for d in passing)
        )


_is_done = attrgetter("is_done")


def _keys_ahead(delivery: Delivery) -> list[str]:
    if isinstance(delivery, Barrier):
        return delivery.keys
    return [delivery.key] if delivery.is_ahead else []
