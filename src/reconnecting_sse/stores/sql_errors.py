"""What the errors of databases mean: whether another try may help."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from reconnecting_sse.core.errors import (
    StoreRefused,
    StoreUnavailable,
    redacted,
    shortened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

_REFUSED_STATES = ("22", "25P01", "28", "3D", "42")
"""Of SQLSTATE: a value that fits nowhere, no transaction, credentials, no such
database, no such table or no right. Another class is a server's bad moment."""

_REFUSED_NUMBERS = {1044, 1045, 1049, 1054, 1142, 1143, 1146, 1227}
_REFUSED_NUMBERS |= {1366, 1370, 1406, 1698}
"""Of MySQL and MariaDB, for the same."""

_REFUSED_WORDS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    '" does not exist',
    "is not permitted to log in",
    "permission denied for database",
    "not a database",
    "unable to open database file",
    "readonly database",
    "no such table",
)
"""Where a driver gives no number: as it connects."""


def shown(engine: Engine) -> str:
    """The database, as messages may show it."""
    return redacted(engine.url.render_as_string(hide_password=True))


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Errors of SQLAlchemy, and of its drivers, as a store's."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        said = shortened(" ".join(str(cause).split()))
        kind = StoreRefused if _is_hopeless(error, cause) else StoreUnavailable
        raise kind(f"{shown(engine)}: {said}") from error


def _is_hopeless(error: BaseException, cause: Any) -> bool:
    number = cause.args[0] if cause.args else None
    if isinstance(number, int):  # it says more than MySQL's states do
        return number in _REFUSED_NUMBERS
    if state := getattr(cause, "sqlstate", None):
        return str(state).startswith(_REFUSED_STATES)
    if isinstance(error, exc.DataError):
        return True
    return any(word in str(cause) for word in _REFUSED_WORDS)
