"""What a ``SqliteStore`` tells of dead letters, and of what a last life has left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import DeadLetter, Recalled
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.letters import COLUMNS, keyed, letter_of, told
from reconnecting_sse.stores.sqlite_schema import NOW

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from reconnecting_sse.core.claims import Claim

_FOUND = f"SELECT {', '.join(COLUMNS)}, {NOW} - buried_at FROM sse_letters"
_IN_ORDER = "ORDER BY buried_at, digest"
_WHICH = "WHERE name = :name AND digest = :digest"


def recall(db: sqlite3.Connection, claim: Claim) -> Recalled:
    """What the last life has left beside the position."""
    rows = db.execute("SELECT key FROM sse_ahead WHERE name = ?", [claim.name])
    keys = frozenset(told(key) for (key,) in rows)
    rows = db.execute("SELECT ids FROM sse_recent WHERE name = ?", [claim.name])
    (ids,) = rows.fetchone() or ("[]",)
    return Recalled(keys, tuple(json.loads(ids)))


def replays(db: sqlite3.Connection, claims: Sequence[Claim]) -> list[DeadLetter]:
    """Those that are to be handed over once more."""
    names = {each.name for each in claims}
    rows = db.execute(f"{_FOUND} WHERE is_replayed {_IN_ORDER}")
    return [letter for letter in map(letter_of, rows) if letter.name in names]


def letters(db: sqlite3.Connection, name: str | None) -> list[DeadLetter]:
    """All, or those of a name, oldest first."""
    rows = db.execute(f"{_FOUND} WHERE coalesce(name = ?, true) {_IN_ORDER}", [name])
    return [letter_of(row) for row in rows]


def replay(db: sqlite3.Connection, name: str, keys: Sequence[str]) -> int:
    """Have some handed over once more; how many there were."""
    return _each(db, f"UPDATE sse_letters SET is_replayed = 1 {_WHICH}", name, keys)


def drop(db: sqlite3.Connection, name: str, keys: Sequence[str]) -> int:
    """Delete some; how many there were."""
    return _each(db, f"DELETE FROM sse_letters {_WHICH}", name, keys)


def _each(
    db: sqlite3.Connection, statement: str, name: str, keys: Sequence[str]
) -> int:
    texts.check(name, *keys)
    return db.executemany(statement, keyed(name, list(dict.fromkeys(keys)))).rowcount
