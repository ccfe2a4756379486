"""The desk: what a worker's reader, its handlers and its keeper share.

One lock guards it, the holding's. Who has nothing to do leaves a bell, and is rung.
"""

from __future__ import annotations

from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.deliveries import Delivery, WorkLedger
from reconnecting_sse.core.lanes import Lanes
from reconnecting_sse.core.work_facts import Replaying
from reconnecting_sse.subscription import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconnecting_sse.core.care import Care
    from reconnecting_sse.core.claims import DeadLetter
    from reconnecting_sse.subscription.holding import Holding
    from reconnecting_sse.workers.options import WorkOptions
    from reconnecting_sse.workers.telling import Teller

    Bell = Callable[[], object]


class Desk:
    """Events go over it from the reader to the handlers.

    Attributes:
        options: The worker's keywords.
        holding: What it holds of the durable name.
        care: Whether events are taken one by one; None before the first one.
        error: What ended it.
        halt: Has the reader read no more.
        wake: Has the keeper look again.
        cleared: Called once all is out of hand, and nothing more comes.
        is_stopping: Whether nothing more is to be begun.
        is_ending: Whether nothing more comes: what waits is begun all the same.
        left: How many events were given up between two attempts.
        buried: How many were put aside.
    """

    def __init__(self, options: WorkOptions, holding: Holding, teller: Teller) -> None:
        self.options = options
        self.holding = holding
        self.teller = teller
        self.clock = clocks.CLOCK
        self.care: Care | None = None
        self.error: BaseException | None = None
        self.halt: Callable[[], object] = bool
        self.wake: Callable[[], object] = bool
        self.cleared: Callable[[], object] = bool
        self.is_stopping: bool = False
        self.is_ending: bool = False
        self.left: int = 0
        self.buried: int = 0
        self._lanes = Lanes()
        self._begun: set[Delivery] = set()
        self._idle: dict[Bell, None] = {}  # in the order in which they fell idle
        self._bells: list[Bell] = []
        self._readers: list[Bell] = []
        self._replayed: set[str] = set()
        self._room = options.room
        self._key = options.key if options.concurrency > 1 else None
        self._count = options.batch or 1
        self._leased = holding.durability.lease is not None

    @property
    def ledger(self) -> WorkLedger:
        """What was handed over; there is one once the claim is made."""
        ledger = self.holding.ledger
        assert isinstance(ledger, WorkLedger)
        return ledger

    # ------------------------------------------------------------------ the reader's

    @property
    def is_over(self) -> bool:
        """Whether the reader is to read no more."""
        has_failed = self.error is not None or self.holding.error is not None
        return self.is_stopping or has_failed

    @property
    def is_full(self) -> bool:
        """Whether so much is in hand that nothing more is to be read."""
        return self._lanes.in_hand >= (1 if self.is_careful else self._room)

    @property
    def is_careful(self) -> bool:
        """Whether events are taken one by one."""
        return self.care is not None and self.care.is_due

    def take_over(self, event: ServerSentEvent) -> None:
        """An event was read: it waits for a handler, unless it is done already."""
        ledger = self.ledger
        delivery = ledger.last
        assert delivery is not None
        with self.holding.lock:
            is_duplicate = ledger.recent.is_duplicate(event)
            if is_duplicate and not delivery.is_done:
                ledger.finished([delivery])
        if not delivery.is_done:
            self.add(delivery)

    def add(self, delivery: Delivery) -> None:
        """One waits for a handler, unless nothing more is to come."""
        assert delivery.event is not None
        delivery.lane = None if self._key is None else self._key(delivery.event)
        with self.holding.lock:
            if not self.is_ending:
                self._lanes.add(delivery)
                self._ring_idle()

    def _ring_idle(self) -> None:
        for ring in self._idle:
            del self._idle[ring]
            ring()
            break

    def replay(self, letters: Sequence[DeadLetter]) -> None:
        """Dead letters are to be handed over once more; from the keeper."""
        if self.care is None or self.is_careful or self.is_over or self.is_ending:
            return  # it will say so again
        try:
            for letter in letters:
                if letter.key not in self._replayed:
                    self._replayed.add(letter.key)
                    self.teller.tell(Replaying, key=letter.key)
                    self.add(_delivery_of(letter))
        except Exception as error:  # noqa: BLE001  (the caller's key, or logger)
            self.fail(error)

    # ------------------------------------------------------------------ the handlers'

    def take(self, bell: Bell) -> list[Delivery] | None:
        """What is to be handled next; nothing, and the bell is rung; None: no more."""
        with self.holding.lock:
            self._idle.pop(bell, None)
            if self.is_over:
                return None
            found = self._lanes.take(1 if self.is_careful else self._count)
            if found and not self._may_begin():
                self._lanes.give_back(found)
                found = []
            if found:
                now = self.clock.now()
                for delivery in found:
                    delivery.begun_at = now
                self._begun.update(found)
            elif self.is_ending and not self._lanes.in_hand:
                return None
            else:
                self._idle[bell] = None
                self._ring_readers()
            return found

    def _ring_readers(self) -> None:
        for ring in self._readers:
            ring()

    def _may_begin(self) -> bool:
        """Whether the lease runs, as far as one knows."""
        return not self._leased or self.clock.boot() < self.holding.lease_ends

    def finish(self, deliveries: Sequence[Delivery], *, is_done: bool) -> None:
        """They are out of hand: done, or done with."""
        with self.holding.lock:
            if is_done:
                self.ledger.finished([d for d in deliveries if d.letter is None])
            for delivery in deliveries:
                self._finish(delivery)
            if self._lanes.are_ready:
                self._ring_idle()
            if 2 * self._lanes.in_hand <= self._room:
                self._ring_readers()
            is_clear = self.is_ending and self.is_clear
        if is_clear:
            self.ring()
            self.cleared()
        if self.holding.wants_commit:
            self.wake()

    def _finish(self, delivery: Delivery) -> None:
        self._begun.discard(delivery)
        self._lanes.finished(delivery)
        if delivery.letter is not None:
            self._replayed.discard(delivery.key)
        elif self.care is not None and self.care.in_hand and delivery.is_done:
            self.care.ended(delivery.key)

    # ------------------------------------------------------------------ bells

    @contextmanager
    def heard_by(self, ring: Bell, *, is_reader: bool = False) -> Iterator[None]:
        """Ring this whenever there is an end; for a reader, if there is room, too."""
        lists = [self._bells, self._readers] if is_reader else [self._bells]
        for each in lists:
            each.append(ring)
        try:
            yield
        finally:
            for each in lists:
                each.remove(ring)

    def ring(self) -> None:
        """Have everybody look again."""
        for ring in list(self._bells):
            ring()

    # ------------------------------------------------------------------ its end

    def fail(self, error: BaseException) -> None:
        """It cannot go on."""
        if self.error is None:
            self.error = error
        self.halt()
        self.ring()

    def end(self) -> int:
        """Nothing more comes; how many are dropped, if nothing more is to be begun."""
        with self.holding.lock:
            self.is_ending = True
            dropped = self._lanes.in_hand - len(self._begun) if self.is_over else 0
        if dropped:
            self.drop()
        self.ring()
        return dropped

    def drop(self) -> None:
        """What waits is not begun any more."""
        with self.holding.lock:
            self._lanes.drop()
        self.ring()

    @property
    def is_clear(self) -> bool:
        """Whether nothing is in hand any more."""
        return not self._lanes.in_hand

    @property
    def begun(self) -> list[Delivery]:
        """What handlers are at, the oldest first."""
        with self.holding.lock:
            return sorted(self._begun, key=attrgetter("begun_at"))


def _delivery_of(letter: DeadLetter) -> Delivery:
    event = ServerSentEvent(letter.event, letter.data, letter.id)
    delivery = Delivery(event, letter.position, key=letter.key)
    delivery.letter = letter
    return delivery
