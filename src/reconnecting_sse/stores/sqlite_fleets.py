"""Who is a member of a fleet, as a ``SqliteStore`` keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.stores import texts
from reconnecting_sse.stores.sqlite_schema import NOW

if TYPE_CHECKING:
    import sqlite3

_JOIN = f"INSERT OR REPLACE INTO sse_members VALUES (?, ?, {NOW} + ?)"
_LEAVE = f"DELETE FROM sse_members WHERE fleet = ? AND until <= {NOW}"


def beat(
    db: sqlite3.Connection, fleet: str, member: str, lease: float | None
) -> list[str]:
    """Be a member for a while, or no more; all that are."""
    texts.check(fleet, member)
    db.execute(_JOIN, [fleet, member, lease or 0.0])
    db.execute(_LEAVE, [fleet])
    rows = db.execute("SELECT member FROM sse_members WHERE fleet = ?", [fleet])
    return sorted(member for (member,) in rows)
