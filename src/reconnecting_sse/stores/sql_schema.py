"""The tables in a database, made on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores.letters import TEXTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION = 1
"""The schema's; a newer one is refused. A table more does not make it newer."""

# MariaDB compares names without their case where it is not told otherwise.
_name = String(255).with_variant(
    mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
_text = Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")
_metadata = MetaData()
_schema = Table("sse_schema", _metadata, Column("version", Integer, nullable=False))
_positions = Table(
    "sse_positions",
    _metadata,
    Column("name", _name, primary_key=True),
    Column("position", _text),
    Column("seq", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("nonce", String(32), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("lease_until", Double),
    Column("committed_at", Double),
    Column("takeovers", Text, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("hand", _text),
    Column("begun", Integer, nullable=False),
)
ahead: Table = Table(
    "sse_ahead",
    _metadata,
    Column("name", _name, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("key", _text, nullable=False),
)
recent: Table = Table(
    "sse_recent",
    _metadata,
    Column("name", _name, primary_key=True),
    Column("ids", _text, nullable=False),
)
letters: Table = Table(
    "sse_letters",
    _metadata,
    Column("name", _name, primary_key=True),
    Column("digest", String(64), primary_key=True),
    *(Column(each, _text, nullable=False) for each in TEXTS),
    Column("attempts", Integer, nullable=False),
    Column("buried_at", Double, nullable=False),
    Column("is_replayed", Boolean, nullable=False),
    # Asked for every few seconds, however many letters there are.
    Index("sse_letters_replayed", "is_replayed", "name"),
)
members: Table = Table(
    "sse_members",
    _metadata,
    Column("fleet", _name, primary_key=True),
    Column("member", _name, primary_key=True),
    Column("until", Double, nullable=False),
)


def make_schema(db: Connection) -> None:
    """Make what is missing.

    Raises:
        StoreRefused: It is of a newer version of this package.
    """
    for table in _metadata.sorted_tables:
        # Where it is there, the right to make one is not needed.
        if not inspect(db).has_table(table.name):
            db.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                db.execute(CreateIndex(index))
    version = db.execute(select(func.max(_schema.c.version))).scalar()
    if version is None:
        db.execute(insert(_schema).values(version=VERSION))
    elif version > VERSION:
        raise StoreRefused(
            "the tables were made by a newer version of this package (their schema is"
            f" {version}, and this one knows {VERSION}): update it"
        )
