"""For each persistent store: how a life makes it, writes with it, and what is left."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import redis
import redis.asyncio
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from reconnecting_sse.stores import RedisStore, SqliteStore, SqlStore
from tests.stores.harness import TABLES as SQL_TABLES
from tests.stores.harness import mariadb_url, postgresql_url


class SqliteTable:
    """An ``SqliteStore``, and a table in its file."""

    def __init__(self, request, tmp_path):
        self._path = tmp_path / "effects.db"
        self.clear()

    def clear(self):
        for path in self._path.parent.glob("effects.db*"):
            path.unlink()
        with closing(sqlite3.connect(self._path)) as db:
            db.execute("CREATE TABLE effects (id TEXT)")
            db.commit()

    def store(self, face):
        return SqliteStore(self._path)

    @contextmanager
    def stored(self):
        """A store for the test itself."""
        with closing(self.store("sync")) as store:
            yield store

    def position(self):
        with closing(sqlite3.connect(self._path, timeout=20)) as db:
            return db.execute("SELECT position FROM sse_positions").fetchone()[0]

    def write(self, connection, events):
        rows = [[event.id] for event in events]
        if connection is not None:
            connection.executemany("INSERT INTO effects VALUES (?)", rows)
            return
        with closing(sqlite3.connect(self._path, timeout=20)) as db:
            db.executemany("INSERT INTO effects VALUES (?)", rows)
            db.commit()

    def rows(self):
        with closing(sqlite3.connect(self._path, timeout=20)) as db:
            found = db.execute("SELECT id FROM effects ORDER BY rowid").fetchall()
        return [row for (row,) in found]


INSERT = sqlalchemy.text("INSERT INTO effects (id) VALUES (:id)")


class SqlTable:
    """An ``SqlStore``; on the async face with an ``AsyncEngine``."""

    def __init__(self, url, async_url, ddl):
        self._url, self._async_url, self._ddl = url, async_url, ddl
        self.clear()

    def _run(self, *statements):
        engine = sqlalchemy.create_engine(self._url)
        try:
            with engine.begin() as db:
                for statement in statements:
                    answer = db.execute(sqlalchemy.text(statement))
                return answer.fetchall() if answer.returns_rows else None
        finally:
            engine.dispose()

    def clear(self):
        tables = ["effects", *(f"sse_{name}" for name in SQL_TABLES)]
        self._run(*[f"DROP TABLE IF EXISTS {name}" for name in tables], self._ddl)

    def store(self, face):
        self._own = sqlalchemy.create_engine(self._url)
        if face == "async":
            return SqlStore(create_async_engine(self._async_url))
        return SqlStore(sqlalchemy.create_engine(self._url))

    @contextmanager
    def stored(self):
        engine = sqlalchemy.create_engine(self._url)
        try:
            yield SqlStore(engine)
        finally:
            engine.dispose()

    def write(self, connection, events):
        rows = [{"id": event.id} for event in events]
        if connection is not None:
            return connection.execute(INSERT, rows)
        with self._own.begin() as db:
            db.execute(INSERT, rows)
        return None

    def rows(self):
        return [row for (row,) in self._run("SELECT id FROM effects ORDER BY n")]

    def position(self):
        return self._run("SELECT position FROM sse_positions")[0][0]


class PostgresqlTable(SqlTable):
    def __init__(self, request, tmp_path):
        url = postgresql_url(request.getfixturevalue("postgresql"))
        super().__init__(url, url, "CREATE TABLE effects (n SERIAL, id TEXT)")


class MariadbTable(SqlTable):
    def __init__(self, request, tmp_path):
        server = request.getfixturevalue("mariadb")
        ddl = "CREATE TABLE effects (n INTEGER AUTO_INCREMENT PRIMARY KEY, id TEXT)"
        super().__init__(mariadb_url(server), mariadb_url(server, "aiomysql"), ddl)


class RedisTable:
    """A ``RedisStore``, and a list beside its keys."""

    def __init__(self, request, tmp_path):
        self._port = request.getfixturevalue("redis_server").port
        self.clear()

    def _client(self):
        return redis.Redis(port=self._port, decode_responses=True)

    def clear(self):
        with self._client() as client:
            client.flushall()

    def store(self, face):
        kind = redis.asyncio.Redis if face == "async" else redis.Redis
        return RedisStore(kind(port=self._port))

    @contextmanager
    def stored(self):
        with self._client() as client:
            yield RedisStore(client)

    def write(self, connection, events):
        ids = [event.id for event in events]
        if connection is not None:
            connection.rpush("effects", *ids)
            return
        with self._client() as client:
            client.rpush("effects", *ids)

    def position(self):
        with self._client() as client:
            return client.hget("sse:feed:row", "position")

    def rows(self):
        with self._client() as client:
            return client.lrange("effects", 0, -1)


TABLES = {
    "sqlite": SqliteTable,
    "postgresql": PostgresqlTable,
    "mariadb": MariadbTable,
    "redis": RedisTable,
}
