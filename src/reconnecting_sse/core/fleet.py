"""Which feeds a member of a fleet serves: each decides alone, from what all can see.

All see the same rows: who is a member, and who holds which feed. From these each works
out what everybody's share is, and who is to take which feed that nobody holds, so that
two seldom reach for the same; if they do, the store's claim decides. Whoever serves
more keeps the odd feed: so a join moves what the newcomer lacks, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_WITH_LIMIT = re.compile(r"(?P<name>.+) max=(?P<limit>[0-9]+)")

BEATS = 3
"""How many beats there are in a lease."""

_NEWCOMERS_WAIT = 1  # so that those who start together share before they take
_WAIT_AFTER_A_GAP = 2


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One process of a fleet, as it is written in the store.

    Attributes:
        name: The owner's of its claims; no other member has it.
        max_feeds: How many feeds it serves at most; None is any number.
    """

    name: str
    max_feeds: int | None = None

    def __str__(self) -> str:
        if self.max_feeds is None:
            return self.name
        return f"{self.name} max={self.max_feeds}"

    @classmethod
    def of(cls, text: str) -> Member:
        """The member that wrote this."""
        found = _WITH_LIMIT.fullmatch(text)
        return cls(found["name"], int(found["limit"])) if found else cls(text)

    def has_room_beyond(self, feeds: int) -> bool:
        """Whether it may serve more than so many."""
        return self.max_feeds is None or self.max_feeds > feeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a member sees at a beat.

    Attributes:
        members: All of the fleet.
        holders: Who holds a feed, by feed, where his lease runs.
        serving: What this member serves, or tries to, without what is ``leaving``.
        leaving: What it sheds, and has not let go of yet.
        is_cautious: Whether what it sees may be of no worth: see ``Pulse``.
    """

    members: Collection[Member]
    holders: Mapping[str, str]
    serving: Collection[str] = ()
    leaving: Collection[str] = ()
    is_cautious: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """What a member is to do until its next beat.

    Attributes:
        take: Feeds to serve from now on.
        shed: Feeds to drain and let go of.
        unserved: How many feeds nobody has room for.
    """

    take: tuple[str, ...] = ()
    shed: tuple[str, ...] = ()
    unserved: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    """When a member last beat, and for how many beats it takes nothing.

    After a gap it was away, or the store was: then leases have run out whose owners are
    about to renew them. They have two beats for that. A newcomer waits for one.

    Attributes:
        at: The last beat, by a clock that goes on in suspend; None before the first.
        waits: For how many beats, the last one included, nothing moves.
    """

    at: float | None = None
    waits: int = 0

    def beaten(self, now: float, lease: float) -> Pulse:
        """After a beat."""
        if self.at is None:
            return Pulse(now, _NEWCOMERS_WAIT)
        if now - self.at > lease / 2:
            return Pulse(now, _WAIT_AFTER_A_GAP)
        return Pulse(now, max(0, self.waits - 1))

    @property
    def is_cautious(self) -> bool:
        """Whether nothing moves."""
        return self.waits > 0


def fleet_of(feeds: Iterable[str]) -> str:
    """The name of the fleet that serves these feeds.

    Whoever has another file is of another fleet: he cannot serve what he does not know,
    so he must not count. Where both know a feed, it is left to whoever holds it.
    """
    return blake2b("\0".join(sorted(feeds)).encode(), digest_size=16).hexdigest()


def decide(me: Member, feeds: Iterable[str], seen: Seen) -> Moves:
    """What this member takes and sheds, of the feeds that it knows.

    What somebody holds who is no member (of this fleet, or not any more) is left to
    him, and counts for nobody. What another holds that this member tries to serve is
    shed, whatever else.
    """
    known = set(feeds)
    members = _by_name(me, seen.members)
    holders = {f: name for f, name in seen.holders.items() if f in known}
    strangers = {f for f, name in holders.items() if name not in members}
    lost = {f for f in seen.serving if holders.get(f, me.name) != me.name}
    own = set(seen.serving) - lost
    if seen.is_cautious:
        return Moves(shed=tuple(sorted(lost)))
    counts = dict.fromkeys(members.values(), 0)
    for feed in holders.keys() - strangers:
        counts[members[holders[feed]]] += 1
    share = shares(counts, len(known - strangers))
    room = {member: share[member] - counts[member] for member in counts}
    room[me] = share[me] - len(own) - len(seen.leaving)
    free = known - holders.keys() - own - set(seen.leaving)
    excess = max(0, len(own) - share[me])
    # What is not held costs nothing to let go of.
    by_loss = sorted(own, key=lambda feed: (feed in holders, _liking(me, feed)))
    return Moves(
        take=tuple(feed for feed, taker in _dealt(free, room) if taker == me),
        shed=(*sorted(lost), *by_loss[:excess]),
        unserved=len(known - strangers) - sum(share.values()),
    )


def shares(counts: Mapping[Member, int], feeds: int) -> dict[Member, int]:
    """How many feeds each member is to serve.

    As many as any other or one more, unless he is limited to fewer. One more have those
    who serve the most already.

    Args:
        counts: How many each serves.
        feeds: How many there are.
    """
    result: dict[Member, int] = {}
    rest = sorted(counts, key=lambda member: (-counts[member], member.name))
    while rest:
        even, odd = divmod(feeds - sum(result.values()), len(rest))
        full = [member for member in rest if not member.has_room_beyond(even)]
        if not full:
            return result | {m: even + (rank < odd) for rank, m in enumerate(rest)}
        result |= {member: member.max_feeds or 0 for member in full}
        rest = [member for member in rest if member not in full]
    return result


def _by_name(me: Member, members: Iterable[Member]) -> dict[str, Member]:
    """All, this one as it knows itself: a former life may have had another limit."""
    return {member.name: member for member in members} | {me.name: me}


def _dealt(
    free: Collection[str], room: Mapping[Member, int]
) -> Iterator[tuple[str, Member]]:
    """Who takes which, while there is room: each feed goes to whom it likes best."""
    left = dict(room)
    for feed in sorted(free):
        takers = [member for member, count in left.items() if count > 0]
        if not takers:
            return
        taker = max(takers, key=lambda member: _liking(member, feed))
        left[taker] -= 1
        yield feed, taker


def _liking(member: Member, feed: str) -> bytes:
    """Rendezvous hashing: the same for all who ask, and spread evenly."""
    return blake2b(f"{member.name}\0{feed}".encode(), digest_size=8).digest()
