"""Who is a member of a fleet, as a ``SqlStore`` keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, delete, literal_column, select

from reconnecting_sse.stores import texts
from reconnecting_sse.stores.sql_schema import members as table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reconnecting_sse.stores.sql_dialects import Dialect


def beat(
    db: Connection, dialect: Dialect, *, fleet: str, member: str, lease: float | None
) -> list[str]:
    """Be a member for a while, or no more; all that are."""
    texts.check(fleet, member)
    now: Any = literal_column(dialect.now, Double)
    ours = table.c.fleet == fleet
    ended = db.scalars(select(table.c.member).where(ours, table.c.until <= now))
    # In one order always, so that no two lock each other out.
    for each in sorted({*ended, member}):
        if each != member:
            gone = delete(table).where(ours, table.c.member == each)
            db.execute(gone.where(table.c.until <= now))
        elif lease is None:
            db.execute(delete(table).where(ours, table.c.member == each))
        else:
            until = dialect.upsert(table).values(until=now + lease)
            db.execute(until, {"fleet": fleet, "member": each})
    living = select(table.c.member).where(ours, table.c.until > now)
    return sorted(db.scalars(living))
