"""The tables in a file of SQLite's, made on first use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.core.errors import StoreRefused

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

VERSION = 1
"""The schema's; a newer one is refused. A table more does not make it newer."""

NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""Seconds, as an expression."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sse_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sse_positions (
    name TEXT PRIMARY KEY,
    position TEXT,
    seq INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    nonce TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    lease_until REAL,
    committed_at REAL,
    takeovers TEXT NOT NULL DEFAULT '',
    starts INTEGER NOT NULL DEFAULT 0,
    hand TEXT,
    begun INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sse_ahead (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (name, digest)
);
CREATE TABLE IF NOT EXISTS sse_recent (name TEXT PRIMARY KEY, ids TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sse_letters (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    key TEXT NOT NULL,
    position TEXT NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at REAL NOT NULL,
    is_replayed BOOLEAN NOT NULL,
    PRIMARY KEY (name, digest)
);
CREATE INDEX IF NOT EXISTS sse_letters_replayed ON sse_letters (is_replayed, name);
CREATE TABLE IF NOT EXISTS sse_members (
    fleet TEXT NOT NULL,
    member TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (fleet, member)
);
"""
_TABLES = re.findall(r"TABLE IF NOT EXISTS (\w+)", _SCHEMA)


def make_schema(db: sqlite3.Connection, path: Path) -> None:
    """Make what is missing.

    Raises:
        StoreRefused: It is of a newer version of this package.
    """
    db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
    if _version(db, path) is None:
        db.execute("INSERT INTO sse_schema VALUES (?)", [VERSION])
    db.execute("COMMIT")


def has_schema(db: sqlite3.Connection, path: Path) -> bool:
    """Whether all the tables are there.

    Raises:
        StoreRefused: They are of a newer version of this package.
    """
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    is_there = set(_TABLES) <= {name for (name,) in rows}
    return is_there and _version(db, path) is not None


def _version(db: sqlite3.Connection, path: Path) -> int | None:
    """What is there; None for tables that are new."""
    row = db.execute("SELECT max(version) FROM sse_schema").fetchone()
    version: int | None = row[0]
    if version is not None and version > VERSION:
        raise StoreRefused(
            f"{path} was made by a newer version of this package (its"
            f" schema is {version}, and this one knows {VERSION}): update it"
        )
    return version
