"""Every store, ready to be called; time is moved by moving what the store keeps."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import redis
import redis.asyncio
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from reconnecting_sse.stores import MemoryStore, RedisStore, SqliteStore, SqlStore
from tests.stores.servers import PASSWORD, USER

_number = count()

TABLES = ["schema", "positions", "ahead", "recent", "letters", "members"]


@dataclass
class Harness:
    """One store, and what a test needs beside it.

    Attributes:
        call: Makes one of its calls.
        shift: Moves its leases, members and dead letters so many seconds into the past.
        another: Makes a second store on the same positions, as of another process.
        write: Writes a text on a connection, into a table of the caller's.
        written: What is in that table.
    """

    store: Any
    call: Any
    shift: Any
    another: Any
    write: Any = None
    written: Any = None
    raw: Any = None


def plainly(method, *args):
    return method(*args)


@contextmanager
def memory(request, tmp_path):
    ages = [0.0]
    store = MemoryStore(lambda: 1000.0 + ages[0])

    def shift(seconds):
        ages[0] += seconds

    yield Harness(store, plainly, shift, lambda: store)


@contextmanager
def sqlite(request, tmp_path):
    path = tmp_path / "positions.db"
    with sqlite3.connect(path) as own:
        own.execute("CREATE TABLE effects (what TEXT)")
    own.close()
    made = []

    def another():
        made.append(SqliteStore(path))
        return made[-1]

    def raw(statement, *values):
        with sqlite3.connect(path, timeout=10) as db:
            rows = db.execute(statement, values).fetchall()
        db.close()
        return rows

    def shift(seconds):
        raw("UPDATE sse_positions SET lease_until = lease_until - ?", seconds)
        raw("UPDATE sse_members SET until = until - ?", seconds)
        raw("UPDATE sse_letters SET buried_at = buried_at - ?", seconds)

    def written():
        return [what for (what,) in raw("SELECT what FROM effects ORDER BY rowid")]

    def write(connection, what):
        connection.execute("INSERT INTO effects VALUES (?)", [what])

    try:
        yield Harness(another(), plainly, shift, another, write, written, raw)
    finally:
        for store in made:
            store.close()


INSERT = sqlalchemy.text("INSERT INTO effects (what) VALUES (:what)")


@contextmanager
def _sql(url, connect_args=None):
    engine = sqlalchemy.create_engine(url)

    def raw(statement, **values):
        with engine.begin() as db:
            answer = db.execute(sqlalchemy.text(statement), values)
            return answer.fetchall() if answer.returns_rows else None

    raw("DROP TABLE IF EXISTS effects")
    for table in TABLES:
        raw(f"DROP TABLE IF EXISTS sse_{table}")
    raw("CREATE TABLE effects (number INTEGER, what VARCHAR(100))")

    def shift(seconds):
        raw("UPDATE sse_positions SET lease_until = lease_until - :s", s=seconds)
        raw("UPDATE sse_members SET until = until - :s", s=seconds)
        raw("UPDATE sse_letters SET buried_at = buried_at - :s", s=seconds)

    def written():
        return [what for (what,) in raw("SELECT what FROM effects")]

    def write(connection, what):
        return connection.execute(INSERT, {"what": what})

    try:
        yield shift, written, write, raw
    finally:
        engine.dispose()


@contextmanager
def _blocking(url):
    engines = []

    def another():
        engines.append(sqlalchemy.create_engine(url))
        return SqlStore(engines[-1])

    with _sql(url) as (shift, written, write, raw):
        try:
            yield Harness(another(), plainly, shift, another, write, written, raw)
        finally:
            for engine in engines:
                engine.dispose()


@contextmanager
def _awaited(url, async_url):
    engines = []

    def another():
        engines.append(create_async_engine(async_url, poolclass=NullPool))
        return SqlStore(engines[-1])

    with asyncio.Runner() as runner, _sql(url) as (shift, written, write, raw):
        call = _caller(runner)
        run_write = _caller(runner)
        try:
            yield Harness(
                another(),
                call,
                shift,
                another,
                lambda connection, what: run_write(write, connection, what),
                written,
                raw,
            )
        finally:
            for engine in engines:
                runner.run(engine.dispose())


def _caller(runner):
    async def main(method, args):
        result = method(*args)
        return await result if hasattr(result, "__await__") else result

    return lambda method, *args: runner.run(main(method, args))


def postgresql_url(server, driver="psycopg"):
    return f"postgresql+{driver}://{USER}:{PASSWORD}@127.0.0.1:{server.port}/postgres"


def mariadb_url(server, driver="pymysql"):
    return f"mysql+{driver}://{USER}:{PASSWORD}@127.0.0.1:{server.port}/{USER}"


@contextmanager
def postgresql(request, tmp_path):
    url = postgresql_url(request.getfixturevalue("postgresql"))
    with _blocking(url) as made:
        yield made


@contextmanager
def postgresql_async(request, tmp_path):
    url = postgresql_url(request.getfixturevalue("postgresql"))
    with _awaited(url, url) as made:
        yield made


@contextmanager
def mariadb(request, tmp_path):
    with _blocking(mariadb_url(request.getfixturevalue("mariadb"))) as made:
        yield made


@contextmanager
def mariadb_async(request, tmp_path):
    server = request.getfixturevalue("mariadb")
    with _awaited(mariadb_url(server), mariadb_url(server, "aiomysql")) as made:
        yield made


@contextmanager
def sqlite_by_sqlalchemy(request, tmp_path):
    with _blocking(f"sqlite:///{tmp_path}/positions.db") as made:
        yield made


@contextmanager
def _redis(request, client_kind, runner, *, decode):
    port = request.getfixturevalue("redis_server").port
    own = redis.Redis(port=port, decode_responses=True)
    own.flushall()
    clients = []
    call = plainly if runner is None else _caller(runner)

    def another():
        clients.append(client_kind(port=port, decode_responses=decode))
        return RedisStore(clients[-1])

    def write(connection, what):
        connection.rpush("effects", what)

    def written():
        return own.lrange("effects", 0, -1)

    try:
        shift = partial(_shift_redis, own)
        yield Harness(another(), call, shift, another, write, written, own)
    finally:
        own.close()
        for client in clients:
            if runner is None:
                client.close()
            else:
                runner.run(client.aclose())


def _shift_redis(own, seconds):
    for key in own.keys("sse:*:lease"):
        own.set(key, float(own.get(key)) - seconds)
    for key in own.keys("sse:*:members"):
        for member in own.zrange(key, 0, -1):
            own.zincrby(key, -seconds, member)
    for key in own.keys("sse:*:buried"):
        for letter in own.hkeys(key):
            own.hincrbyfloat(key, letter, -seconds)


@contextmanager
def redis_plain(request, tmp_path):
    with _redis(request, redis.Redis, None, decode=False) as made:
        yield made


@contextmanager
def redis_decoding(request, tmp_path):
    with _redis(request, redis.Redis, None, decode=True) as made:
        yield made


@contextmanager
def redis_async(request, tmp_path):
    with (
        asyncio.Runner() as runner,
        _redis(request, redis.asyncio.Redis, runner, decode=False) as made,
    ):
        yield made


HARNESSES = {
    "memory": memory,
    "sqlite": sqlite,
    "sqlite by SQLAlchemy": sqlite_by_sqlalchemy,
    "postgresql": postgresql,
    "postgresql, async": postgresql_async,
    "mariadb": mariadb,
    "mariadb, async": mariadb_async,
    "redis": redis_plain,
    "redis, decoding": redis_decoding,
    "redis, async": redis_async,
}
