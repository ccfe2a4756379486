"""What the errors of SQLite, and of its file, mean: whether another try may help."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconnecting_sse.core.errors import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REFUSED = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""What no other try mends; what is locked, full or broken may be mended."""

_REFUSED_NUMBERS = {
    errno.EACCES,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EROFS,
}
"""Of the lock's file, for the same; descriptors that ran out may come back."""

_UNREAD = "SQL statements in progress"
"""What of the caller's stands against a COMMIT: it looks as if the file were locked."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite, and of the system, as a store's."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        obstacle = _obstacle(path) if _was_not_opened(error) else ""
        kind = StoreRefused if obstacle or _is_hopeless(error) else StoreUnavailable
        why = obstacle and f" ({obstacle})"
        raise kind(f"{path}: {error}{why}") from error


def _is_hopeless(error: sqlite3.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _REFUSED_NUMBERS
    return _primary(error) in _REFUSED or _UNREAD in str(error)


def _was_not_opened(error: sqlite3.Error | OSError) -> bool:
    """Whether something was not opened, and nobody says why."""
    if isinstance(error, OSError):
        return error.errno in _REFUSED_NUMBERS
    return _primary(error) == sqlite3.SQLITE_CANTOPEN


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _obstacle(path: Path) -> str:
    """What stands against opening it, and lasts; empty if descriptors may have run out.

    SQLite does not tell them apart. Nor may one try: to close the file would drop the
    locks that SQLite has on it here.
    """
    folder = path.parent
    if not os.access(f"{folder}/.", os.F_OK):
        return f"there is no folder {folder}"
    if os.access(f"{path}/.", os.F_OK):
        return "it is a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing may be written to {folder}, as locks have to be"
    if os.access(path, os.F_OK) and not os.access(path, os.R_OK | os.W_OK):
        return "it may not be written to"
    return ""
