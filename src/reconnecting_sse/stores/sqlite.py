"""Positions in a file of SQLite's: for many names, in many processes of one machine."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import ClaimLost, StoreRefused, StoreUnavailable
from reconnecting_sse.stores import sqlite_beside as beside
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconnecting_sse.core.claims import DeadLetter, Mark, Recalled

VERSION = 1
"""The schema's; a newer one is refused."""

BUSY_SECONDS = 5.0
"""How long a program is waited for that locks the file without our lock beside it."""

_NOW = beside.NOW
_MINE = "name = ? AND token = ? AND nonce = ?"
_SCHEMA = f"""
{beside.SCHEMA}
CREATE TABLE IF NOT EXISTS sse_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sse_positions (
    name TEXT PRIMARY KEY,
    position TEXT,
    seq INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    nonce TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    lease_until REAL,
    committed_at REAL,
    takeovers TEXT NOT NULL DEFAULT '',
    starts INTEGER NOT NULL DEFAULT 0,
    hand TEXT,
    begun INTEGER NOT NULL DEFAULT 0
);
"""

_HOPELESS = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""What no other try mends; what is locked, full or broken may be mended."""


@dataclass(slots=True)
class SqliteTransaction:
    """One that is open, with what is the caller's to write on."""

    claim: Claim
    connection: sqlite3.Connection


