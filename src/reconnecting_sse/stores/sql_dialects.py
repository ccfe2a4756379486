"""Where databases differ: their clocks, their locks, and what their errors mean."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, text

from reconnecting_sse.core.errors import (
    StoreRefused,
    StoreUnavailable,
    redacted,
    shortened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

FENCE_SECONDS = 5
"""How long a transaction may hold locks, and its process do nothing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One that knows of no locks but the whole database's, as SQLite.

    Attributes:
        now: Seconds, as an expression: this moment's, not the transaction's.
        for_update: What locks a row that is read.
        is_exclusive: Whether a transaction shuts out all others.
    """

    now: str = "(julianday('now') - 2440587.5) * 86400.0"
    for_update: str = ""
    is_exclusive: bool = True

    def wait_for_locks(self, db: Connection) -> None:
        """Wait for locks in this transaction, but not for ever."""

    def begin(self, db: Connection, nonce: str) -> None:
        """Let the transaction be ended whose process does nothing."""

    def end_sessions(self, db: Connection, nonce: str) -> None:
        """End the transactions of an owner who is one no more."""


class _PostgreSQL(Dialect):
    __slots__ = ()

    def wait_for_locks(self, db: Connection) -> None:
        db.execute(text(f"SET LOCAL lock_timeout = '{2 * FENCE_SECONDS}s'"))

    def begin(self, db: Connection, nonce: str) -> None:
        limit = f"'{FENCE_SECONDS}s'"
        db.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {limit}"))
        db.execute(text(f"SET LOCAL application_name = '{_session(nonce)}'"))

    def end_sessions(self, db: Connection, nonce: str) -> None:
        db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = :session AND usename = current_user"
                " AND pid <> pg_backend_pid()"
            ),
            {"session": _session(nonce)},
        )


class _MariaDB(Dialect):
    __slots__ = ()

    def wait_for_locks(self, db: Connection) -> None:
        limit = 2 * FENCE_SECONDS
        db.execute(text(f"SET SESSION innodb_lock_wait_timeout = {limit}"))

    def begin(self, db: Connection, nonce: str) -> None:  # noqa: ARG002
        # Of MariaDB alone: MySQL has none, and ends nobody.
        if getattr(db.dialect, "is_mariadb", False):
            limit = FENCE_SECONDS
            db.execute(text(f"SET SESSION idle_write_transaction_timeout = {limit}"))


def _session(nonce: str) -> str:
    return f"reconnecting-sse {nonce}"


_MYSQL = _MariaDB("UNIX_TIMESTAMP(SYSDATE(6)) + 0e0", " FOR UPDATE", is_exclusive=False)
_DIALECTS = {
    "postgresql": _PostgreSQL(
        "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
        " FOR UPDATE",
        is_exclusive=False,
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


def shown(engine: Engine) -> str:
    """The database, as messages may show it."""
    return redacted(engine.url.render_as_string(hide_password=True))


_REFUSED_STATES = ("28", "3D", "42", "0A")
"""Classes of SQLSTATE: credentials, no such database, no such table or no right."""

_REFUSED_NUMBERS = {1044, 1045, 1049, 1142, 1143, 1146, 1227, 1698}
"""Of MySQL and MariaDB, for the same."""

_REFUSED_WORDS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "not a database",
    "unable to open database file",
    "readonly database",
    "no such table",
)
"""Where a driver gives no number: as it connects."""


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Errors of SQLAlchemy, and of its drivers, as a store's."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        said = shortened(str(cause).strip())
        kind = StoreRefused if _is_hopeless(cause) else StoreUnavailable
        raise kind(f"{shown(engine)}: {said}") from error


def _is_hopeless(cause: Any) -> bool:
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state).startswith(_REFUSED_STATES)
    number = cause.args[0] if cause.args else None
    said = str(cause)
    return number in _REFUSED_NUMBERS or any(word in said for word in _REFUSED_WORDS)
