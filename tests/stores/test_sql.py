"""A ``SqlStore`` where databases have their own ways: locks, sessions, schemas."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
import sqlalchemy
from sqlalchemy import event, text
from sqlalchemy.event import registry
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from reconnecting_sse import ClaimLost, StoreRefused, StoreUnavailable
from reconnecting_sse.core.claims import Beside, Claim, Mark, Recalled
from reconnecting_sse.stores import SqlStore, sql_calls, sql_dialects, sql_marks
from tests.durable.lives import fork, reap
from tests.stores.harness import HARNESSES

FREE = ["postgresql", "mariadb"]
AWAITED = [f"{name}, async" for name in FREE]


@pytest.fixture
def harness(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as found:
        yield found


on_servers = pytest.mark.parametrize("harness", FREE + AWAITED, indirect=True)
on_plain_servers = pytest.mark.parametrize("harness", FREE, indirect=True)
on_databases = pytest.mark.parametrize(
    "harness", [*FREE, *AWAITED, "sqlite by SQLAlchemy"], indirect=True
)


def claimed(harness, store=None):
    claim = harness.call((store or harness.store).claim, "prices", 10.0, "me")
    assert isinstance(claim, Claim)
    return claim


def begun(harness, claim):
    return harness.call(harness.store.begin, claim)


def end(harness, transaction, mark):
    harness.call(harness.store.end, transaction, mark)


def within(harness, transaction, function, *args):
    """Call a function with the blocking connection."""
    connection = transaction.connection
    if isinstance(connection, AsyncConnection):
        return harness.call(connection.run_sync, function, *args)
    return function(connection, *args)


def execute(db, statement):
    answer = db.execute(text(statement))
    return answer.fetchall() if answer.returns_rows else None


# ---------------------------------------------------------------- frozen owners


@on_servers
def test_whoever_takes_over_ends_what_a_frozen_owner_holds_locked(harness):
    harness.raw("INSERT INTO effects (number, what) VALUES (1, 'zero')")
    transaction = begun(harness, claimed(harness))
    within(harness, transaction, execute, "UPDATE effects SET what = 'frozen'")
    harness.shift(11)
    claimed(harness, harness.another())
    harness.raw("UPDATE effects SET what = 'successor'")  # would wait for the lock
    with pytest.raises((ClaimLost, StoreUnavailable)):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == ["successor"]
    assert harness.raw("SELECT position FROM sse_positions") == [(None,)]


MARKS = [Mark(1, "1"), Mark(1, None, Beside(ahead=("2.0",)))]


def _recorded(db, claim, mark):
    """What is done just before a COMMIT."""
    dialect = sql_dialects.of(db.dialect.name)
    dialect.fence(db)
    assert sql_marks.record(db, dialect, claim, mark)


@on_servers
@pytest.mark.parametrize("mark", MARKS)
def test_an_owner_that_is_frozen_just_before_its_commit_is_ended_too(harness, mark):
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.shift(11)
    within(harness, transaction, _recorded, claim, mark)
    another = harness.another()
    following = claimed(harness, another)
    assert following.position is None
    assert harness.call(another.recall, following) == Recalled()
    with pytest.raises((ClaimLost, StoreUnavailable)):
        end(harness, transaction, mark)


@on_servers
def test_whoever_takes_over_ends_all_that_a_frozen_owner_has_open(harness):
    claim = claimed(harness)
    opened = []
    for number in range(4):
        harness.raw(f"INSERT INTO effects (number, what) VALUES ({number}, 'zero')")
    harness.raw("ALTER TABLE effects ADD PRIMARY KEY (number)")
    for number in range(4):
        opened.append(begun(harness, claim))
        update = f"UPDATE effects SET what = 'frozen' WHERE number = {number}"
        within(harness, opened[-1], execute, update)
    harness.shift(11)
    claimed(harness, harness.another())
    harness.raw("UPDATE effects SET what = 'successor'")  # would wait for each
    for transaction in opened:
        with pytest.raises((ClaimLost, StoreUnavailable)):
            end(harness, transaction, Mark(1, None))
    assert harness.written() == ["successor"] * 4


@on_plain_servers
@pytest.mark.parametrize("mark", MARKS)
def test_one_that_is_frozen_in_a_plain_call_is_ended_by_its_fence(
    harness, monkeypatch, mark
):
    monkeypatch.setattr(sql_dialects, "FENCE_SECONDS", 1)
    claim = claimed(harness)
    harness.shift(11)
    with harness.store._engine.connect() as db:
        db.begin()
        _recorded(db, claim, mark)
        assert claimed(harness, harness.another()).position is None
        db.invalidate()


@on_plain_servers
@pytest.mark.parametrize("mark", MARKS)
def test_recovering_comes_after_what_is_about_to_be_committed(
    harness, monkeypatch, mark
):
    monkeypatch.setattr(sql_dialects, "FENCE_SECONDS", 1)
    claim = claimed(harness)
    with harness.store._engine.connect() as db:
        db.begin()
        _recorded(db, claim, mark)
        recovered, seq = harness.store.recover(claim)  # its fence has ended it
        assert (recovered.token, seq) == (claim.token + 1, 0)
        db.invalidate()
    assert harness.store.recall(recovered) == Recalled()


@on_plain_servers
@pytest.mark.parametrize("mark", MARKS)
def test_who_is_about_to_be_taken_over_waits_and_has_lost(harness, mark):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    dialect = harness.store._dialect
    with ThreadPoolExecutor(1) as pool, harness.store._engine.connect() as db:
        with db.begin():
            sql_calls.put(db, dialect, name="prices", position="set")
            ending = pool.submit(harness.store.end, transaction, mark)
            with pytest.raises(TimeoutError):
                ending.result(timeout=0.2)
        with pytest.raises(ClaimLost):
            ending.result()
    assert harness.written() == []
    assert harness.raw("SELECT position FROM sse_positions") == [("set",)]


@pytest.mark.parametrize("harness", ["postgresql", "postgresql, async"], indirect=True)
def test_renewals_and_commits_wait_for_none_that_moves_nothing(harness):
    """Those of many that always overlap would let none of them through."""
    claim = claimed(harness)
    transaction = begun(harness, claim)
    within(harness, transaction, _recorded, claim, MARKS[1])
    assert harness.call(harness.store.renew, [claim], 10.0) == []
    assert harness.call(harness.store.commit, [(claim, Mark(1, "1"))]) == []
    end(harness, transaction, Mark(0, None))


IDLE = {
    "postgresql": "SHOW idle_in_transaction_session_timeout",
    "mysql": "SELECT @@SESSION.idle_write_transaction_timeout",
}


@on_servers
def test_a_handler_may_take_its_time_within_a_transaction(harness):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    ((limit,),) = within(
        harness,
        transaction,
        lambda db: execute(db, IDLE[db.dialect.name]),
    )
    assert str(limit) == "0"
    harness.call(harness.store.abort, transaction)


# ---------------------------------------------------------------- the caller's engine

STATE = {
    "postgresql": "SELECT current_setting('application_name'),"
    " current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout')",
    "mysql": "SELECT @@SESSION.innodb_lock_wait_timeout,"
    " @@SESSION.idle_write_transaction_timeout,"
    " IS_USED_LOCK(CONCAT(:mark, ' ', CONNECTION_ID()))",
}


@on_plain_servers
def test_a_connection_goes_back_to_the_pool_as_it_came(harness):
    engine = sqlalchemy.create_engine(
        harness.store._engine.url, pool_size=1, max_overflow=0, pool_timeout=1
    )
    store = SqlStore(engine)

    def state(nonce=""):
        with engine.connect() as db:
            query = text(STATE[db.dialect.name])
            mark = (
                {"mark": f"reconnecting-sse {nonce}"} if ":mark" in query.text else {}
            )
            return db.execute(query, mark).one()

    before = state()
    claim = store.claim("prices", 10.0, "me")
    store.commit([(claim, Mark(1, "1"))])
    assert state(claim.nonce) == before
    transaction = store.begin(claim)
    store.end(transaction, Mark(2, "2"))
    assert state(claim.nonce) == before
    store.abort(store.begin(claim))
    assert state(claim.nonce) == before
    with pytest.raises(ClaimLost):
        store.end(store.begin(claim), Mark(2, "2"))
    assert state(claim.nonce) == before
    engine.dispose()


@on_databases
def test_transactions_leave_nothing_behind_in_the_process(harness):
    claim = claimed(harness)
    harness.call(harness.store.abort, begun(harness, claim))
    known = len(registry._key_to_collection)
    for _ in range(10):
        harness.call(harness.store.abort, begun(harness, claim))
    assert len(registry._key_to_collection) <= known + 3


@on_plain_servers
def test_after_a_fork_the_child_has_connections_of_its_own(harness):
    claim = claimed(harness)
    marks = [(claim, Mark(1, "of the child"))]
    assert reap(fork(harness.store.commit, marks)) == 0
    assert harness.store.commit([(claim, Mark(2, "of the parent"))]) == []
    assert [place.position for place in harness.store.places()] == ["of the parent"]


@on_servers
def test_an_engine_that_commits_each_statement_is_refused(harness):
    url = harness.store._engine.url
    kind = create_async_engine if harness.store.is_async else sqlalchemy.create_engine
    engine = kind(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with pytest.raises(StoreRefused):
        claimed(harness, SqlStore(engine))
    harness.call(engine.dispose)


def test_a_database_of_another_kind_is_refused():
    with pytest.raises(
        StoreRefused, match=r"kept in postgresql, .*, and not in oracle"
    ):
        sql_dialects.of("oracle")


# ---------------------------------------------------------------- the schema


@pytest.mark.parametrize("harness", [*FREE, "sqlite by SQLAlchemy"], indirect=True)
def test_many_may_make_the_schema_at_once(harness):
    stores = [harness.another() for _ in range(8)]
    with ThreadPoolExecutor(len(stores)) as pool:
        claims = list(
            pool.map(lambda n: stores[n].claim(str(n), None, "me"), range(len(stores)))
        )
    assert [claim.token for claim in claims] == [1] * len(stores)


@pytest.mark.parametrize("harness", [*FREE, "sqlite by SQLAlchemy"], indirect=True)
def test_tables_that_an_older_one_did_not_know_are_made(harness):
    claim = claimed(harness)
    harness.store.commit([(claim, Mark(1, "1"))])
    for table in ("ahead", "recent", "letters", "members"):
        harness.raw(f"DROP TABLE sse_{table}")
    another = harness.another()
    assert another.commit([(claim, Mark(2, "2", Beside(ahead=("3.0",))))]) == []
    assert another.recall(claim).ahead == {"3.0"}
    assert harness.raw("SELECT version FROM sse_schema") == [(1,)]


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize("harness", [*FREE, "sqlite by SQLAlchemy"], indirect=True)
@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (None, ["UPDATE"]),
        (Beside(), ["UPDATE"]),
        (Beside(is_start=True, hand="2.0", begun=1), ["UPDATE"]),
        (Beside(ahead=("2.0", "3.0")), ["UPDATE", "INSERT"]),
    ],
)
def test_a_mark_costs_no_statement_more_than_it_has_to_say(harness, beside, words):
    claim = claimed(harness)
    said = []

    def listen(_db, _cursor, statement, *_):
        if "sse_" in statement and statement.split()[0] in ("SELECT", *words, "DELETE"):
            said.append(statement.split()[0])

    with harness.store._engine.connect() as db:
        event.listen(db, "before_cursor_execute", listen)
        dialect = sql_dialects.of(db.dialect.name)
        assert (
            sql_marks.commit(db, dialect, marks=[(claim, Mark(1, "1", beside))]) == []
        )
    assert said == words


# ---------------------------------------------------------------- transactions


@on_servers
def test_one_that_is_about_to_commit_does_not_hold_up_the_claims_others(harness):
    claim = claimed(harness)
    first, second = begun(harness, claim), begun(harness, claim)
    for transaction, key in ((first, "1.0"), (second, "2.0")):
        mark = Mark(0, None, Beside(ahead=(key,)))
        within(harness, transaction, _recorded, claim, mark)
    end(harness, second, Mark(0, None, Beside(ahead=("3.0",))))
    end(harness, first, Mark(0, None))
    assert harness.call(harness.store.recall, claim).ahead == {"1.0", "2.0", "3.0"}


@on_servers
@pytest.mark.parametrize("mark", MARKS)
def test_renewals_and_commits_do_not_break_what_the_caller_has_read_first(
    harness, mark
):
    """MariaDB says so by default since 11.6."""
    claim = claimed(harness)
    transaction = begun(harness, claim)
    if harness.store._engine.dialect.name == "mysql":
        strict = "SET SESSION innodb_snapshot_isolation = ON"
        within(harness, transaction, execute, strict)
    within(harness, transaction, execute, "SELECT what FROM effects")
    assert harness.call(harness.store.renew, [claim], 10.0) == []
    ahead = Mark(0, None, Beside(ahead=("1.0",)))
    assert harness.call(harness.store.commit, [(claim, ahead)]) == []
    harness.write(transaction.connection, "one")
    end(harness, transaction, mark)
    assert harness.written() == ["one"]


@pytest.mark.parametrize(
    ("version", "is_known"),
    [
        ((10, 6, 99), False),
        ((10, 11, 7), False),
        ((10, 11, 8), True),
        ((11, 0, 2), False),
        ((11, 4, 2), True),
        ((12, 0, 0), True),
        (None, False),
    ],
)
def test_what_a_mariadb_does_not_know_is_not_set(version, is_known):
    said = []
    dialect = SimpleNamespace(is_mariadb=True, server_version_info=version)
    database = SimpleNamespace(
        dialect=dialect, execute=lambda statement, _: said.append(str(statement))
    )
    sql_dialects.of("mariadb").fence(database)
    assert ("innodb_snapshot_isolation" in said[0]) is is_known


@on_databases
def test_savepoints_are_the_callers_own(harness):
    def work(db):
        execute(db, "INSERT INTO effects (what) VALUES ('kept')")
        with pytest.raises(KeyError), db.begin_nested():
            execute(db, "INSERT INTO effects (what) VALUES ('left')")
            raise KeyError
        with db.begin_nested():
            execute(db, "INSERT INTO effects (what) VALUES ('too')")

    transaction = begun(harness, claimed(harness))
    within(harness, transaction, work)
    end(harness, transaction, Mark(1, "1"))
    assert harness.written() == ["kept", "too"]


@on_databases
@pytest.mark.parametrize(
    "statement", ["COMMIT", "/* now */ rollback", "-- now\n BEGIN", "\n\tCommit "]
)
def test_no_statement_ends_a_transaction(harness, statement):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    with pytest.raises(RuntimeError, match="would end it"):
        within(harness, transaction, execute, statement)
    with pytest.raises(StoreRefused, match="all is rolled back"):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == []


@pytest.mark.parametrize("harness", ["mariadb", "mariadb, async"], indirect=True)
def test_where_changes_of_tables_commit_they_are_refused(harness):
    transaction = begun(harness, claimed(harness))
    within(harness, transaction, execute, "CREATE TEMPORARY TABLE mine (n INTEGER)")
    with pytest.raises(RuntimeError, match="CREATE would end it"):
        within(harness, transaction, execute, "CREATE TABLE ours (n INTEGER)")
    harness.call(harness.store.abort, transaction)


@on_databases
def test_whoever_closes_or_loses_its_connection_has_done_nothing(harness):
    claim = claimed(harness)
    for leave in ("close", "invalidate"):
        transaction = begun(harness, claim)
        harness.write(transaction.connection, leave)
        for _ in range(2):
            with suppress(RuntimeError):  # the first time it is refused
                harness.call(getattr(transaction.connection, leave))
        with pytest.raises((StoreRefused, StoreUnavailable)):
            end(harness, transaction, Mark(1, "1"))
        transaction = begun(harness, claim)
        harness.write(transaction.connection, leave)
        harness.call(transaction.connection.invalidate)
        harness.call(harness.store.abort, transaction)
    assert harness.written() == []


@on_servers
def test_a_name_that_fits_nowhere_is_refused_at_once(harness):
    with pytest.raises(StoreRefused):
        harness.call(harness.store.claim, "n" * 256, None, "me")


@pytest.mark.parametrize("harness", ["postgresql", "postgresql, async"], indirect=True)
def test_a_position_that_a_database_cannot_keep_is_refused_at_once(harness):
    marks = [(claimed(harness), Mark(1, "a\0b"))]
    with pytest.raises(StoreRefused, match="NUL"):
        harness.call(harness.store.commit, marks)
