"""How an engine makes calls: by blocking, or by awaiting. What they do is given."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from reconnecting_sse.stores.sql_errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from reconnecting_sse.stores.sql_transaction import SqlTransaction

    Work = Callable[[Connection], Any]


class Blocking:
    """Calls of an ``Engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, work: Work) -> Any:
        """Do something on a connection."""
        with translated(self._engine), self._engine.connect() as db:
            return work(db)

    def begin(self, begun: SqlTransaction) -> SqlTransaction:
        """Begin a transaction on a connection of its own."""
        with translated(self._engine):
            connection = begun.connection = self._engine.connect()
            self._last(connection, begun.begin)
        return begun

    def shut(self, transaction: SqlTransaction, work: Work) -> None:
        """Do the last of a transaction, and give its connection back."""
        connection: Any = transaction.connection
        with translated(self._engine):
            self._last(connection, work)
            connection.close()

    def _last(self, connection: Connection, work: Work) -> None:
        """Do something; if that fails, nobody gets the connection again."""
        try:
            work(connection)
        except BaseException:
            with suppress(exc.SQLAlchemyError):  # it is closed already
                connection.invalidate()
            connection.close()
            raise

    def nothing(self) -> None:
        """Do nothing."""


class Awaiting:
    """Calls of an ``AsyncEngine``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._plain = engine.sync_engine

    async def run(self, work: Work) -> Any:
        """Do something on a connection."""
        with translated(self._plain):
            async with self._engine.connect() as db:
                return await db.run_sync(work)

    async def begin(self, begun: SqlTransaction) -> SqlTransaction:
        """Begin a transaction on a connection of its own."""
        with translated(self._plain):
            connection = begun.connection = await self._engine.connect()
            await self._last(connection, begun.begin)
        return begun

    async def shut(self, transaction: SqlTransaction, work: Work) -> None:
        """Do the last of a transaction, and give its connection back."""
        connection: Any = transaction.connection
        with translated(self._plain):
            await self._last(connection, work)
            await connection.close()

    async def _last(self, connection: AsyncConnection, work: Work) -> None:
        """Do something; if that fails, nobody gets the connection again."""
        try:
            await connection.run_sync(work)
        except BaseException:
            with suppress(exc.SQLAlchemyError):  # it is closed already
                await connection.invalidate()
            await connection.close()
            raise

    async def nothing(self) -> None:
        """Do nothing."""
