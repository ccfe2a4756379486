"""Positions in a file of SQLite's: for many names, in many processes of one machine."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import ClaimLost
from reconnecting_sse.stores import sqlite_letters as letters
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.rows import MINE, key
from reconnecting_sse.stores.sqlite_file import SqliteFile
from reconnecting_sse.stores.sqlite_fleets import beat
from reconnecting_sse.stores.sqlite_marks import is_held, record
from reconnecting_sse.stores.sqlite_schema import NOW
from reconnecting_sse.stores.sqlite_transaction import SqliteTransaction
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from reconnecting_sse.core.claims import DeadLetter, Mark, Recalled


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
                f"SELECT owner, lease_until - {NOW}, takeovers, {NOW}"
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
                    f"UPDATE sse_positions SET lease_until = {NOW} + :lease"
                    f" WHERE {MINE}",
                    {**key(claim), "lease": lease},
                ).rowcount
            ]

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> list[Claim]:
        """Record marks; the claims that are lost."""
        with self._writing() as db:
            return [
                claim
                for claim, mark in marks
                if not record(db, claim, mark) and not is_held(db, claim)
            ]

    def release(self, claim: Claim) -> None:
        """Leave the name to the next."""
        with self._writing() as db:
            db.execute(
                "UPDATE sse_positions SET owner = '', lease_until = NULL, starts = 0"
                f" WHERE {MINE}",
                key(claim),
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

    def recall(self, claim: Claim) -> Recalled:
        """What the last life has left."""
        with self._file.reading() as db:
            return letters.recall(db, claim)

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
            if not record(connection, claim, mark):
                raise _lost(claim)

    def abort(self, transaction: SqliteTransaction) -> None:
        """Roll back."""
        self._file.abort(transaction.connection)

    # ------------------------------------------------------------------ dead letters

    def replays(self, claims: Sequence[Claim]) -> list[DeadLetter]:
        """Those that are to be handed over once more; waits for nobody."""
        with self._file.reading() as db:
            return letters.replays(db, claims)

    def letters(self, name: str | None = None) -> list[DeadLetter]:
        """All, or those of a name, oldest first; waits for nobody."""
        with self._file.reading() as db:
            return letters.letters(db, name)

    def replay(self, name: str, keys: Sequence[str]) -> int:
        """Have some handed over once more."""
        with self._writing() as db:
            return letters.replay(db, name, keys)

    def drop(self, name: str, keys: Sequence[str]) -> int:
        """Delete some."""
        with self._writing() as db:
            return letters.drop(db, name, keys)

    # ------------------------------------------------------------------ fleets

    def beat(self, fleet: str, member: str, lease: float | None) -> list[str]:
        """Be a member for a while; all that are."""
        with self._writing() as db:
            return beat(db, fleet, member, lease)

    # ------------------------------------------------------------------ for people

    def places(self) -> list[Place]:
        """All names, as they are committed; waits for nobody."""
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT name, position, {NOW} - committed_at, owner,"
                f" lease_until - {NOW}, token FROM sse_positions ORDER BY name"
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
                f" hand = NULL, begun = 0, committed_at = {NOW} WHERE name = ?",
                [secrets.token_hex(8), position, name],
            )
            db.execute("DELETE FROM sse_ahead WHERE name = ?", [name])
            db.execute("DELETE FROM sse_recent WHERE name = ?", [name])

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction of our own."""
        return self._file.writing()


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " the transaction is rolled back"
    )
