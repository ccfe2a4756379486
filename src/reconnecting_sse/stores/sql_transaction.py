"""A transaction of the caller's: he may do everything on it but end it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, exc

from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores.sql_calls import lost
from reconnecting_sse.stores.sql_marks import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Transaction
    from sqlalchemy.ext.asyncio import AsyncConnection

    from reconnecting_sse.core.claims import Claim, Mark
    from reconnecting_sse.stores.sql_dialects import Dialect

_NOT_YOURS = "the transaction ends with its with block, and not by a statement within"
_BLANKS = r"(?:\s|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*"


class SqlTransaction:
    """One that is open.

    Attributes:
        connection: What the caller writes on; savepoints (``begin_nested``) are his.
    """

    connection: Connection | AsyncConnection

    def __init__(self, claim: Claim, dialect: Dialect) -> None:
        self._claim = claim
        self._dialect = dialect
        pattern = f"{_BLANKS}({dialect.ends})"
        self._ends = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        self._was_ended = False

    def begin(self, db: Connection) -> None:
        """Begin, and let nobody end it but us."""
        db.begin()
        self._dialect.mark(db, self._claim.nonce)
        for name, refuse in self._guards():
            event.listen(db, name, refuse)

    def _guards(self) -> Iterator[tuple[str, Callable[..., None]]]:
        yield "commit", self._refuse
        yield "rollback", self._refuse
        yield "before_cursor_execute", self._refuse_words

    def _take_back(self, db: Connection) -> Transaction | None:
        """It is ours to end: the guards go, and what SQLAlchemy noted of them."""
        for name, refuse in self._guards():
            event.remove(db, name, refuse)
        return db.get_transaction()

    def _refuse(self, _db: Connection, said: str = "") -> None:
        self._was_ended = True
        raise RuntimeError(_NOT_YOURS + said)

    def _refuse_words(self, db: Connection, _cursor: Any, said: str, *_: Any) -> None:
        if match := self._ends.match(said):
            self._refuse(db, f": {match[1].strip().upper()} would end it")

    def end(self, db: Connection, mark: Mark) -> None:
        """Record the mark, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is to be rolled back.
            StoreRefused: The caller has tried to end it.
        """
        root = self._take_back(db)
        if self._was_ended or root is None:
            raise StoreRefused(f"all is rolled back: {_NOT_YOURS}")
        self._dialect.fence(db)
        if not record(db, self._dialect, self._claim, mark):
            raise lost(self._claim)
        root.commit()
        restore(db, self._dialect, self._claim.nonce)

    def abort(self, db: Connection) -> None:
        """Roll back; nobody gets the connection again where that fails."""
        root = self._take_back(db)
        with suppress(exc.SQLAlchemyError):
            if root is not None and root.is_active:
                root.rollback()
                restore(db, self._dialect, self._claim.nonce)
                return
        db.invalidate()


def restore(db: Connection, dialect: Dialect, nonce: str = "") -> None:
    """Give a connection back as it came, or not at all; what is done stays done."""
    if db.invalidated:
        return
    try:
        dialect.restore(db, nonce)
    except exc.SQLAlchemyError:
        db.invalidate()
