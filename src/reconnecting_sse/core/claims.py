"""Claims: the right to commit under a durable name, and what is committed with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to commit under a name, as the store gave it.

    A commit names token and nonce, and both must be the store's: the token grows with
    each claim, the nonce tells two apart that a restored backup gave the same one.

    Attributes:
        name: The durable name.
        token: A number that only grows (fencing).
        nonce: What no other claim has.
        position: The committed position; None where nothing was ever committed, which
            is not the empty position, a feed's beginning.
        takeovers: How many claims of the last minute, this one included, took the name
            from an owner that had not released it.
        starts: Lives since the position last moved, as the row keeps it.
        hand: The key of the event taken in hand carefully, or None.
        begun: How often that event was begun.
    """

    name: str
    token: int
    nonce: str
    position: str | None = None
    takeovers: int = 0
    starts: int = 0
    hand: str | None = None
    begun: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """No claim yet: somebody else's lease runs.

    Attributes:
        seconds: How long, by the store's clock.
        owner: Who, as he calls himself.
    """

    seconds: float
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that could not be handled, put aside so that the feed goes on.

    Attributes:
        name: The durable name of the subscription.
        key: Which event it is: no other of the name has it.
        position: The position after it.
        event: The event's type.
        data: The event's data.
        id: The last event ID with it.
        reason: Why: the last error, without a traceback.
        attempts: How often it was tried.
        age: Seconds since it was put aside, by the store's clock.
        is_replayed: Whether it is to be handed over once more.
    """

    name: str
    key: str
    position: str
    event: str
    data: str
    id: str
    reason: str
    attempts: int
    age: float = 0.0
    is_replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a worker records beside a position, in the same transaction.

    Attributes:
        is_start: Whether a life begins: ``starts`` grows by one.
        hand: The key of the event that is taken in hand, or None.
        begun: How often it was begun, this time included; 0: it is in hand no more.
        ahead: Keys of events beyond the position that are done.
        passed: Keys that were ahead, and are not any more.
        buried: Dead letters; what is there of the same key is replaced.
        settled: Keys of dead letters that were replayed and are done: they are gone.
        recent: The last IDs that events had themselves, oldest first; None: as before.
    """

    is_start: bool = False
    hand: str | None = None
    begun: int = 0
    ahead: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    buried: tuple[DeadLetter, ...] = ()
    settled: tuple[str, ...] = ()
    recent: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A position up to which everything is done.

    Attributes:
        seq: A number that grows with each mark of a claim, from 1.
        position: What to resume after; None moves nothing, and then ``seq`` says
            nothing, too: what is beside it is recorded if the claim stands.
        beside: What is recorded together with it.
    """

    seq: int
    position: str | None
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a worker's last life has left beside the position.

    Attributes:
        ahead: Keys of events beyond the position that are done.
        recent: The last IDs that events had themselves, oldest first.
    """

    ahead: frozenset[str] = frozenset()
    recent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What a store knows of one name, for people to read.

    Attributes:
        position: The committed one, or None.
        age: Seconds since it was committed, by the store's clock, or None.
        owner: Who holds the claim, as he calls himself; empty if nobody does.
        lease: Seconds that the owner's lease still runs; None without one.
        token: The claim's.
    """

    name: str
    position: str | None
    age: float | None
    owner: str
    lease: float | None
    token: int
