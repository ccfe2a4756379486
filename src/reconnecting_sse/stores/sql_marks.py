"""What a ``SqlStore`` records: positions, and what is beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, bindparam, delete, literal_column, text

from reconnecting_sse.core.claims import Beside
from reconnecting_sse.stores.letters import digest, kept, row_of
from reconnecting_sse.stores.sql_calls import MINE, is_held, key
from reconnecting_sse.stores.sql_schema import ahead, letters, recent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Executable, Table

    from reconnecting_sse.core.claims import Claim, Mark
    from reconnecting_sse.stores.sql_dialects import Dialect


def commit(
    db: Connection, dialect: Dialect, *, marks: Sequence[tuple[Claim, Mark]]
) -> list[Claim]:
    """Record marks; the claims that are lost."""
    return [
        each
        # In one order always, so that no two lock each other out.
        for each, mark in sorted(marks, key=lambda pair: pair[0].name)
        if not record(db, dialect, each, mark) and not is_held(db, each)
    ]


def record(db: Connection, dialect: Dialect, claim: Claim, mark: Mark) -> bool:
    """Whether a mark was: the claim stands, and a position's ``seq`` is new.

    The row is locked first, so that nobody takes over in between; where nothing in it
    changes, then in a way that any number of transactions of the claim may at once.
    """
    beside = mark.beside or Beside()
    if change := _change(dialect, mark, beside):
        values = {**key(claim), **_values(mark, beside)}
        is_ours = bool(db.execute(text(change), values).rowcount)
    else:
        query = text(f"SELECT 1 FROM sse_positions WHERE {MINE}{dialect.for_share}")
        is_ours = db.execute(query, key(claim)).first() is not None
    if is_ours and mark.beside is not None:
        _record_beside(db, dialect, claim.name, mark.beside)
    return is_ours


def _change(dialect: Dialect, mark: Mark, beside: Beside) -> str:
    """What a mark does to the row, as one statement; empty if nothing."""
    if mark.position is not None:
        return (
            "UPDATE sse_positions SET position = :position, seq = :seq,"
            " starts = :starts, hand = :hand, begun = :begun,"
            f" committed_at = {dialect.now} WHERE {MINE} AND seq < :seq"
        )
    changes = ["starts = starts + 1"] * beside.is_start
    changes += ["hand = :hand, begun = :begun"] * (beside.hand is not None)
    if not changes:
        return ""
    return f"UPDATE sse_positions SET {', '.join(changes)} WHERE {MINE}"


def _values(mark: Mark, beside: Beside) -> dict[str, Any]:
    return {
        "position": mark.position,
        "seq": mark.seq,
        "starts": 1 + beside.is_start,
        "hand": beside.hand if beside.begun else None,
        "begun": 0 if beside.hand is None else beside.begun,
    }


def _record_beside(db: Connection, dialect: Dialect, name: str, beside: Beside) -> None:
    """Each table's rows come before its deletions, and the tables in one order: then no
    two transactions wait for each other.
    """
    digests = [
        {"name": name, "digest": digest(k), "key": kept(k)} for k in beside.ahead
    ]
    _all(db, dialect.upsert(ahead), digests)
    _all(db, _deletion(ahead), _found(name, beside.passed))
    now: Any = literal_column(dialect.now)
    burial = dialect.upsert(letters).values(buried_at=now)
    _all(db, burial, [row_of(name, letter) for letter in beside.buried])
    _all(db, _deletion(letters), _found(name, beside.settled))
    if beside.recent is not None:
        ids = json.dumps(beside.recent)
        db.execute(dialect.upsert(recent), {"name": name, "ids": ids})


def _all(db: Connection, statement: Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(statement, rows)


def _deletion(table: Table) -> Delete:
    return delete(table).where(
        table.c.name == bindparam("of"), table.c.digest == bindparam("which")
    )


def _found(name: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    return [{"of": name, "which": digest(each)} for each in keys]
