"""A file of SQLite's, and who has it open: we, the caller, a parent process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores.sqlite_errors import translated
from reconnecting_sse.stores.sqlite_schema import has_schema, make_schema
from reconnecting_sse.stores.sqlite_transaction import GuardedConnection
from reconnecting_sse.stores.sqlite_turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    _Kind = TypeVar("_Kind", bound=sqlite3.Connection)

BUSY_SECONDS = 5.0
"""How long a program is waited for that locks the file without our lock beside it."""


class SqliteFile:
    """One that is opened when it is used; thread-safe.

    Attributes:
        path: Where it really is: a later ``chdir`` leads nowhere else, and of several
            links to one file there is one lock.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = _real(path)
        self._turns = Turns(self.path)
        self._connection: sqlite3.Connection | None = None  # for calls of our own
        self._open: GuardedConnection | None = None  # the caller's
        _files.add(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What is committed: it waits for nobody's transaction."""
        kind = sqlite3.Connection
        with translated(self.path), closing(_connected(self.path, kind)) as db:
            if not has_schema(db, self.path):
                with self.writing():
                    pass  # which makes it
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of our own."""
        with translated(self.path):
            self._turns.enter()
            try:
                db = self._opened()
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                self._leave()

    # ------------------------------------------------------------------ the caller's

    def begin(self) -> sqlite3.Connection:
        """Begin a transaction of the caller's, on a connection of its own."""
        with translated(self.path):
            self._turns.enter()
            try:
                self._opened()
                db = _connected(self.path, GuardedConnection)
                self._open = db
                db.begin()
            except BaseException:
                self._shut()
                raise
        self._turns.insiders = db.users
        return db

    @contextmanager
    def ending(self, db: sqlite3.Connection) -> Iterator[None]:
        """Commit it, with what is written within; or roll it back, if that fails."""
        guarded = self._open
        if guarded is None or guarded is not db:
            raise StoreRefused(
                f"{self.path}: the transaction is over, or another process' own"
            )
        try:
            if guarded.flaw:
                raise StoreRefused(
                    f"{self.path}: {guarded.flaw}; its position is not recorded"
                )
            with translated(self.path):
                yield
                guarded.end()
        finally:
            self._shut()

    def abort(self, db: sqlite3.Connection) -> None:
        """Roll it back, unless it is over, or another process' own."""
        if db is self._open:
            self._shut()

    def _shut(self) -> None:
        """The caller's turn is over, and his connection of no more use."""
        guarded, self._open = self._open, None
        try:
            if guarded is not None:
                guarded.close()
        finally:
            self._leave()

    # ------------------------------------------------------------------ opening

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            db = _connected(self.path, sqlite3.Connection)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                make_schema(db, self.path)
            except BaseException:
                db.close()
                raise
            self._connection = db
        return self._connection

    def _leave(self) -> None:
        """Our turn is over, and what is not committed rolled back."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.rollback()
        except sqlite3.Error:
            self._disconnect()
        finally:
            self._turns.leave()

    def close(self) -> None:
        """Close all that is open; a later call opens it again."""
        with self._turns.closing():
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def begin_anew(self) -> None:
        """In a child: what SQLite has open is the parent's, and not closed here.

        It would touch what the parent still uses.
        """
        _parents.extend([self._connection, self._open])
        self._connection = self._open = None
        self._turns.begin_anew()


def _connected(path: Path, kind: type[_Kind]) -> _Kind:
    db = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=kind,
    )
    try:
        # Not by its own cursor: before it has begun, a guarded one refuses everything.
        sqlite3.Cursor(db).execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _real(path: str | os.PathLike[str]) -> Path:
    given = os.fspath(path)
    if given in ("", ":memory:"):
        raise ValueError(
            f"{given!r} names no file: give a path, or take a MemoryStore() for what"
            " need not outlive the process"
        )
    return Path(given).resolve()


_files: WeakSet[SqliteFile] = WeakSet()
_parents: list[object] = []


def _begin_anew() -> None:
    for file in list(_files):
        file.begin_anew()


# Where nothing forks (on Windows) there is no such function, and nothing to do.
getattr(os, "register_at_fork", dict)(after_in_child=_begin_anew)
