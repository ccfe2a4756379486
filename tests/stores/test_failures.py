"""What stores say when they fail: what another try may mend, and what none does."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import traceback
from contextlib import closing

import pytest
import redis
import redis.asyncio
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from reconnecting_sse import ClaimLost, StoreRefused, StoreUnavailable, stores
from reconnecting_sse.core.claims import Claim, Mark
from reconnecting_sse.stores import (
    RedisStore,
    SqliteStore,
    SqlStore,
    open_store,
    sql,
    sql_dialects,
    sql_schema,
    sql_transaction,
    sqlite_file,
)
from tests.durable.lives import fork, reap
from tests.stores.harness import HARNESSES, mariadb_url, postgresql_url
from tests.stores.servers import PASSWORD, free_port


def claim_of(store):
    found = store.claim("prices", None, "me")
    if hasattr(found, "__await__"):

        async def main():
            return await found

        return asyncio.run(main())
    assert isinstance(found, Claim)
    return found


# ---------------------------------------------------------------- SQLite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "positions.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    store.close()


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"this is a letter, and it is long enough to be looked at" * 20)
    with pytest.raises(StoreRefused, match="not a database"):
        claim_of(SqliteStore(path))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StoreRefused, match="there is no folder"):
        claim_of(SqliteStore(tmp_path / "no" / "positions.db"))


def test_a_file_that_somebody_else_locks_may_be_free_later(store, path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.01)
    claim_of(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            claim_of(store)
        with pytest.raises(StoreUnavailable, match="locked"):
            store.begin(Claim("prices", 1, ""))
    assert claim_of(store).token == 2


def test_a_transaction_that_the_caller_has_ended_by_a_conflict_is_told(store):
    claim = claim_of(store)
    transaction = store.begin(claim)
    transaction.connection.execute("CREATE TABLE t (a UNIQUE)")
    transaction.connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        transaction.connection.execute("INSERT OR ROLLBACK INTO t VALUES (1)")
    with pytest.raises(StoreRefused, match="was ended within"):
        store.end(transaction, Mark(1, "1"))
    assert claim_of(store).position is None


def test_a_connection_that_the_caller_has_closed_is_not_committed(store):
    claim = claim_of(store)
    transaction = store.begin(claim)
    transaction.connection.close()
    store.abort(transaction)
    transaction = store.begin(claim)
    transaction.connection.close()
    with pytest.raises(StoreRefused, match="was closed within"):
        store.end(transaction, Mark(1, "1"))
    assert claim_of(store).position is None


def test_scripts_cannot_end_a_transaction_either(store):
    claim = claim_of(store)
    transaction = store.begin(claim)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        transaction.connection.executescript("CREATE TABLE t (a); COMMIT;")
    store.abort(transaction)
    with store._writing() as db:
        tables = db.execute("SELECT name FROM sqlite_master").fetchall()
    assert ("t",) not in tables


def test_a_store_that_was_made_before_a_fork_works_in_the_child(store):
    claim_of(store)
    child = fork(_claims_again, store)
    assert reap(child) == 0
    assert claim_of(store).token == 3


def _claims_again(store):
    assert claim_of(store).token == 2
    store.close()


def test_a_path_shows_in_the_repr(store, path):
    assert repr(store) == f"<SqliteStore {path}>"


# ---------------------------------------------------------------- databases


def engines(url, async_url):
    return [
        sqlalchemy.create_engine(url, poolclass=NullPool),
        create_async_engine(async_url, poolclass=NullPool),
    ]


def wrong_password(url):
    return url.replace(PASSWORD, "wrong-word")


@pytest.mark.parametrize("kind", [0, 1])
def test_a_wrong_password_is_refused_and_never_told(postgresql, kind):
    url = wrong_password(postgresql_url(postgresql))
    store = SqlStore(engines(url, url)[kind])
    with pytest.raises(StoreRefused, match="password authentication failed") as error:
        claim_of(store)
    assert "wrong-word" not in str(error.value)
    assert "wrong-word" not in repr(store)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_wrong_password_of_mariadb_is_refused(mariadb, kind):
    url = wrong_password(mariadb_url(mariadb))
    async_url = wrong_password(mariadb_url(mariadb, "aiomysql"))
    with pytest.raises(StoreRefused, match="Access denied"):
        claim_of(SqlStore(engines(url, async_url)[kind]))


@pytest.mark.parametrize("kind", [0, 1])
def test_a_server_that_is_not_there_may_come(kind):
    url = f"postgresql+psycopg://me:pw@127.0.0.1:{free_port()}/x"
    with pytest.raises(StoreUnavailable, match="refused"):
        claim_of(SqlStore(engines(url, url)[kind]))


def test_beginning_fails_as_everything_else_does():
    url = f"postgresql+psycopg://me:pw@127.0.0.1:{free_port()}/x"
    with pytest.raises(StoreUnavailable, match="refused"):
        SqlStore(engines(url, url)[0]).begin(Claim("prices", 1, ""))

    async def main():
        await SqlStore(engines(url, url)[1]).begin(Claim("prices", 1, ""))

    with pytest.raises(StoreUnavailable, match="refused"):
        asyncio.run(main())


def test_a_database_of_another_kind_is_refused():
    class Engine:
        class dialect:  # noqa: N801
            name = "oracle"

    with pytest.raises(StoreRefused, match="not in oracle"):
        SqlStore(Engine())


def test_an_engine_that_was_made_before_a_fork_works_in_the_child(postgresql, request):
    with HARNESSES["postgresql"](request, None) as harness:
        claim_of(harness.store)
        assert reap(fork(claim_of, harness.store)) == 0
        assert claim_of(harness.store).token == 3


@pytest.mark.parametrize("statement", ["COMMIT", " rollback", "BEGIN", "END"])
def test_no_statement_ends_a_transaction(postgresql, request, statement):
    with HARNESSES["postgresql"](request, None) as harness:
        claim = claim_of(harness.store)
        transaction = harness.store.begin(claim)
        harness.write(transaction.connection, "one")
        with pytest.raises(RuntimeError, match="ends with its with block"):
            transaction.connection.execute(sqlalchemy.text(statement))
        with pytest.raises(StoreRefused, match="all is rolled back"):
            harness.store.end(transaction, Mark(1, "1"))
        assert harness.written() == []


def test_a_savepoint_may_be_rolled_back(postgresql, request):
    with HARNESSES["postgresql"](request, None) as harness:
        transaction = harness.store.begin(claim_of(harness.store))
        harness.write(transaction.connection, "one")
        with transaction.connection.begin_nested() as savepoint:
            harness.write(transaction.connection, "two")
            savepoint.rollback()
        harness.store.end(transaction, Mark(1, "1"))
        assert harness.written() == ["one"]


@pytest.mark.parametrize("kind", ["postgresql", "postgresql, async"])
def test_tables_that_somebody_else_makes_at_once_are_no_failure(
    request, monkeypatch, kind
):
    tries = []

    def make(db):
        tries.append(db)
        if len(tries) == 1:
            raise sqlalchemy.exc.IntegrityError("", {}, Exception("exists"))
        sql_schema.make_schema(db)

    monkeypatch.setattr(sql, "make_schema", make)
    with HARNESSES[kind](request, None) as harness:
        assert harness.call(harness.store.claim, "prices", None, "me").token == 1
    assert len(tries) == 2


@pytest.mark.parametrize("kind", ["postgresql", "postgresql, async"])
def test_a_beginning_that_is_broken_off_gives_its_connection_back(
    request, monkeypatch, kind
):
    with HARNESSES[kind](request, None) as harness:
        claim = harness.call(harness.store.claim, "prices", None, "me")
        with monkeypatch.context() as patched:
            patched.setattr(sql_transaction.event, "listen", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                harness.call(harness.store.begin, claim)
        transaction = harness.call(harness.store.begin, claim)
        harness.call(harness.store.end, transaction, Mark(1, "1"))
        assert harness.call(harness.store.places)[0].position == "1"


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["sqlite by SQLAlchemy", "redis"])
def test_what_a_parent_has_opened_is_left_alone(request, tmp_path, kind):
    with HARNESSES[kind](request, tmp_path) as harness:
        claim_of(harness.store)
        harness.store._process = 0  # as after a fork
        assert claim_of(harness.store).token == 2


def test_mysql_has_no_timeout_for_transactions_that_idle():
    said = []

    class Database:
        class dialect:  # noqa: N801
            is_mariadb = False

        def execute(self, statement, values):
            said.append(str(statement))

    dialect = sql_dialects.of("mysql")
    dialect.fence(Database())
    dialect.restore(Database(), "nonce")
    assert "innodb_lock_wait_timeout" in said[0]
    assert "idle_write_transaction_timeout" not in "".join(said)
    assert not dialect.is_exclusive


# ---------------------------------------------------------------- Redis


def test_redis_that_is_not_there_may_come():
    gone = pytest.raises(StoreUnavailable, match="ConnectionError")
    with redis.Redis(port=free_port()) as client, gone:
        claim_of(RedisStore(client))


def test_redis_that_is_not_there_may_come_to_the_async_face_too():
    async def main():
        client = redis.asyncio.Redis(port=free_port())
        try:
            await RedisStore(client).claim("prices", None, "me")
        finally:
            await client.aclose()

    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        asyncio.run(main())


def test_redis_refuses_a_wrong_password(redis_server):
    words = {"username": "no", "password": "wrong"}
    refused = pytest.raises(StoreRefused, match="AuthenticationError")
    with redis.Redis(port=redis_server.port, **words) as client, refused:
        claim_of(RedisStore(client))


def test_a_command_that_fails_in_redis_rolls_nothing_back(request):
    with HARNESSES["redis"](request, None) as harness:
        claim = claim_of(harness.store)
        transaction = harness.store.begin(claim)
        transaction.connection.set("text", "x")
        transaction.connection.rpush("text", "no list")
        transaction.connection.rpush("effects", "done")
        with pytest.raises(StoreRefused, match="rolls nothing back"):
            harness.store.end(transaction, Mark(1, "1"))
        assert harness.written() == ["done"]
        assert claim_of(harness.store).position == "1"


def test_what_the_caller_executes_within_is_refused(request):
    with HARNESSES["redis"](request, None) as harness:
        transaction = harness.store.begin(claim_of(harness.store))
        harness.write(transaction.connection, "one")
        with pytest.raises(RuntimeError, match="ends with its with block"):
            transaction.connection.execute()
        with pytest.raises(StoreRefused, match="nothing is done"):
            harness.store.end(transaction, Mark(1, "1"))
        assert harness.written() == []


def test_who_takes_over_within_a_transaction_of_redis_undoes_it(request):
    with HARNESSES["redis"](request, None) as harness:
        transaction = harness.store.begin(claim_of(harness.store))
        harness.write(transaction.connection, "one")
        claim_of(harness.another())
        with pytest.raises(ClaimLost):
            harness.store.end(transaction, Mark(1, "1"))
        assert harness.written() == []


def test_a_client_that_was_made_before_a_fork_works_in_the_child(request):
    with HARNESSES["redis"](request, None) as harness:
        claim_of(harness.store)
        assert reap(fork(claim_of, harness.store)) == 0
        assert claim_of(harness.store).token == 3
        assert repr(harness.store) == "<RedisStore sse:*>"


# ---------------------------------------------------------------- by URL


def test_a_store_is_opened_by_its_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert repr(open_store("sqlite:///a%20b.db")) == f"<SqliteStore {tmp_path}/a b.db>"
    assert repr(open_store("sqlite:////folder/x.db")) == "<SqliteStore /folder/x.db>"
    url = "postgresql+psycopg://me:secret@db.test/x"
    assert repr(open_store(url)) == "<SqlStore postgresql+psycopg://db.test/x>"
    assert isinstance(open_store("redis://:secret@redis.test/0"), RedisStore)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("cursors.db", "is no URL of a store"),
        ("sqlite://cursors.db", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite:", "three slashes"),
        ("nosuch://u:secret@h/x", "nobody knows"),
        ("postgresql+psycopg:u:secret@h/x", "is no URL of a store"),
        ("redis://u:secret@h:port/x", "port"),
        ("redis://u:secret/x@h", "percent-encoded"),
        ("redis://:secret", "is its port a number"),
        ("redis://h?socket_timeout=secret", "option"),
        ("sqlite://u:secret@h", "three slashes"),
        ("u:secret@h/x", "is no URL of a store"),
        ("u://:secret@[h/x", "nobody knows"),
        ("postgresql+psycopg://u:x@h:secret@h/x", "is its port a number"),
        ("postgresql+psycopg://u:secret", "is its port a number"),
        ("postgresql+psycopg://h/x?host=secret,h&port=1,2,3", "option"),
        ("mysql+pymysql://u:secret@h/x?ssl_check_hostname=secret", "option"),
        ("mysql+pymysql://u:secret@h/x?plugin=secret", "option"),
        ("sqlite:///:memory:", r"MemoryStore\(\)"),
    ],
)
def test_what_names_no_store_is_refused(url, words):
    with pytest.raises(ValueError, match=words) as error:
        open_store(url)
    shown = "".join(traceback.format_exception(error.value))
    assert "secret" not in shown
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "driver",
    ["postgresql+asyncpg", "sqlite+aiosqlite", "mysql+aiomysql", "MariaDB+asyncmy"],
)
def test_a_driver_that_has_to_be_awaited_is_for_an_engine_of_ones_own(driver):
    with pytest.raises(ValueError, match="create_async_engine") as error:
        open_store(f"{driver}://u:secret@h/x")
    assert "secret" not in str(error.value)


def test_a_scheme_may_be_written_in_capitals(tmp_path):
    assert isinstance(open_store(f"SQLite:///{tmp_path}/x.db"), SqliteStore)
    assert isinstance(open_store("REDIS://redis.test"), RedisStore)
    assert isinstance(open_store("PostgreSQL+psycopg://db.test/x"), SqlStore)


def test_a_driver_that_is_missing_is_named():
    with pytest.raises(StoreRefused, match="no module 'MySQLdb'"):
        open_store("mysql+mysqldb://u:secret@h/x")


@pytest.mark.parametrize(
    ("name", "url", "module", "extra"),
    [
        ("SqlStore", "postgresql+psycopg://h/x", "sqlalchemy", "sql"),
        ("RedisStore", "redis://h", "redis", "redis"),
    ],
)
def test_an_extra_that_is_missing_is_named(monkeypatch, name, url, module, extra):
    monkeypatch.setitem(
        __import__("sys").modules, f"reconnecting_sse.stores.{extra}", None
    )
    for use in (lambda: getattr(stores, name), lambda: open_store(url)):
        with pytest.raises(StoreRefused, match=rf"reconnecting-sse\[{extra}\]"):
            use()


def test_there_is_no_other_name():
    with pytest.raises(AttributeError, match="NoSuchStore"):
        stores.NoSuchStore  # noqa: B018
    assert os.getpid()
