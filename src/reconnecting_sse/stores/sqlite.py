"""Positions in a file of SQLite's: for many names, in many processes of one machine."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import ClaimLost
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.sqlite_file import SqliteFile
from reconnecting_sse.stores.sqlite_transaction import SqliteTransaction
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from reconnecting_sse.core.claims import Mark

_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_MINE = "name = ? AND token = ? AND nonce = ?"


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
        self._file = SqliteFile(path)

    def __repr__(self) -> str:
        return f"<SqliteStore {self._file.path}>"

    # ------------------------------------------------------------------ claims

    def claim(self, name: str, lease: float | None, owner: str) -> Claim | Held:
        """Take the name over, unless another's lease runs."""
        texts.check(name)
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
        return SqliteTransaction(claim, self._file.begin())

    def end(self, transaction: SqliteTransaction, mark: Mark) -> None:
        """Record the position as the last statement, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is rolled back.
            StoreRefused: The transaction was ended by a statement of the caller's.
            StoreUnavailable: It failed: all is rolled back.
        """
        claim, connection = transaction.claim, transaction.connection
        with self._file.ending(connection):
            if not _record(connection, claim, mark):
                raise _lost(claim)

    def abort(self, transaction: SqliteTransaction) -> None:
        """Roll back."""
        self._file.abort(transaction.connection)

    # ------------------------------------------------------------------ for people

    def places(self) -> list[Place]:
        """All names, as they are committed; waits for nobody."""
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT name, position, {_NOW} - committed_at, owner,"
                f" lease_until - {_NOW}, token FROM sse_positions ORDER BY name"
            ).fetchall()
        return [Place(*row) for row in rows]

    def put(self, name: str, position: str | None) -> None:
        """Set or forget a position; whoever held a claim has lost it."""
        texts.check(name, position)
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO sse_positions (name) VALUES (?)", [name])
            db.execute(
                "UPDATE sse_positions SET token = token + 1, nonce = ?, seq = 0,"
                " position = ?, owner = '', lease_until = NULL, starts = 0,"
                f" hand = NULL, begun = 0, committed_at = {_NOW} WHERE name = ?",
                [secrets.token_hex(8), position, name],
            )

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction of our own."""
        return self._file.writing()


def _record(db: sqlite3.Connection, claim: Claim, mark: Mark) -> bool:
    """Whether the position was: the claim stands, and the ``seq`` is new."""
    texts.check(mark.position)
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


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " the transaction is rolled back"
    )
