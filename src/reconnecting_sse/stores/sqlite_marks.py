"""What a ``SqliteStore`` records: positions, and what is beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconnecting_sse.stores import texts
from reconnecting_sse.stores.letters import keyed, row_of
from reconnecting_sse.stores.rows import MINE, change, key, values
from reconnecting_sse.stores.sqlite_schema import NOW

if TYPE_CHECKING:
    import sqlite3

    from reconnecting_sse.core.claims import Beside, Claim, Mark

# Not a query: what that gives is made by the caller's row factory.
_LOOK = f"UPDATE sse_positions SET token = token WHERE {MINE}"
_BURY = (
    "INSERT OR REPLACE INTO sse_letters (name, digest, key, position, event, data, id,"
    " reason, attempts, is_replayed, buried_at) VALUES (:name, :digest, :key,"
    f" :position, :event, :data, :id, :reason, :attempts, :is_replayed, {NOW})"
)


def record(db: sqlite3.Connection, claim: Claim, mark: Mark) -> bool:
    """Whether a mark was: the claim stands, and a position's ``seq`` is new."""
    texts.check_marks([mark])
    statement = change(mark, NOW) or _LOOK
    is_ours = bool(db.execute(statement, values(claim, mark)).rowcount)
    if is_ours and mark.beside is not None:
        _record_beside(db, claim.name, mark.beside)
    return is_ours


def is_held(db: sqlite3.Connection, claim: Claim) -> bool:
    """Whether the claim stands."""
    found = db.execute(f"SELECT 1 FROM sse_positions WHERE {MINE}", key(claim))
    return found.fetchone() is not None


def _record_beside(db: sqlite3.Connection, name: str, beside: Beside) -> None:
    insertion = "INSERT OR REPLACE INTO sse_ahead VALUES (:name, :digest, :key)"
    db.executemany(insertion, keyed(name, beside.ahead))
    db.executemany(_deletion("sse_ahead"), keyed(name, beside.passed))
    db.executemany(_BURY, [row_of(name, letter) for letter in beside.buried])
    db.executemany(_deletion("sse_letters"), keyed(name, beside.settled))
    if beside.recent is not None:
        ids = json.dumps(beside.recent)
        db.execute("INSERT OR REPLACE INTO sse_recent VALUES (?, ?)", [name, ids])


def _deletion(table: str) -> str:
    return f"DELETE FROM {table} WHERE name = :name AND digest = :digest"
