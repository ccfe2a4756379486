"""Where databases differ: their clocks, their locks, and whom they can end.

An owner may be frozen at any moment. So a transaction of ours is *fenced* before it
locks a row: the database ends it where its process does nothing for some seconds. One
of the caller's is fenced at its end only, since he may take his time; it is *marked*,
and whoever takes over ends it by its mark.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, text
from sqlalchemy.dialects import mysql, postgresql, sqlite

from reconnecting_sse.core.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Insert, Table

FENCE_SECONDS = 5
"""How long a fenced transaction may hold locks, and its process do nothing."""

WAIT_SECONDS = 2 * FENCE_SECONDS
"""How long one waits for locks that a fence will free."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One that knows of no locks but the whole database's: SQLite.

    Attributes:
        now: Seconds, as an expression; where a statement waits for a lock, at its
            begin or later: an owner counts his lease from before that.
        for_update: What locks a row that is read.
        for_share: What keeps others from locking a row so that is read; any number may.
        is_exclusive: Whether a transaction shuts out all others that write.
        ends: How statements begin that end a transaction, as a pattern.
        insert: Makes an INSERT that may say what becomes of a row that is there.
    """

    now: str = "(julianday('now') - 2440587.5) * 86400.0"
    for_update: str = ""
    for_share: str = ""
    is_exclusive: bool = True
    ends: str = r"COMMIT|ROLLBACK(?!.*\bTO\b)|BEGIN|END\b"
    insert: Callable[[Table], Any] = sqlite.insert

    def check(self, db: Connection) -> None:
        """Raise, if what should be a transaction is none: AUTOCOMMIT."""

    def fence(self, db: Connection) -> None:
        """Let the database end this transaction if its process does nothing."""
        # The driver would begin with the first change, after what was read for it.
        driver: Any = db.connection.driver_connection
        if not driver.in_transaction:
            db.exec_driver_sql("BEGIN IMMEDIATE")

    def mark(self, db: Connection, nonce: str) -> None:  # noqa: ARG002
        """Let whoever takes over find this transaction."""
        self.fence(db)

    def end_marked(self, db: Connection, nonce: str) -> None:
        """End the transaction of an owner who is one no more, if there is one."""

    def restore(self, db: Connection, nonce: str) -> None:
        """Leave nothing of fence and mark to whoever has the connection next."""

    def upsert(self, table: Table) -> Insert:
        """Insert rows; those of the same key, and no others, are locked and replaced.

        To delete what may be there, and then to insert, locks gaps in MariaDB.
        """
        made = self.insert(table)
        values = {each.name: each for each in made.excluded if not each.primary_key}
        key = list(table.primary_key.columns)
        return made.on_conflict_do_update(index_elements=key, set_=values)  # type: ignore[no-any-return]


class _PostgreSQL(Dialect):
    __slots__ = ()

    def check(self, db: Connection) -> None:
        # It allows them within transactions only.
        with db.begin_nested():
            pass

    def fence(self, db: Connection) -> None:
        db.execute(
            text(
                "SELECT set_config('lock_timeout', :wait, true),"
                " set_config('idle_in_transaction_session_timeout', :limit, true)"
            ),
            {"wait": f"{WAIT_SECONDS}s", "limit": f"{FENCE_SECONDS}s"},
        )

    def mark(self, db: Connection, nonce: str) -> None:
        name = text("SELECT set_config('application_name', :mark, true)")
        db.execute(name, {"mark": _mark(nonce)})

    def end_marked(self, db: Connection, nonce: str) -> None:
        db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = :mark AND usename = session_user"
                " AND pid <> pg_backend_pid()"
            ),
            {"mark": _mark(nonce)},
        )


class _MySQL(Dialect):
    """MySQL and MariaDB; the second one alone ends who does nothing."""

    __slots__ = ()

    def check(self, db: Connection) -> None:
        if db.execute(text("SELECT @@autocommit")).scalar():
            raise StoreRefused("the engine commits each statement by itself")

    def fence(self, db: Connection) -> None:
        settings = (
            f"@sse_{name} = @@SESSION.{name}, SESSION {name} = {value}"
            for name, value in _settings(db).items()
        )
        db.execute(text(f"SET {', '.join(settings)}"), {})

    def mark(self, db: Connection, nonce: str) -> None:
        # A lock by name is one session's: of several of a claim, each has its own.
        lock = text("SELECT GET_LOCK(CONCAT(:mark, ' ', CONNECTION_ID()), 0)")
        db.execute(lock, {"mark": _mark(nonce)})

    def end_marked(self, db: Connection, nonce: str) -> None:
        sessions = text(
            "SELECT id FROM information_schema.processlist"
            " WHERE IS_USED_LOCK(CONCAT(:mark, ' ', id)) = id AND id <> CONNECTION_ID()"
        )
        for session in db.scalars(sessions, {"mark": _mark(nonce)}).all():
            with suppress(exc.DBAPIError):  # it has ended by itself
                db.execute(text(f"KILL {int(session)}"))

    def restore(self, db: Connection, nonce: str) -> None:
        settings = (
            f"SESSION {name} = COALESCE(@sse_{name}, @@SESSION.{name})"
            for name in _settings(db)
        )
        free = "@sse_free = RELEASE_LOCK(CONCAT(:mark, ' ', CONNECTION_ID()))"
        statement = f"SET {', '.join([free, *settings])}"
        db.execute(text(statement), {"mark": _mark(nonce)})

    def upsert(self, table: Table) -> Insert:
        made = mysql.insert(table)
        values = {each.name: each for each in made.inserted if not each.primary_key}
        return made.on_duplicate_key_update(values)


def _settings(db: Connection) -> dict[str, int]:
    """Those of a session that a fence changes."""
    found = {"innodb_lock_wait_timeout": WAIT_SECONDS}
    if getattr(db.dialect, "is_mariadb", False):
        found["idle_write_transaction_timeout"] = FENCE_SECONDS
        version = db.dialect.server_version_info or ()
        if version >= (11, 4, 2) or (10, 11, 8) <= version < (11,):
            # The default since 11.6: a renewal after what the caller has read first
            # would be the end of his transaction.
            found["innodb_snapshot_isolation"] = 0
    return found


def _mark(nonce: str) -> str:
    return f"reconnecting-sse {nonce}"


_MYSQL = _MySQL(
    # Of UTC: local time goes back by an hour once a year.
    "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6",
    " FOR UPDATE",
    " LOCK IN SHARE MODE",
    is_exclusive=False,
    # There, what changes tables commits.
    ends=r"COMMIT|ROLLBACK(?!.*\bTO\b)|BEGIN|START\b|XA\b|SET\s+(?:SESSION\s+|@@)?"
    r"AUTOCOMMIT|(?:CREATE|DROP)\s+(?!TEMPORARY)|ALTER|TRUNCATE|RENAME|GRANT|REVOKE"
    r"|(?:UN)?LOCK\s+TABLE",
)
_DIALECTS = {
    "postgresql": _PostgreSQL(
        "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
        " FOR UPDATE",
        # Renewals and commits need not wait for it: those that always overlap would
        # let none of them through.
        " FOR KEY SHARE",
        is_exclusive=False,
        ends=r"COMMIT|ROLLBACK(?!.*\bTO\b)|ABORT|BEGIN|START\b|END\b|PREPARE\s+TRANS",
        insert=postgresql.insert,
    ),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlite": Dialect(),
}


def of(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        StoreRefused: There is none.
    """
    if name not in _DIALECTS:
        known = ", ".join(_DIALECTS)
        raise StoreRefused(f"positions are kept in {known}, and not in {name}")
    return _DIALECTS[name]
