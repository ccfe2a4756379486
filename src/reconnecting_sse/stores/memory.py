"""Positions in memory: they outlive a source, and not the process."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from reconnecting_sse.core.claims import Beside, Claim, Held, Place, Recalled
from reconnecting_sse.core.errors import ClaimLost, StoreRefused
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.claims import DeadLetter, Mark


@dataclass(slots=True)
class _Row:
    position: str | None = None
    seq: int = 0
    token: int = 0
    nonce: str = ""
    owner: str = ""
    lease_until: float | None = None
    committed_at: float | None = None
    takeovers: str = ""
    starts: int = 0
    hand: str | None = None
    begun: int = 0
    recent: tuple[str, ...] = ()
    ahead: set[str] = field(default_factory=set)
    letters: dict[str, DeadLetter] = field(default_factory=dict)

    def is_of(self, claim: Claim) -> bool:
        return (self.token, self.nonce) == (claim.token, claim.nonce)

    def record(self, mark: Mark, now: float) -> None:
        """Take a mark of the claim that stands."""
        if mark.position is not None:
            if mark.seq <= self.seq:
                return
            self.seq, self.position, self.committed_at = mark.seq, mark.position, now
            self.starts, self.hand, self.begun = 1, None, 0
        if mark.beside is not None:
            self._record_beside(mark.beside, now)

    def _record_beside(self, beside: Beside, now: float) -> None:
        self.starts += beside.is_start
        if beside.hand is not None:
            self.hand = beside.hand if beside.begun else None
            self.begun = beside.begun
        self.ahead |= set(beside.ahead)
        self.ahead -= set(beside.passed)
        for letter in beside.buried:
            self.letters[letter.key] = replace(
                letter, age=now
            )  # when, until it is read
        for key in beside.settled:
            self.letters.pop(key, None)
        if beside.recent is not None:
            self.recent = beside.recent


def now() -> float:
    """The seconds of a store that is not given a clock."""
    return time.monotonic()


class MemoryStore:
    """For tests, and for sources that come and go within one process; thread-safe.

    Args:
        clock: Gives the seconds by which leases are compared. Default: the system's.
    """

    is_async: bool = False
    is_exclusive: bool = False

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or now
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._fleets: dict[str, dict[str, float]] = {}

    def claim(self, name: str, lease: float | None, owner: str) -> Claim | Held:
        """Take the name over, unless another's lease runs."""
        texts.check(name)
        with self._lock:
            now, row = self._clock(), self._rows.setdefault(name, _Row())
            left = 0.0 if row.lease_until is None else row.lease_until - now
            if row.owner and left > 0:
                return Held(left, row.owner)
            row.takeovers = with_takeover(row.takeovers, now) if row.owner else ""
            row.token, row.nonce, row.seq = row.token + 1, secrets.token_hex(8), 0
            row.owner, row.lease_until = owner, None if lease is None else now + lease
            count = len(row.takeovers.split())
            return Claim(
                name,
                row.token,
                row.nonce,
                row.position,
                count,
                row.starts,
                row.hand,
                row.begun,
            )

    def renew(self, claims: Sequence[Claim], lease: float) -> list[Claim]:
        """Let the leases run on; the claims that are lost."""
        with self._lock:
            lost = [claim for claim in claims if not self._holds(claim)]
            for claim in claims:
                if claim not in lost:
                    self._rows[claim.name].lease_until = self._clock() + lease
            return lost

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> list[Claim]:
        """Record positions; the claims that are lost."""
        texts.check_marks(mark for _, mark in marks)
        with self._lock:
            lost = [claim for claim, _ in marks if not self._holds(claim)]
            for claim, mark in marks:
                if claim not in lost:
                    self._rows[claim.name].record(mark, self._clock())
            return lost

    def release(self, claim: Claim) -> None:
        """Leave the name to the next."""
        with self._lock:
            if self._holds(claim):
                row = self._rows[claim.name]
                row.owner, row.lease_until, row.starts = "", None, 0

    def begin(self, claim: Claim) -> NoReturn:
        """There is nothing to write to.

        Raises:
            StoreRefused: Always.
        """
        raise StoreRefused(
            f"a MemoryStore has no transactions, and {claim.name!r} wants one: use a"
            " SqliteStore, a SqlStore or a RedisStore"
        )

    end: Any = begin
    abort: Any = begin

    def recover(self, claim: Claim) -> tuple[Claim, int]:
        """Bump the token; the new claim, and the ``seq``."""
        with self._lock:
            row = self._rows.get(claim.name)
            if row is None or row.nonce != claim.nonce:
                raise ClaimLost(f"{claim.name!r} was taken over")
            row.token += 1
            return Claim(claim.name, row.token, row.nonce, row.position), row.seq

    def recall(self, claim: Claim) -> Recalled:
        """What the last life has left."""
        with self._lock:
            row = self._rows.get(claim.name, _Row())
            return Recalled(frozenset(row.ahead), row.recent)

    # ------------------------------------------------------------------ dead letters

    def replays(self, claims: Sequence[Claim]) -> list[DeadLetter]:
        """Those that are to be handed over once more."""
        names = {claim.name for claim in claims}
        found = self.letters()
        return [one for one in found if one.is_replayed and one.name in names]

    def letters(self, name: str | None = None) -> list[DeadLetter]:
        """All, or those of a name, oldest first."""
        with self._lock:
            now = self._clock()
            rows = [row for key, row in self._rows.items() if name in (None, key)]
            found = [
                replace(x, age=now - x.age) for r in rows for x in r.letters.values()
            ]
        return sorted(found, key=lambda letter: -letter.age)

    def replay(self, name: str, keys: Sequence[str]) -> int:
        """Have some handed over once more."""
        texts.check(name, *keys)
        with self._lock:
            letters = self._rows.get(name, _Row()).letters
            found = set(keys) & set(letters)
            letters.update({k: replace(letters[k], is_replayed=True) for k in found})
            return len(found)

    def drop(self, name: str, keys: Sequence[str]) -> int:
        """Delete some."""
        texts.check(name, *keys)
        with self._lock:
            letters = self._rows.get(name, _Row()).letters
            return sum(letters.pop(key, None) is not None for key in keys)

    # ------------------------------------------------------------------ fleets

    def beat(self, fleet: str, member: str, lease: float | None) -> list[str]:
        """Be a member for a while; all that are."""
        texts.check(fleet, member)
        with self._lock:
            now, members = self._clock(), self._fleets.setdefault(fleet, {})
            members[member] = now + (lease or 0.0)
            members = {key: until for key, until in members.items() if until > now}
            self._fleets[fleet] = members
            return sorted(members)

    # ------------------------------------------------------------------ for people

    def places(self) -> list[Place]:
        """All names."""
        with self._lock:
            now = self._clock()
            return [_place(name, row, now) for name, row in sorted(self._rows.items())]

    def put(self, name: str, position: str | None) -> None:
        """Set or forget a position; whoever held a claim has lost it."""
        texts.check(name, position)
        with self._lock:
            row = self._rows.setdefault(name, _Row())
            row.token, row.nonce, row.seq = row.token + 1, secrets.token_hex(8), 0
            row.position, row.owner, row.lease_until = position, "", None
            row.committed_at, row.ahead, row.recent = self._clock(), set(), ()
            row.starts, row.hand, row.begun = 0, None, 0

    def close(self) -> None:
        """Nothing is open."""

    def _holds(self, claim: Claim) -> bool:
        row = self._rows.get(claim.name)
        return row is not None and row.is_of(claim)


def _place(name: str, row: _Row, now: float) -> Place:
    age = None if row.committed_at is None else now - row.committed_at
    lease = None if row.lease_until is None else row.lease_until - now
    return Place(name, row.position, age, row.owner, lease, row.token)
