"""A store by its URL; and those that need an extra, when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from reconnecting_sse.core.errors import StoreRefused, redacted
from reconnecting_sse.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconnecting_sse.stores.store import Store

_REDIS = ("redis", "rediss", "unix")
_KNOWN = (
    "sqlite:///file.db, postgresql+psycopg://…, mariadb+pymysql://…, redis://…,"
    " rediss://… or unix://…"
)


def open_store(url: str) -> Store:
    """The store that a URL names, for either face; nothing is connected yet.

    ``sqlite:///file.db`` is a ``SqliteStore`` (four slashes for an absolute path),
    ``redis://…`` a ``RedisStore``, any other that SQLAlchemy knows, as
    ``postgresql+psycopg://…``, a ``SqlStore``.

    Raises:
        ValueError: It is no URL of a store.
        StoreRefused: A driver, or an extra of this package, is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteStore(_path_of(url))
    if scheme in _REDIS:
        return _redis_store(url)
    if scheme:
        return _sql_store(url)
    raise ValueError(f"{redacted(url)!r} is no URL of a store: give {_KNOWN}")


def _path_of(url: str) -> str:
    host_and_path = url.removeprefix("sqlite:").removeprefix("//")
    path = unquote(host_and_path.removeprefix("/"))
    if not (host_and_path.startswith("/") and path):
        raise ValueError(
            f"{url!r} names no file: write sqlite:///file.db, with three slashes, or"
            " four before an absolute path"
        )
    return path


def _redis_store(url: str) -> Store:
    kind = _redis()
    import redis  # noqa: PLC0415  (an extra's)

    try:
        return kind(redis.Redis.from_url(url))  # type: ignore[no-any-return]
    except ValueError as error:
        raise ValueError(f"{redacted(url)!r}: {error}") from error


def _sql_store(url: str) -> Store:
    kind = _sql()
    import sqlalchemy  # noqa: PLC0415  (an extra's)

    try:
        engine = sqlalchemy.create_engine(url)
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise ValueError(
            f"{redacted(url)!r} is of a kind that nobody knows: give {_KNOWN}"
        ) from error
    except sqlalchemy.exc.ArgumentError as error:
        raise ValueError(f"{redacted(url)!r} is no URL of a database") from error
    except ImportError as error:
        raise StoreRefused(
            f"the driver for {redacted(url)} is not installed (there is no module"
            f" {error.name!r}): install it, or name another, as in"
            " postgresql+psycopg://… or mariadb+pymysql://…"
        ) from error
    return kind(engine)  # type: ignore[no-any-return]


def _redis() -> Any:
    try:
        from reconnecting_sse.stores.redis import RedisStore  # noqa: PLC0415
    except ImportError as error:
        raise _missing("redis", error) from error
    return RedisStore


def _sql() -> Any:
    try:
        from reconnecting_sse.stores.sql import SqlStore  # noqa: PLC0415
    except ImportError as error:
        raise _missing("sql", error) from error
    return SqlStore


def _missing(extra: str, error: ImportError) -> StoreRefused:
    return StoreRefused(
        f'this store needs {error.name}: pip install "reconnecting-sse[{extra}]"'
    )


LAZY: Mapping[str, Callable[[], Any]] = {"RedisStore": _redis, "SqlStore": _sql}
"""What is imported when it is first asked for."""
