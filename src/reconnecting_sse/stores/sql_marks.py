"""What a ``SqlStore`` records: positions, and what is beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, bindparam, delete, literal_column, text

from reconnecting_sse.stores import texts
from reconnecting_sse.stores.letters import keyed, row_of
from reconnecting_sse.stores.rows import MINE, change, key, values
from reconnecting_sse.stores.sql_calls import is_held
from reconnecting_sse.stores.sql_schema import ahead, letters, recent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Executable, Table

    from reconnecting_sse.core.claims import Beside, Claim, Mark
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

    The row is locked first, so that nobody takes over in between: whoever does locks it
    before he changes the token. Where nothing in it changes, any number of transactions
    of the claim may hold that lock at once.
    """
    texts.check_marks([mark])
    if statement := change(mark, dialect.now):
        is_ours = bool(db.execute(text(statement), values(claim, mark)).rowcount)
    else:
        query = text(f"SELECT 1 FROM sse_positions WHERE {MINE}{dialect.for_share}")
        is_ours = db.execute(query, key(claim)).first() is not None
    if is_ours and mark.beside is not None:
        _record_beside(db, dialect, claim.name, mark.beside)
    return is_ours


def _record_beside(db: Connection, dialect: Dialect, name: str, beside: Beside) -> None:
    """Each table's rows come before its deletions, and the tables in one order: then no
    two transactions wait for each other.
    """
    _all(db, dialect.upsert(ahead), keyed(name, beside.ahead))
    _all(db, _deletion(ahead), keyed(name, beside.passed))
    now: Any = literal_column(dialect.now)
    burial = dialect.upsert(letters).values(buried_at=now)
    _all(db, burial, [row_of(name, letter) for letter in beside.buried])
    _all(db, _deletion(letters), keyed(name, beside.settled))
    if beside.recent is not None:
        ids = json.dumps(beside.recent)
        db.execute(dialect.upsert(recent), {"name": name, "ids": ids})


def _all(db: Connection, statement: Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(statement, rows)


def _deletion(table: Table) -> Delete:
    is_of_name = table.c.name == bindparam("name")
    return delete(table).where(is_of_name, table.c.digest == bindparam("digest"))
