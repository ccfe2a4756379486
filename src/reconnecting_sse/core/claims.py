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


@dataclass(frozen=True, slots=True)
class Mark:
    """A position up to which everything is done.

    Attributes:
        seq: A number that grows with each mark of a claim, from 1.
        position: What to resume after.
    """

    seq: int
    position: str


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
