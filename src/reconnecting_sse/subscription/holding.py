"""A source's hold on its durable name: what its reader and a keeper share."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.errors import ClaimLost, Uncommitted
from reconnecting_sse.core.ledger import EventLedger, SliceLedger
from reconnecting_sse.core.loop import Raised
from reconnecting_sse.subscription.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.claims import Claim, DeadLetter, Held, Mark
    from reconnecting_sse.core.commits import CommitPolicy
    from reconnecting_sse.core.errors import StoreUnavailable
    from reconnecting_sse.stores.store import Store
    from reconnecting_sse.subscription.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What makes a subscription durable, as the caller gave it.

    Attributes:
        name: The durable name.
        lease: Seconds, or None for a claim that lasts until another is made.
        has_own_ids: Whether an event's position is its ID, and nothing has to be asked.
    """

    store: Store
    name: str
    lease: float | None = None
    commits: CommitPolicy
    has_own_ids: bool = True

    @property
    def owner(self) -> str:
        """Who claims, for people to read."""
        return this_process()


def this_process() -> str:
    """What no other process is called, as far as hosts have names of their own."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Watcher(Protocol):
    """Who reads, as far as a keeper knows him."""

    def fail(self, error: BaseException) -> None:
        """It cannot go on."""

    def look(self) -> None:
        """Look before the next event whether it may be handed over."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Holding:
    """What of a durable name one subscription holds.

    The reader asks, the keeper answers; who has changed something rings the other's
    bell. Each attribute is written by one of the two.

    Attributes:
        watcher: Whom to tell that it has ended, or is to look; weakly.
        ledger: What was handed over; there is one once the claim is made.
        ledger_of: Makes a worker's; None where nobody works on it but the reader.
        hear_replays: Called with dead letters that are to be handed over once more.
        is_kept: Whether a worker has something in hand, and the name is not let go.
        is_forsaken: Whether the claim is to run out: neither renewed nor released.
        claim: The claim, once it is made.
        held: The other's, while one stands by.
        trouble: What the store last failed with, while it fails.
        trouble_since: When that began.
        wake: Has the keeper look whether there is something to do.
        asked_since: Since when a call of the store is under way; None while none is.
        error: What ended it.
        lease_ends: When the lease ends, by the own clock since boot.
        errands: What the keeper is to do once, in order.
        has_transaction: Whether one is open, or being begun.
        wants_commit: Whether the reader waits for a commit.
        is_leaving: Whether the reader wants no more.
        is_over: Whether the keeper has let go of it.
    """

    durability: Durability
    watcher: Callable[[], Watcher | None] = lambda: None
    ledger: SliceLedger | EventLedger | WorkLedger | None = None
    ledger_of: Callable[[CommitPolicy, str], WorkLedger] | None = None
    hear_replays: Callable[[list[DeadLetter]], object] | None = None
    is_kept: bool = False
    is_forsaken: bool = False
    claim: Claim | None = None
    held: Held | None = None
    trouble: StoreUnavailable | None = None
    trouble_since: float | None = None
    wake: Callable[[], object] = lambda: None
    asked_since: Callable[[], float | None] = lambda: None
    error: BaseException | None = None
    lease_ends: float = 0.0
    errands: deque[Errand] = field(default_factory=deque)
    has_transaction: bool = False
    wants_commit: bool = False
    is_leaving: bool = False
    is_over: bool = False
    lock: Any = field(default_factory=threading.RLock)
    bells: list[Callable[[], object]] = field(default_factory=list)

    # ------------------------------------------------------------------ the reader's

    def begin(self, position: str) -> None:
        """The claim is made, and this is where the subscription begins."""
        kept = self.durability
        if self.ledger_of is not None:
            self.ledger = self.ledger_of(kept.commits, position)
            return
        kind = SliceLedger if self.is_auto and kept.has_own_ids else EventLedger
        self.ledger = kind(kept.commits, position)

    def leave(self) -> None:
        """Want no more: what is done is committed, and the claim released."""
        self.is_leaving = True
        self.wake()

    @property
    def has_begun(self) -> bool:
        """Whether the reader knows of the claim."""
        return self.ledger is not None

    @property
    def is_auto(self) -> bool:
        """Whether an event is done when the next one is asked for."""
        return self.ledger_of is None and self.durability.commits.mode == "auto"

    @property
    def situation(self) -> Claim | Held | StoreUnavailable | Raised | None:
        """How it stands with the claim; None while nobody has answered."""
        if self.error is not None:
            return Raised(self.error)
        return self.claim or self.trouble or self.held

    def stands(self, clock: Clock) -> bool:
        """Whether the claim does, as far as one knows."""
        is_leased = self.durability.lease is not None
        return self.error is None and not (
            is_leased and clock.boot() >= self.lease_ends
        )

    def may_hand_over(self, clock: Clock) -> bool:
        """Whether the claim stands, and nothing waits for too long."""
        ledger = self.ledger
        is_late = ledger is None or ledger.must_pause(clock.now())
        return not is_late and self.stands(clock)

    def room(self, clock: Clock) -> int:
        """How many events may be handed over; none while one has to wait."""
        if not self.may_hand_over(clock):
            return 0
        assert self.ledger is not None
        return self.ledger.room()

    def asked_again(self) -> None:
        """The next event is asked for: in auto mode, what is in hand is done."""
        ledger = self.ledger
        if self.is_auto and ledger is not None:
            assert not isinstance(ledger, WorkLedger)
            with self.lock:
                ledger.settle()

    def commit(self, event: ServerSentEvent) -> None:
        """An event is done, as the caller says.

        Raises:
            ValueError: It is not in hand.
            ClaimLost: It cannot be committed any more.
        """
        if self.error is not None:
            raise self.error
        if self.ledger is None:
            raise ValueError("nothing was handed over yet: there is nothing to commit")
        if isinstance(self.ledger, WorkLedger):
            raise TypeError(
                "a worker commits what its handler has done: return from it"
            )
        with self.lock:
            self.ledger.done(event)

    @property
    def stuck(self) -> Uncommitted | None:
        """The error that it is to hand over so much that nobody says is done."""
        if self.ledger is None or not self.ledger.is_stuck:
            return None
        limit = self.durability.commits.max_uncommitted
        return Uncommitted(
            f"{limit} events of {self.durability.name!r} were handed over and not"
            " committed, which is max_uncommitted: call source.commit(event) for each"
            ' event that is done, or give CommitPolicy(mode="auto")'
        )

    def drop(self, errand: Errand) -> None:
        """Nobody waits for it to begin any more: it is aborted if it does."""
        with self.lock:
            errand.is_dropped = True
            self._abort_dropped(errand)

    def _abort_dropped(self, errand: Errand) -> None:
        is_open = errand.is_done and hasattr(errand.outcome, "connection")
        if errand.is_dropped and is_open:
            self.errands.append(Errand("abort", errand.outcome))
            self.wake()  # nobody else will: it would stay open, and shut others out

    # ------------------------------------------------------------------ the keeper's

    def troubled(self, error: StoreUnavailable | None, since: float | None) -> None:
        """The store fails, or does not any more."""
        self.trouble, self.trouble_since = error, since
        self.ring()

    def mark(self) -> Mark | None:
        """What there is to commit."""
        if self.ledger is None:
            return None
        with self.lock:
            return self.ledger.mark()

    def did_commit(self, mark: Mark, now: float) -> None:
        """The store has that."""
        assert self.ledger is not None
        with self.lock:
            self.ledger.did_commit(mark, now)

    def did_end(self, errand: Errand, now: float) -> None:
        """A transaction is committed, with what was done in it."""
        ledger = self.ledger
        assert ledger is not None
        assert errand.mark is not None
        with self.lock:
            if errand.settle is not None:
                errand.settle()
            else:
                assert not isinstance(ledger, WorkLedger)
                ledger.settle()
            ledger.did_commit(errand.mark, now)

    def ran(self, errand: Errand, outcome: Any) -> None:
        """An errand came to that."""
        with self.lock:
            errand.came_to(outcome)
            self._abort_dropped(errand)
        self.ring()

    def look(self) -> None:
        """Have the reader look before the next event whether it may be handed over."""
        watcher = self.watcher()
        if watcher is not None:
            watcher.look()

    def lose(self) -> None:
        """Somebody else has taken over."""
        name = self.durability.name
        self.end(
            ClaimLost(
                f"another process has taken over {name!r}: nothing more is committed"
                " here. Where several run under one name, give lease= to each, so that"
                " one works and the others stand by"
            )
        )

    def end(self, error: BaseException) -> None:
        """It is over, with an error for the reader."""
        if self.error is None:
            self.error = error
            watcher = self.watcher()
            if watcher is not None:
                watcher.fail(error)
        self.ring()

    def break_off(self, error: Exception) -> None:
        """The keeper has failed: nobody sees to anything any more."""
        self.is_over = True
        self.end(error)
        while self.errands:
            self.errands.popleft().came_to(self.error)

    def ring(self) -> None:
        """Wake whoever waits for the keeper."""
        for bell in list(self.bells):
            bell()
