"""What is recorded beside positions in SQLite: dead letters, what is ahead, fleets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import DeadLetter, Recalled

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from reconnecting_sse.core.claims import Beside, Claim

NOW = "(julianday('now') - 2440587.5) * 86400.0"
SCHEMA = """
CREATE TABLE IF NOT EXISTS sse_ahead (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (name, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sse_recent (name TEXT PRIMARY KEY, ids TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sse_letters (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    position TEXT NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at REAL NOT NULL,
    is_replayed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (name, key)
);
CREATE TABLE IF NOT EXISTS sse_members (
    fleet TEXT NOT NULL,
    member TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (fleet, member)
);
"""

_LETTER = (
    f"SELECT name, key, position, event, data, id, reason, attempts, {NOW} - buried_at,"
    " is_replayed FROM sse_letters"
)


def record_beside(db: sqlite3.Connection, name: str, beside: Beside) -> None:
    """Record it; the claim stands."""
    if beside.is_start or beside.hand is not None:
        _take(db, name, beside)
    _change(db, "INSERT OR IGNORE INTO sse_ahead VALUES (?, ?)", name, beside.ahead)
    _change(db, "DELETE FROM sse_ahead WHERE name = ? AND key = ?", name, beside.passed)
    for letter in beside.buried:
        _bury(db, letter)
    drop(db, name, beside.settled)
    if beside.recent is not None:
        values = [name, json.dumps(beside.recent)]
        db.execute("INSERT OR REPLACE INTO sse_recent VALUES (?, ?)", values)


def _take(db: sqlite3.Connection, name: str, beside: Beside) -> None:
    if beside.hand is None:
        hand = ""
        values: list[object] = []
    else:
        hand = ", hand = ?, begun = ?"
        values = [beside.hand if beside.begun else None, beside.begun]
    db.execute(
        f"UPDATE sse_positions SET starts = starts + ?{hand} WHERE name = ?",
        [int(beside.is_start), *values, name],
    )


def _bury(db: sqlite3.Connection, letter: DeadLetter) -> None:
    db.execute(
        f"INSERT OR REPLACE INTO sse_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, {NOW}, ?)",
        [
            *(letter.name, letter.key, letter.position, letter.event, letter.data),
            *(letter.id, letter.reason, letter.attempts, letter.is_replayed),
        ],
    )


def _change(
    db: sqlite3.Connection, statement: str, name: str, keys: Sequence[str]
) -> int:
    return sum(db.execute(statement, [name, key]).rowcount for key in keys)


def forget(db: sqlite3.Connection, name: str) -> None:
    """All but the dead letters."""
    db.execute("DELETE FROM sse_ahead WHERE name = ?", [name])
    db.execute("DELETE FROM sse_recent WHERE name = ?", [name])


def recall(db: sqlite3.Connection, claim: Claim) -> Recalled:
    """What the last life has left."""
    ahead = db.execute("SELECT key FROM sse_ahead WHERE name = ?", [claim.name])
    recent = db.execute("SELECT ids FROM sse_recent WHERE name = ?", [claim.name])
    (ids,) = recent.fetchone() or ("[]",)
    return Recalled(frozenset(key for (key,) in ahead), tuple(json.loads(ids)))


def letters(db: sqlite3.Connection, name: str | None) -> list[DeadLetter]:
    """All, or those of a name, oldest first."""
    where, values = ("", []) if name is None else (" WHERE name = ?", [name])
    rows = db.execute(f"{_LETTER}{where} ORDER BY buried_at, rowid", values)
    return [_letter(*row) for row in rows]


def replays(db: sqlite3.Connection, names: Sequence[str]) -> list[DeadLetter]:
    """Those that are to be handed over once more."""
    rows = db.execute(f"{_LETTER} WHERE is_replayed ORDER BY buried_at, rowid")
    return [letter for row in rows if (letter := _letter(*row)).name in names]


def replay(db: sqlite3.Connection, name: str, keys: Sequence[str]) -> int:
    """Have some handed over once more."""
    statement = "UPDATE sse_letters SET is_replayed = 1 WHERE name = ? AND key = ?"
    return _change(db, statement, name, keys)


def drop(db: sqlite3.Connection, name: str, keys: Sequence[str]) -> int:
    """Delete some."""
    return _change(db, "DELETE FROM sse_letters WHERE name = ? AND key = ?", name, keys)


def beat(
    db: sqlite3.Connection, fleet: str, member: str, lease: float | None
) -> list[str]:
    """Be a member for a while; all that are."""
    db.execute(
        f"INSERT OR REPLACE INTO sse_members VALUES (?, ?, {NOW} + ?)",
        [fleet, member, -1.0 if lease is None else lease],
    )
    db.execute(f"DELETE FROM sse_members WHERE fleet = ? AND until <= {NOW}", [fleet])
    rows = db.execute(
        "SELECT member FROM sse_members WHERE fleet = ? ORDER BY member", [fleet]
    )
    return [name for (name,) in rows]


def _letter(*row: object) -> DeadLetter:
    name, key, position, event, data, id_, reason, attempts, age, is_replayed = row
    return DeadLetter(
        name=str(name),
        key=str(key),
        position=str(position),
        event=str(event),
        data=str(data),
        id=str(id_),
        reason=str(reason),
        attempts=int(str(attempts)),
        age=float(str(age)),
        is_replayed=bool(is_replayed),
    )
