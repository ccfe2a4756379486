"""Positions in a database that SQLAlchemy knows, on either face."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from reconnecting_sse.stores import sql_calls as calls
from reconnecting_sse.stores import sql_dialects as dialects
from reconnecting_sse.stores import sql_letters as letters
from reconnecting_sse.stores.sql_errors import shown
from reconnecting_sse.stores.sql_faces import Awaiting, Blocking
from reconnecting_sse.stores.sql_fleets import beat
from reconnecting_sse.stores.sql_marks import commit
from reconnecting_sse.stores.sql_schema import make_schema
from reconnecting_sse.stores.sql_transaction import SqlTransaction, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

    from reconnecting_sse.core.claims import Claim, Mark


class SqlStore:
    """Positions by an ``Engine`` or an ``AsyncEngine``: PostgreSQL, MariaDB, SQLite.

    Its tables begin with ``sse_`` and are made on first use. Leases go by the
    database's clock. The engine stays the caller's: he disposes of it. How long a call
    may take is for the driver's timeouts to say (``connect_timeout`` and the like).

    Each open transaction, of which a claim may have several, has a connection of the
    engine's pool for itself, and renewals need another one.

    Args:
        engine: Of SQLAlchemy 2. READ COMMITTED suffices; AUTOCOMMIT is refused.
    """

    def __init__(self, engine: Engine | AsyncEngine) -> None:
        self.is_async: bool = isinstance(engine, AsyncEngine)
        self._face: Awaiting | Blocking
        if isinstance(engine, AsyncEngine):
            self._engine, self._face = engine.sync_engine, Awaiting(engine)
        else:
            self._engine, self._face = engine, Blocking(engine)
        self._dialect = dialects.of(self._engine.dialect.name)
        self.is_exclusive: bool = self._dialect.is_exclusive
        self._process = os.getpid()
        self._is_made = False

    def __repr__(self) -> str:
        return f"<SqlStore {shown(self._engine)}>"

    # ------------------------------------------------------------------ calls

    def claim(self, name: str, lease: float | None, owner: str) -> Any:
        """Take the name over, unless another's lease runs."""
        return self._run(calls.claim, name=name, lease=lease, owner=owner)

    def renew(self, claims: Sequence[Claim], lease: float) -> Any:
        """Let the leases run on, in one statement; the claims that are lost."""
        return self._run(calls.renew, claims=claims, lease=lease)

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Any:
        """Record marks, in one transaction; the claims that are lost."""
        return self._run(commit, marks=marks)

    def release(self, claim: Claim) -> Any:
        """Leave the name to the next."""
        return self._run(calls.release, claim=claim)

    def recover(self, claim: Claim) -> Any:
        """Bump the token; the new claim, and the ``seq``."""
        return self._run(calls.recover, claim=claim)

    def recall(self, claim: Claim) -> Any:
        """What the last life has left."""
        return self._read(letters.recall, claim=claim)

    # ------------------------------------------------------------------ transactions

    def begin(self, claim: Claim) -> Any:
        """Begin one: its ``connection`` can do everything but end it."""
        self._own()
        return self._face.begin(SqlTransaction(claim, self._dialect))

    def end(self, transaction: SqlTransaction, mark: Mark) -> Any:
        """Record the position as the last statement, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is rolled back.
            StoreRefused: The caller has tried to end it: all is rolled back.
            StoreUnavailable: It failed, or came without an answer: in doubt.
        """
        return self._face.shut(transaction, partial(transaction.end, mark=mark))

    def abort(self, transaction: SqlTransaction) -> Any:
        """Roll back."""
        return self._face.shut(transaction, transaction.abort)

    # ------------------------------------------------------------------ dead letters

    def replays(self, claims: Sequence[Claim]) -> Any:
        """Those that are to be handed over once more."""
        return self._read(letters.replays, claims=claims)

    def letters(self, name: str | None = None) -> Any:
        """All, or those of a name, oldest first; no transaction shuts this out."""
        return self._read(letters.letters, name=name)

    def replay(self, name: str, keys: Sequence[str]) -> Any:
        """Have some handed over once more."""
        return self._run(letters.replay, name=name, keys=keys)

    def drop(self, name: str, keys: Sequence[str]) -> Any:
        """Delete some."""
        return self._run(letters.drop, name=name, keys=keys)

    # ------------------------------------------------------------------ fleets

    def beat(self, fleet: str, member: str, lease: float | None) -> Any:
        """Be a member for a while; all that are."""
        return self._run(beat, fleet=fleet, member=member, lease=lease)

    # ------------------------------------------------------------------ for people

    def places(self) -> Any:
        """All names."""
        return self._read(calls.places)

    def put(self, name: str, position: str | None) -> Any:
        """Set or forget a position; whoever held a claim has lost it."""
        return self._run(calls.put, name=name, position=position)

    def close(self) -> Any:
        """The engine is the caller's."""
        return self._face.nothing()

    # ------------------------------------------------------------------ running

    def _run(self, call: Callable[..., Any], **given: Any) -> Any:
        self._own()
        return self._face.run(partial(self._within, partial(call, **given)))

    def _read(self, call: Callable[..., Any], **given: Any) -> Any:
        self._own()
        return self._face.run(partial(self._looking, partial(call, **given)))

    def _looking(self, call: Callable[..., Any], db: Connection) -> Any:
        """Make a call that locks nothing, and waits for no lock."""
        self._make_schema(db)
        with db.begin():
            return call(db, self._dialect)

    def _within(self, call: Callable[..., Any], db: Connection) -> Any:
        """Make a call within a transaction that holds nothing up."""
        self._make_schema(db)
        try:
            with db.begin():
                self._dialect.fence(db)
                return call(db, self._dialect)
        finally:
            restore(db, self._dialect)

    def _make_schema(self, db: Connection) -> None:
        if self._is_made:
            return
        try:
            self._try_schema(db)
        except exc.DBAPIError:  # somebody else may have made it beside us
            self._try_schema(db)
        self._is_made = True

    def _try_schema(self, db: Connection) -> None:
        with db.begin():
            self._dialect.check(db)
            make_schema(db)

    def _own(self) -> None:
        """After a fork, leave the parent's connections alone."""
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()
