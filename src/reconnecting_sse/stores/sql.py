"""Positions in a database that SQLAlchemy knows, on either face."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable
from reconnecting_sse.stores import sql_dialects as dialects
from reconnecting_sse.stores.sql_schema import make_schema
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

    from reconnecting_sse.core.claims import Mark

_NOT_YOURS = "the transaction ends with its with block, and not by a statement within"
_ENDS = re.compile(
    r"\s*(?:COMMIT|ROLLBACK(?!\s+TO)|BEGIN|START\s|END\b)", re.IGNORECASE
)
_NEW_ROW = text(
    "INSERT INTO sse_positions (name, seq, token, nonce, owner, takeovers, starts,"
    " begun) VALUES (:name, 0, 0, '', '', '', 0, 0)"
)
_MINE = "name = :name AND token = :token AND nonce = :nonce"


@dataclass(eq=False, slots=True)
class SqlTransaction:
    """One that is open.

    Attributes:
        connection: What the caller writes on; he cannot end the transaction.
        is_ours: Whether it is being ended by us.
        was_ended: Whether he tried.
    """

    claim: Claim
    connection: Any
    is_ours: bool = False
    was_ended: bool = False


class SqlStore:
    """Positions by an ``Engine`` or an ``AsyncEngine``: PostgreSQL, MariaDB, SQLite.

    Its tables begin with ``sse_`` and are made on first use. Leases go by the
    database's clock. The engine stays the caller's: he disposes of it.

    Args:
        engine: Of SQLAlchemy 2. READ COMMITTED suffices.
    """

    def __init__(self, engine: Engine | AsyncEngine) -> None:
        self._engine = engine
        self.is_async: bool = isinstance(engine, AsyncEngine)
        self._plain: Engine = (
            engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        )
        self._dialect = dialects.of(self._plain.dialect.name)
        self.is_exclusive: bool = self._dialect.is_exclusive
        self._process = os.getpid()
        self._is_made = False

    def __repr__(self) -> str:
        return f"<SqlStore {dialects.shown(self._plain)}>"

    # ------------------------------------------------------------------ claims

    def claim(self, name: str, lease: float | None, owner: str) -> Any:
        """Take the name over, unless another's lease runs."""
        return self._run(partial(self._claim, name=name, lease=lease, owner=owner))

    def _claim(
        self, db: Connection, *, name: str, lease: float | None, owner: str
    ) -> Claim | Held:
        self._dialect.wait_for_locks(db)
        row = self._locked_row(db, name)
        left = 0.0 if row.lease_until is None else row.lease_until - row.now
        if row.owner and left > 0:
            return Held(left, row.owner)
        taken = with_takeover(row.takeovers, row.now) if row.owner else ""
        claim = Claim(
            name,
            row.token + 1,
            secrets.token_hex(8),
            row.position,
            len(taken.split()),
            row.starts,
            row.hand,
            row.begun,
        )
        db.execute(
            text(
                "UPDATE sse_positions SET token = :token, nonce = :nonce, seq = 0,"
                " owner = :owner, lease_until = :until, takeovers = :taken"
                " WHERE name = :name"
            ),
            {
                **_key(claim),
                "owner": owner,
                "until": None if lease is None else row.now + lease,
                "taken": taken,
            },
        )
        return claim

    def _locked_row(self, db: Connection, name: str) -> Any:
        query = text(
            "SELECT position, token, nonce, owner, lease_until, takeovers, starts,"
            f" hand, begun, {self._dialect.now} AS now FROM sse_positions"
            " WHERE name = :name"
        )
        last = db.execute(query, {"name": name}).first()
        if last is None:
            with suppress(exc.IntegrityError), db.begin_nested():
                db.execute(_NEW_ROW, {"name": name})
        elif last.owner and (last.lease_until or 0) <= last.now:
            # Whoever is frozen within a transaction may hold locks that we need.
            self._dialect.end_sessions(db, last.nonce)
        locked = text(query.text + self._dialect.for_update)
        return db.execute(locked, {"name": name}).one()

    def renew(self, claims: Sequence[Claim], lease: float) -> Any:
        """Let the leases run on, in one statement; the claims that are lost."""
        return self._run(partial(self._renew, claims=claims, lease=lease))

    def _renew(
        self, db: Connection, *, claims: Sequence[Claim], lease: float
    ) -> list[Claim]:
        which = " OR ".join(
            f"(name = :name{n} AND token = :token{n} AND nonce = :nonce{n})"
            for n in range(len(claims))
        )
        values: dict[str, Any] = {"lease": lease}
        for n, claim in enumerate(claims):
            values |= {f"{key}{n}": value for key, value in _key(claim).items()}
        renewal = text(
            f"UPDATE sse_positions SET lease_until = {self._dialect.now} + :lease"
            f" WHERE {which}"
        )
        if db.execute(renewal, values).rowcount == len(claims):
            return []
        return [claim for claim in claims if not self._is_held(db, claim)]

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Any:
        """Record positions; the claims that are lost."""
        return self._run(partial(self._commit, marks=marks))

    def _commit(
        self, db: Connection, *, marks: Sequence[tuple[Claim, Mark]]
    ) -> list[Claim]:
        return [
            claim
            # In one order always, so that no two lock each other out.
            for claim, mark in sorted(marks, key=lambda pair: pair[0].name)
            if not self._record(db, claim, mark) and not self._is_held(db, claim)
        ]

    def release(self, claim: Claim) -> Any:
        """Leave the name to the next."""
        return self._run(partial(self._release, claim=claim))

    def _release(self, db: Connection, *, claim: Claim) -> None:
        db.execute(
            text(
                "UPDATE sse_positions SET owner = '', lease_until = NULL, starts = 0"
                f" WHERE {_MINE}"
            ),
            _key(claim),
        )

    def recover(self, claim: Claim) -> Any:
        """Bump the token; the new claim, and the ``seq``."""
        return self._run(partial(self._recover, claim=claim))

    def _recover(self, db: Connection, *, claim: Claim) -> tuple[Claim, int]:
        self._dialect.wait_for_locks(db)
        self._dialect.end_sessions(db, claim.nonce)
        bump = text(
            "UPDATE sse_positions SET token = token + 1"
            " WHERE name = :name AND nonce = :nonce"
        )
        if not db.execute(bump, _key(claim)).rowcount:
            raise _lost(claim)
        row = db.execute(
            text("SELECT token, position, seq FROM sse_positions WHERE name = :name"),
            {"name": claim.name},
        ).one()
        return Claim(claim.name, row.token, claim.nonce, row.position), row.seq

    def _record(self, db: Connection, claim: Claim, mark: Mark) -> bool:
        """Whether the position was: the claim stands, and the ``seq`` is new."""
        record = text(
            "UPDATE sse_positions SET position = :position, seq = :seq, starts = 1,"
            f" hand = NULL, begun = 0, committed_at = {self._dialect.now}"
            f" WHERE {_MINE} AND seq < :seq"
        )
        values = {**_key(claim), "position": mark.position, "seq": mark.seq}
        return bool(db.execute(record, values).rowcount)

    def _is_held(self, db: Connection, claim: Claim) -> bool:
        query = text(f"SELECT 1 FROM sse_positions WHERE {_MINE}")
        return db.execute(query, _key(claim)).first() is not None

    # ------------------------------------------------------------------ transactions

    def begin(self, claim: Claim) -> Any:
        """Begin one: its ``connection`` can do everything but end it."""
        return self._abegin(claim) if self.is_async else self._begin(claim)

    def _begin(self, claim: Claim) -> SqlTransaction:
        self._own()
        with dialects.translated(self._plain):
            connection = self._plain.connect()
            try:
                return self._opened(SqlTransaction(claim, connection), connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise

    async def _abegin(self, claim: Claim) -> SqlTransaction:
        self._own()
        assert isinstance(self._engine, AsyncEngine)
        with dialects.translated(self._plain):
            connection = await self._engine.connect()
            try:
                transaction = SqlTransaction(claim, connection)
                return await connection.run_sync(partial(self._opened, transaction))
            except BaseException:
                await connection.invalidate()
                await connection.close()
                raise

    def _opened(self, transaction: SqlTransaction, db: Connection) -> SqlTransaction:
        db.begin()
        self._dialect.begin(db, transaction.claim.nonce)
        guard = partial(_refuse, transaction)
        event.listen(db, "commit", guard)
        event.listen(db, "rollback", guard)
        event.listen(db, "before_cursor_execute", partial(_refuse_words, transaction))
        return transaction

    def end(self, transaction: SqlTransaction, mark: Mark) -> Any:
        """Record the position as the last statement, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is rolled back.
            StoreUnavailable: It failed, or came without an answer: in doubt.
        """
        work = partial(self._end, transaction, mark)
        leave = self._aleave if self.is_async else self._leave
        return leave(transaction, work)

    def _end(self, transaction: SqlTransaction, mark: Mark, db: Connection) -> None:
        root = db.get_transaction()
        if transaction.was_ended or root is None:
            raise StoreUnavailable(f"all is rolled back: {_NOT_YOURS}")
        transaction.is_ours = True
        if not self._record(db, transaction.claim, mark):
            raise _lost(transaction.claim)
        root.commit()

    def abort(self, transaction: SqlTransaction) -> Any:
        """Roll back."""
        if self.is_async:
            return self._aabort(transaction)
        transaction.is_ours = True
        with suppress(exc.SQLAlchemyError):
            transaction.connection.invalidate()
            transaction.connection.close()
        return None

    async def _aabort(self, transaction: SqlTransaction) -> None:
        connection = transaction.connection
        transaction.is_ours = True
        with suppress(exc.SQLAlchemyError):
            await connection.invalidate()
            await connection.close()

    def _leave(self, transaction: SqlTransaction, work: Callable[..., None]) -> None:
        connection = transaction.connection
        with dialects.translated(self._plain):
            try:
                work(connection)
            except BaseException:
                transaction.is_ours = True
                connection.invalidate()
                raise
            finally:
                connection.close()

    async def _aleave(
        self, transaction: SqlTransaction, work: Callable[..., None]
    ) -> None:
        connection = transaction.connection
        with dialects.translated(self._plain):
            try:
                await connection.run_sync(work)
            except BaseException:
                transaction.is_ours = True
                await connection.invalidate()
                raise
            finally:
                await connection.close()

    # ------------------------------------------------------------------ for people

    def places(self) -> Any:
        """All names."""
        return self._run(self._places)

    def _places(self, db: Connection) -> list[Place]:
        now = self._dialect.now
        rows = db.execute(
            text(
                f"SELECT name, position, {now} - committed_at AS age, owner,"
                f" lease_until - {now} AS lease, token FROM sse_positions ORDER BY name"
            )
        )
        return [Place(*row) for row in rows]

    def put(self, name: str, position: str | None) -> Any:
        """Set or forget a position; whoever held a claim has lost it."""
        return self._run(partial(self._put, name=name, position=position))

    def _put(self, db: Connection, *, name: str, position: str | None) -> None:
        self._locked_row(db, name)
        db.execute(
            text(
                "UPDATE sse_positions SET token = token + 1, nonce = :nonce, seq = 0,"
                " position = :position, owner = '', lease_until = NULL,"
                f" committed_at = {self._dialect.now} WHERE name = :name"
            ),
            {"name": name, "nonce": secrets.token_hex(8), "position": position},
        )

    def close(self) -> Any:
        """The engine is the caller's."""
        return self._nothing() if self.is_async else None

    async def _nothing(self) -> None:
        pass

    # ------------------------------------------------------------------ running

    def _run(self, work: Callable[[Connection], Any]) -> Any:
        self._own()
        return self._arun(work) if self.is_async else self._run_here(work)

    def _run_here(self, work: Callable[[Connection], Any]) -> Any:
        with dialects.translated(self._plain):
            if not self._is_made:
                self._make_schema()
            with self._plain.begin() as db:
                return work(db)

    def _make_schema(self) -> None:
        # Twice: somebody else may have made it beside us.
        with suppress(exc.DBAPIError), self._plain.begin() as db:
            make_schema(db)
            self._is_made = True
        if not self._is_made:
            with self._plain.begin() as db:
                make_schema(db)
                self._is_made = True

    async def _arun(self, work: Callable[[Connection], Any]) -> Any:
        assert isinstance(self._engine, AsyncEngine)
        with dialects.translated(self._plain):
            if not self._is_made:
                await self._amake_schema()
            async with self._engine.begin() as db:
                return await db.run_sync(work)

    async def _amake_schema(self) -> None:
        assert isinstance(self._engine, AsyncEngine)
        with suppress(exc.DBAPIError):
            async with self._engine.begin() as db:
                await db.run_sync(make_schema)
                self._is_made = True
        if not self._is_made:
            async with self._engine.begin() as db:
                await db.run_sync(make_schema)
                self._is_made = True

    def _own(self) -> None:
        """After a fork, leave the parent's connections alone."""
        if self._process != os.getpid():
            self._plain.dispose(close=False)
            self._process = os.getpid()


def _key(claim: Claim) -> dict[str, Any]:
    return {"name": claim.name, "token": claim.token, "nonce": claim.nonce}


def _refuse(transaction: SqlTransaction, _connection: Any) -> None:
    """The caller may do everything but end the transaction."""
    if not transaction.is_ours:
        transaction.was_ended = True
        raise RuntimeError(_NOT_YOURS)


def _refuse_words(transaction: SqlTransaction, *call: Any) -> None:
    _connection, _cursor, statement, *_rest = call
    if _ENDS.match(statement):
        _refuse(transaction, None)


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " the transaction is rolled back"
    )
