"""What is recorded beside positions in a database: dead letters, what is ahead, fleets.

Keys hold positions, of any length: rows are found by their digests, which no database
takes for too long, or for equal where only their case differs.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, insert, select, text, update

from reconnecting_sse.core.claims import DeadLetter, Recalled
from reconnecting_sse.stores import sql_schema as tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from reconnecting_sse.core.claims import Beside, Claim
    from reconnecting_sse.stores.sql_dialects import Dialect

_POSITIONS, _AHEAD, _RECENT = tables.positions, tables.ahead, tables.recent
_LETTERS, _MEMBERS = tables.letters, tables.members


def digest(key: str) -> str:
    """What a row is found by."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def record(db: Connection, dialect: Dialect, name: str, beside: Beside) -> None:
    """Record it; the claim stands."""
    if beside.is_start or beside.hand is not None:
        _take(db, name, beside)
    for key in beside.ahead:
        _delete(db, _AHEAD, name, key)
        row = {"name": name, "digest": digest(key), "key": key}
        db.execute(insert(_AHEAD).values(row))
    for key in beside.passed:
        _delete(db, _AHEAD, name, key)
    for letter in beside.buried:
        _bury(db, dialect, letter)
    drop(db, dialect, name=name, keys=beside.settled)
    if beside.recent is not None:
        db.execute(delete(_RECENT).where(_RECENT.c.name == name))
        row = {"name": name, "ids": json.dumps(beside.recent)}
        db.execute(insert(_RECENT).values(row))


def _take(db: Connection, name: str, beside: Beside) -> None:
    values: dict[str, Any] = {"starts": _POSITIONS.c.starts + int(beside.is_start)}
    if beside.hand is not None:
        values["hand"] = beside.hand if beside.begun else None
        values["begun"] = beside.begun
    db.execute(update(_POSITIONS).where(_POSITIONS.c.name == name).values(values))


def _bury(db: Connection, dialect: Dialect, letter: DeadLetter) -> None:
    _delete(db, _LETTERS, letter.name, letter.key)
    row = {
        "name": letter.name,
        "digest": digest(letter.key),
        "key": letter.key,
        "position": letter.position,
        "event": letter.event,
        "data": letter.data,
        "id": letter.id,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "buried_at": text(dialect.now),
        "is_replayed": letter.is_replayed,
    }
    db.execute(insert(_LETTERS).values(row))


def _delete(db: Connection, table: Table, name: str, key: str) -> int:
    found = and_(table.c.name == name, table.c.digest == digest(key))
    return db.execute(delete(table).where(found)).rowcount


def forget(db: Connection, name: str) -> None:
    """All but the dead letters."""
    db.execute(delete(_AHEAD).where(_AHEAD.c.name == name))
    db.execute(delete(_RECENT).where(_RECENT.c.name == name))


def recall(db: Connection, _dialect: Dialect, *, claim: Claim) -> Recalled:
    """What the last life has left."""
    ahead = db.execute(select(_AHEAD.c.key).where(_AHEAD.c.name == claim.name))
    recent = select(_RECENT.c.ids).where(_RECENT.c.name == claim.name)
    ids = json.loads(db.execute(recent).scalar() or "[]")
    return Recalled(frozenset(ahead.scalars()), tuple(ids))


def letters(
    db: Connection, dialect: Dialect, *, name: str | None = None
) -> list[DeadLetter]:
    """All, or those of a name, oldest first."""
    wanted = _letters_now(dialect)
    return _read(db, wanted if name is None else wanted.where(_LETTERS.c.name == name))


def replays(
    db: Connection, dialect: Dialect, *, names: Sequence[str]
) -> list[DeadLetter]:
    """Those of these names that are to be handed over once more."""
    wanted = and_(_LETTERS.c.is_replayed, _LETTERS.c.name.in_(names))
    return _read(db, _letters_now(dialect).where(wanted))


def _letters_now(dialect: Dialect) -> Any:
    now: Any = text(f"{dialect.now} AS now")
    return select(_LETTERS, now).order_by(_LETTERS.c.buried_at, _LETTERS.c.digest)


def _read(db: Connection, wanted: Any) -> list[DeadLetter]:
    return [
        DeadLetter(
            name=row.name,
            key=row.key,
            position=row.position,
            event=row.event,
            data=row.data,
            id=row.id,
            reason=row.reason,
            attempts=row.attempts,
            age=float(row.now) - row.buried_at,
            is_replayed=bool(row.is_replayed),
        )
        for row in db.execute(wanted)
    ]


def replay(db: Connection, _dialect: Dialect, *, name: str, keys: Sequence[str]) -> int:
    """Have some handed over once more."""
    found = and_(_LETTERS.c.name == name, _LETTERS.c.digest == bindparam("wanted"))
    order = update(_LETTERS).where(found).values(is_replayed=True)
    # MariaDB counts what it changed, and not what it found.
    is_there = select(_LETTERS.c.digest).where(found)
    count = 0
    for key in keys:
        values = {"wanted": digest(key)}
        db.execute(order, values)
        count += db.execute(is_there, values).first() is not None
    return count


def drop(db: Connection, _dialect: Dialect, *, name: str, keys: Sequence[str]) -> int:
    """Delete some."""
    return sum(_delete(db, _LETTERS, name, key) for key in keys)


def beat(
    db: Connection, dialect: Dialect, *, fleet: str, member: str, lease: float | None
) -> list[str]:
    """Be a member for a while; all that are."""
    mine = and_(_MEMBERS.c.fleet == fleet, _MEMBERS.c.digest == digest(member))
    row = {"fleet": fleet, "digest": digest(member), "member": member}
    until = text(f"{dialect.now} + {float(lease or 0.0)!r}")
    if lease is None:
        db.execute(delete(_MEMBERS).where(mine))
    elif db.execute(select(_MEMBERS.c.member).where(mine)).first() is None:
        db.execute(insert(_MEMBERS).values(**row, until=until))
    else:
        db.execute(update(_MEMBERS).where(mine).values(until=until))
    now: Any = text(dialect.now)
    here = _MEMBERS.c.fleet == fleet
    db.execute(delete(_MEMBERS).where(here, _MEMBERS.c.until <= now))
    return sorted(db.execute(select(_MEMBERS.c.member).where(here)).scalars())
