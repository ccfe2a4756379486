"""What a ``SqlStore`` tells of dead letters, and of what a last life has left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, delete, literal_column, select, true, update

from reconnecting_sse.core.claims import Recalled
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.letters import COLUMNS, digest, letter_of, told
from reconnecting_sse.stores.sql_schema import ahead, recent
from reconnecting_sse.stores.sql_schema import letters as table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

    from reconnecting_sse.core.claims import Claim, DeadLetter
    from reconnecting_sse.stores.sql_dialects import Dialect

_AT_ONCE = 500
"""How many rows a statement names: databases limit that."""


def recall(db: Connection, _dialect: Dialect, *, claim: Claim) -> Recalled:
    """What the last life has left beside the position."""
    keys = db.scalars(select(ahead.c.key).where(ahead.c.name == claim.name)).all()
    ids = db.scalar(select(recent.c.ids).where(recent.c.name == claim.name))
    return Recalled(frozenset(map(told, keys)), tuple(json.loads(ids or "[]")))


def replays(
    db: Connection, dialect: Dialect, *, claims: Sequence[Claim]
) -> list[DeadLetter]:
    """Those that are to be handed over once more."""
    names = table.c.name.in_([each.name for each in claims])
    return _found(db, dialect, table.c.is_replayed == true(), names)


def letters(db: Connection, dialect: Dialect, *, name: str | None) -> list[DeadLetter]:
    """All, or those of a name, oldest first."""
    return _found(db, dialect, *[table.c.name == name] * (name is not None))


def replay(db: Connection, _dialect: Dialect, *, name: str, keys: Sequence[str]) -> int:
    """Have some handed over once more; how many there were."""
    wish = update(table).values(is_replayed=True)
    return sum(db.execute(wish.where(part)).rowcount for part in _parts(name, keys))


def drop(db: Connection, _dialect: Dialect, *, name: str, keys: Sequence[str]) -> int:
    """Delete some; how many there were."""
    return sum(
        db.execute(delete(table).where(part)).rowcount for part in _parts(name, keys)
    )


def _found(
    db: Connection, dialect: Dialect, *which: ColumnElement[bool]
) -> list[DeadLetter]:
    now: Any = literal_column(dialect.now, Double)
    columns = [table.c[each] for each in COLUMNS]
    query = select(*columns, now - table.c.buried_at).where(*which)
    rows = db.execute(query.order_by(table.c.buried_at, table.c.digest))
    return [letter_of(row) for row in rows]


def _parts(name: str, keys: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """What finds some of the rows, and all of them together."""
    texts.check(name, *keys)
    digests = sorted({digest(each) for each in keys})
    for n in range(0, len(digests), _AT_ONCE):
        part = table.c.digest.in_(digests[n : n + _AT_ONCE])
        yield (table.c.name == name) & part
