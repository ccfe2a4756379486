"""Stores: where positions outlive the process. They know claims, and no stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.stores.memory import MemoryStore
from reconnecting_sse.stores.opening import LAZY, open_store
from reconnecting_sse.stores.sqlite import SqliteStore
from reconnecting_sse.stores.store import Store

if TYPE_CHECKING:
    from reconnecting_sse.stores.redis import RedisStore
    from reconnecting_sse.stores.sql import SqlStore

__all__ = [
    "MemoryStore",
    "RedisStore",
    "SqlStore",
    "SqliteStore",
    "Store",
    "open_store",
]


def __getattr__(name: str) -> Any:
    if name in LAZY:  # each of an extra's, which is not imported before it is asked for
        return LAZY[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