class SqliteStore:
    """Positions in ``path``, which may be the application's own database.

    Thread-safe, and safe between processes: an exclusive lock on a file beside it lets
    one write after the other, in their order. While a transaction is open every other
    write to the file waits, of all names.

    Args:
        path: The file; made if there is none, in a folder that exists.
    """

    is_async: bool = False
    is_exclusive: bool = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._gate: int | None = None
        self._strange: list[object] = []  # of another process: not to be closed here

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path}>"

    # ------------------------------------------------------------------ claims

    def claim(self, name: str, lease: float | None, owner: str) -> Claim | Held:
        """Take the name over, unless another's lease runs."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO sse_positions (name) VALUES (?)", [name])
            last_owner, left, takeovers, now = db.execute(
                f"SELECT owner, lease_until - {_NOW}, takeovers, {_NOW}"
                " FROM sse_positions WHERE name = ?",
                [name],
            ).fetchone()
            if last_owner and left is not None and left > 0:
                return Held(left, last_owner)
            taken = with_takeover(takeovers, now) if last_owner else ""
            until = None if lease is None else now + lease
            row = db.execute(
                "UPDATE sse_positions SET token = token + 1, nonce = ?, seq = 0,"
                " owner = ?, lease_until = ?, takeovers = ? WHERE name = ?"
                " RETURNING token, nonce, position, starts, hand, begun",
                [secrets.token_hex(8), owner, until, taken, name],
            ).fetchone()
        token, nonce, position, starts, hand, begun = row
        count = len(taken.split())
        return Claim(name, token, nonce, position, count, starts, hand, begun)

    def renew(self, claims: Sequence[Claim], lease: float) -> list[Claim]:
        """Let the leases run on; the claims that are lost."""
        with self._writing() as db:
            return [
                claim
                for claim in claims
                if not db.execute(
                    f"UPDATE sse_positions SET lease_until = {_NOW} + ? WHERE {_MINE}",
                    [lease, claim.name, claim.token, claim.nonce],
                ).rowcount
            ]

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> list[Claim]:
        """Record positions; the claims that are lost."""
        with self._writing() as db:
            return [
                claim
                for claim, mark in marks
                if not _record(db, claim, mark) and not _is_held(db, claim)
            ]

    def release(self, claim: Claim) -> None:
        """Leave the name to the next."""
        with self._writing() as db:
            db.execute(
                "UPDATE sse_positions SET owner = '', lease_until = NULL, starts = 0"
                f" WHERE {_MINE}",
                [claim.name, claim.token, claim.nonce],
            )

    def recover(self, claim: Claim) -> tuple[Claim, int]:
        """Bump the token; the new claim, and the ``seq``."""
        with self._writing() as db:
            row = db.execute(
                "UPDATE sse_positions SET token = token + 1"
                " WHERE name = ? AND nonce = ? RETURNING token, position, seq",
                [claim.name, claim.nonce],
            ).fetchone()
        if row is None:
            raise _lost(claim)
        token, position, seq = row
        return Claim(claim.name, token, claim.nonce, position), seq

    # ------------------------------------------------------------------ transactions

    def begin(self, claim: Claim) -> SqliteTransaction:
        """Begin one: its ``connection`` can do everything but end it."""
        self._own()
        self._lock.acquire()
        try:
            with self._translated():
                connection = self._begun()
                connection.set_authorizer(_refuse_ends)
        except BaseException:
            self._lock.release()
            raise
        return SqliteTransaction(claim, connection)

    def end(self, transaction: SqliteTransaction, mark: Mark) -> None:
        """Record the position as the last statement, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is rolled back.
            StoreRefused: The transaction was ended by a statement of the caller's.
            StoreUnavailable: It failed: all is rolled back.
        """
        claim, connection = transaction.claim, transaction.connection
        try:
            with self._translated():
                connection.set_authorizer(None)
                if not connection.in_transaction:
                    raise StoreRefused(
                        f"{self._path}: the transaction was ended within, as INSERT OR"
                        " ROLLBACK does; its position is not recorded"
                    )
                if not _record(connection, claim, mark):
                    raise _lost(claim)
                connection.execute("COMMIT")
        finally:
            self._leave(connection)
            self._lock.release()

    def abort(self, transaction: SqliteTransaction) -> None:
        """Roll back."""
        with suppress(sqlite3.Error):  # closed by the caller: that rolled back, too
            transaction.connection.set_authorizer(None)
        self._leave(transaction.connection)
        self._lock.release()

    # ------------------------------------------------------------------ beside

    def recall(self, claim: Claim) -> Recalled:
        """What the last life has left."""
        with self._writing() as db:
            return beside.recall(db, claim)

    def replays(self, claims: Sequence[Claim]) -> list[DeadLetter]:
        """Those that are to be handed over once more."""
        with self._writing() as db:
            return beside.replays(db, [claim.name for claim in claims])

    def letters(self, name: str | None = None) -> list[DeadLetter]:
        """All, or those of a name, oldest first."""
        with self._writing() as db:
            return beside.letters(db, name)

    def replay(self, name: str, keys: Sequence[str]) -> int:
        """Have some handed over once more."""
        with self._writing() as db:
            return beside.replay(db, name, keys)

    def drop(self, name: str, keys: Sequence[str]) -> int:
        """Delete some."""
        with self._writing() as db:
            return beside.drop(db, name, keys)

    def beat(self, fleet: str, member: str, lease: float | None) -> list[str]:
        """Be a member for a while; all that are."""
        with self._writing() as db:
            return beside.beat(db, fleet, member, lease)

    # ------------------------------------------------------------------ for people

    def places(self) -> list[Place]:
        """All names."""
        with self._writing() as db:
            rows = db.execute(
                f"SELECT name, position, {_NOW} - committed_at, owner,"
                f" lease_until - {_NOW}, token FROM sse_positions ORDER BY name"
            ).fetchall()
        return [Place(*row) for row in rows]

    def put(self, name: str, position: str | None) -> None:
        """Set or forget a position; whoever held a claim has lost it."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO sse_positions (name) VALUES (?)", [name])
            db.execute(
                "UPDATE sse_positions SET token = token + 1, nonce = ?, seq = 0,"
                f" position = ?, owner = '', lease_until = NULL, committed_at = {_NOW}"
                " , starts = 0, hand = NULL, begun = 0 WHERE name = ?",
                [secrets.token_hex(8), position, name],
            )
            beside.forget(db, name)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._own()
        with self._lock:
            self._close()

    # ------------------------------------------------------------------ the file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of our own."""
        self._own()
        with self._lock, self._translated():
            connection = self._begun()
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                self._leave(connection)

    def _begun(self) -> sqlite3.Connection:
        """A transaction, once it is this one's turn among all processes."""
        connection, gate = self._opened()
        fcntl.flock(gate, fcntl.LOCK_EX)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            fcntl.flock(gate, fcntl.LOCK_UN)
            raise
        return connection

    def _leave(self, connection: sqlite3.Connection) -> None:
        """The turn is over, and what is not committed rolled back."""
        try:
            if connection.in_transaction:
                connection.rollback()
        except sqlite3.Error:
            self._close()
        finally:
            if self._gate is not None:
                fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _own(self) -> None:
        """After a fork, begin anew: closing a parent's file would drop its locks."""
        if self._process != os.getpid():
            self._strange += [self._connection, self._gate]
            self._connection = self._gate = None
            self._lock, self._process = threading.Lock(), os.getpid()

    def _opened(self) -> tuple[sqlite3.Connection, int]:
        if self._connection is None:
            self._connection = self._connected()
        if self._gate is None:
            beside = f"{self._path}-lock"
            self._gate = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._make_schema(self._connection, self._gate)
        return self._connection, self._gate

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_schema(self, connection: sqlite3.Connection, gate: int) -> None:
        fcntl.flock(gate, fcntl.LOCK_EX)
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
            self._check_version(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._close()
            raise
        finally:
            with suppress(OSError):  # closed with all that it locked
                fcntl.flock(gate, fcntl.LOCK_UN)

    def _check_version(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("SELECT max(version) FROM sse_schema").fetchone()
        (version,) = found
        if version is None:
            connection.execute("INSERT INTO sse_schema VALUES (?)", [VERSION])
        elif version > VERSION:
            raise StoreRefused(
                f"{self._path} was made by a newer version of this package (its"
                f" schema is {version}, and this one knows {VERSION}): update it"
            )

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        gate, self._gate = self._gate, None
        if connection is not None:
            connection.close()
        if gate is not None:
            os.close(gate)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", None)
            is_hopeless = code is not None and (code & 0xFF) in _HOPELESS
            is_hopeless = is_hopeless or isinstance(error, (OSError, sqlite3.Warning))
            kind = StoreRefused if is_hopeless else StoreUnavailable
            raise kind(f"{self._path}: {error}") from error


def _record(db: sqlite3.Connection, claim: Claim, mark: Mark) -> bool:
    """Whether the mark was: the claim stands, and the ``seq`` is new."""
    is_due = _is_held(db, claim) if mark.position is None else _move(db, claim, mark)
    if is_due and mark.beside is not None:
        beside.record_beside(db, claim.name, mark.beside)
    return is_due


def _move(db: sqlite3.Connection, claim: Claim, mark: Mark) -> bool:
    return bool(
        db.execute(
            "UPDATE sse_positions SET position = ?, seq = ?, starts = 1, hand = NULL,"
            f" begun = 0, committed_at = {_NOW} WHERE {_MINE} AND seq < ?",
            [mark.position, mark.seq, claim.name, claim.token, claim.nonce, mark.seq],
        ).rowcount
    )


def _is_held(db: sqlite3.Connection, claim: Claim) -> bool:
    found = db.execute(
        f"SELECT 1 FROM sse_positions WHERE {_MINE}",
        [claim.name, claim.token, claim.nonce],
    )
    return found.fetchone() is not None


def _refuse_ends(action: int, *_: str | None) -> int:
    """The caller may do everything but end the transaction."""
    is_end = action == sqlite3.SQLITE_TRANSACTION
    return sqlite3.SQLITE_DENY if is_end else sqlite3.SQLITE_OK


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " the transaction is rolled back"
    )
