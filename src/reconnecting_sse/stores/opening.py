"""A store by its URL; and those that need an extra, when one is asked for.

No error shows more of a URL than its scheme, and none is caused by one that does: of a
URL that cannot be read nobody knows where its password is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconnecting_sse.stores.store import Store

_SCHEME = re.compile(r"[a-z][a-z0-9+._-]*")
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
        ValueError: It is no URL of a store, or its driver has to be awaited.
        StoreRefused: A driver, or an extra of this package, is not installed.
    """
    given, _, rest = url.partition(":")
    scheme = given.lower()
    if scheme == "sqlite":
        return SqliteStore(_path_of(rest))
    if not (rest.startswith("//") and _SCHEME.fullmatch(scheme)):
        raise ValueError(f"this is no URL of a store: give {_KNOWN}")
    store_of = _redis_store if scheme in _REDIS else _sql_store
    return store_of(f"{scheme}:{rest}", scheme)


def _path_of(rest: str) -> str:
    host_and_path = rest.removeprefix("//")
    path = unquote(host_and_path.removeprefix("/"))
    if not (host_and_path.startswith("/") and path):
        raise ValueError(
            "the URL names no file: write sqlite:///file.db, with three slashes, or"
            " four before an absolute path"
        )
    return path


def _redis_store(url: str, scheme: str) -> Store:
    kind = _redis()
    import redis  # noqa: PLC0415  (an extra's)

    try:
        client = redis.Redis.from_url(url)
    except ValueError:
        raise _unreadable(scheme) from None
    return kind(client)  # type: ignore[no-any-return]


def _sql_store(url: str, scheme: str) -> Store:
    kind = _sql()
    import sqlalchemy  # noqa: PLC0415  (an extra's)

    try:
        parsed = sqlalchemy.make_url(url)
        dialect = parsed.get_dialect()
    except sqlalchemy.exc.NoSuchModuleError:
        raise ValueError(
            f"{scheme}://… is of a kind that nobody knows: give {_KNOWN}"
        ) from None
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _unreadable(scheme) from None
    if dialect.is_async:
        raise ValueError(
            f"the driver of {scheme}://… has to be awaited, and this is a store for"
            " either face: name one that blocks, as in postgresql+psycopg://… or"
            " mariadb+pymysql://…, or give SqlStore(create_async_engine(url))"
        )
    return kind(_engine(parsed, scheme))  # type: ignore[no-any-return]


def _engine(url: Any, scheme: str) -> Any:
    import sqlalchemy  # noqa: PLC0415  (an extra's)

    try:
        return sqlalchemy.create_engine(url)
    except ImportError as error:
        raise StoreRefused(
            f"the driver of {scheme}://… is not installed (there is no module"
            f" {error.name!r}): install it, or name another, as in"
            " postgresql+psycopg://… or mariadb+pymysql://…"
        ) from error
    except (sqlalchemy.exc.ArgumentError, TypeError, ValueError):
        raise _unreadable(scheme) from None


def _unreadable(scheme: str) -> ValueError:
    return ValueError(
        f"this {scheme}://… (the rest is not shown, for there may be a password in it)"
        " cannot be read: is its port a number, each of / ? # [ ] @ : in a password"
        " percent-encoded, and each option of the right kind?"
    )


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
