"""What is SQLite's alone: its file, the locks on it, and the connections to it."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from reconnecting_sse import StoreRefused, StoreUnavailable
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.stores import SqliteStore, SqlStore, sqlite_file
from tests.durable.lives import fork, reap
from tests.stores.calling import letter

SECONDS = 10
AHEAD = Beside(ahead=("2.0",))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "positions.db"
    with closing(sqlite3.connect(path)) as own:
        own.execute("CREATE TABLE effects (what TEXT, much BLOB)")
    return path


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    store.close()


@pytest.fixture
def claim(store):
    return store.claim("prices", None, "me")


@pytest.fixture
def transaction(store, claim):
    transaction = store.begin(claim)
    yield transaction
    store.abort(transaction)


def written(path):
    with closing(sqlite3.connect(path)) as db:
        return [what for (what,) in db.execute("SELECT what FROM effects")]


def in_time(call, *args):
    """What it gives or raises, unless it takes for ever."""
    came = []

    def run():
        try:
            came.append(call(*args))
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert came, "it waits"
    return came[0]


# ---------------------------------------------------------------- the caller's own


def test_what_a_caller_sets_on_his_connection_is_nobody_elses(store, claim):
    transaction = store.begin(claim)
    transaction.connection.row_factory = lambda *_: pytest.fail("ours")
    transaction.connection.text_factory = bytes
    store.end(transaction, Mark(1, "1"))
    assert store.places()[0].position == "1"
    assert store.claim("prices", None, "me").position == "1"
    connection = store.begin(claim).connection
    assert connection.row_factory is None
    store.close = lambda: None
    connection.close()


def test_a_connection_that_is_kept_is_of_no_more_use(store, claim, path):
    kept = []
    for number, leave in enumerate([store.end, lambda t, _mark: store.abort(t)], 1):
        transaction = store.begin(claim)
        kept += [transaction.connection, transaction.connection.cursor()]
        leave(transaction, Mark(number, str(number)))
    transaction = store.begin(claim)
    for each in kept:
        with pytest.raises(sqlite3.ProgrammingError):
            each.execute("INSERT INTO effects (what) VALUES ('late')")
    store.end(transaction, Mark(3, "3"))
    assert written(path) == []


def test_a_transaction_that_is_over_cannot_be_ended_again(store, claim):
    transaction = store.begin(claim)
    store.end(transaction, Mark(1, "1"))
    with pytest.raises(StoreRefused, match="is over"):
        store.end(transaction, Mark(2, "2"))
    store.abort(transaction)
    assert store.places()[0].position == "1"


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.commit(),
        lambda connection: connection.rollback(),
        lambda connection: connection.__exit__(None, None, None),
        lambda connection: connection.execute("COMMIT"),
        lambda connection: connection.cursor().execute("ROLLBACK"),
        lambda connection: connection.executescript("SELECT 1; COMMIT;"),
        lambda connection: connection.cursor().executescript("SELECT 1"),
    ],
)
def test_who_tries_to_end_it_is_told_what_does(transaction, end):
    with pytest.raises(sqlite3.DatabaseError, match="ends with its with block"):
        end(transaction.connection)
    assert transaction.connection.in_transaction


@pytest.mark.parametrize("statement", ["ATTACH ':memory:' AS other", "DETACH main"])
def test_another_file_cannot_be_written_to_in_one(transaction, statement):
    with pytest.raises(sqlite3.DatabaseError, match="not committed in one"):
        transaction.connection.execute(statement)


def test_other_errors_are_sqlites_own(transaction):
    with pytest.raises(sqlite3.OperationalError, match=r"^no such table: nowhere$"):
        transaction.connection.execute("SELECT * FROM nowhere")


def test_savepoints_are_the_callers(store, claim, path):
    transaction = store.begin(claim)
    write = "INSERT INTO effects (what) VALUES (?)"
    transaction.connection.executemany(write, [["one"], ["two"]])
    transaction.connection.execute("SAVEPOINT here")
    transaction.connection.execute(write, ["three"])
    transaction.connection.execute("ROLLBACK TO here")
    store.end(transaction, Mark(1, "1"))
    assert written(path) == ["one", "two"]


def test_nothing_is_written_once_a_conflict_has_ended_it(transaction, path):
    connection = transaction.connection
    connection.execute("CREATE TABLE single (a UNIQUE)")
    for expected in (sqlite3.IntegrityError, sqlite3.OperationalError):
        with pytest.raises(expected):
            connection.executemany(
                "INSERT OR ROLLBACK INTO single VALUES (?)", [[1], [1]]
            )
    with pytest.raises(sqlite3.OperationalError, match="was ended within"):
        connection.execute("INSERT INTO effects (what) VALUES ('alone')")
    assert written(path) == []


def test_rows_that_nobody_has_read_are_no_failure(store, claim, path):
    transaction = store.begin(claim)
    unread = transaction.connection.execute(
        "INSERT INTO effects (what) VALUES ('a'), ('b'), ('c') RETURNING what"
    )
    assert unread.fetchone() == ("a",)
    store.end(transaction, Mark(1, "1"))
    assert written(path) == ["a", "b", "c"]
    assert store.places()[0].position == "1"


def test_a_blob_that_is_open_is_no_failure(store, claim, path):
    transaction = store.begin(claim)
    insertion = "INSERT INTO effects (what, much) VALUES ('a', zeroblob(3))"
    row = transaction.connection.execute(insertion).lastrowid
    blob = transaction.connection.blobopen("effects", "much", row)
    blob.write(b"abc")
    store.end(transaction, Mark(1, "1"))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT much FROM effects").fetchall() == [(b"abc",)]


def test_what_stands_against_a_commit_and_is_out_of_reach_is_no_outage(store, claim):
    transaction = store.begin(claim)
    unseen = sqlite3.Cursor(transaction.connection)
    unseen.execute("INSERT INTO effects (what) VALUES ('a'), ('b') RETURNING what")
    with pytest.raises(StoreRefused, match="statements in progress"):
        store.end(transaction, Mark(1, "1"))
    assert store.places()[0].position is None


def test_a_connection_closed_within_locks_nobody_out(store, claim):
    transaction = store.begin(claim)
    unread = transaction.connection.execute(
        "INSERT INTO effects (what) VALUES ('a'), ('b') RETURNING what"
    )
    transaction.connection.close()
    store.abort(transaction)
    assert in_time(store.commit, [(claim, Mark(1, "1"))]) == []
    with pytest.raises(sqlite3.ProgrammingError):
        unread.fetchone()


# ---------------------------------------------------------------- turns


def test_who_only_reads_waits_for_nobody(store, claim, path):
    store.commit([(claim, Mark(1, "1"))])
    with closing(SqliteStore(path)) as other:
        transaction = other.begin(claim)
        transaction.connection.execute("INSERT INTO effects (what) VALUES ('one')")
        assert in_time(store.places)[0].position == "1"
        assert in_time(other.places)[0].position == "1"
        other.end(transaction, Mark(2, "2"))
    assert store.places()[0].position == "2"


def test_who_reads_first_makes_the_tables(tmp_path):
    with closing(SqliteStore(tmp_path / "new.db")) as store:
        assert store.places() == []
        assert store.claim("prices", None, "me").token == 1


def test_who_reads_refuses_a_newer_schema(store, claim, path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE sse_schema SET version = 99")
    with pytest.raises(StoreRefused, match="newer version of this package"):
        store.places()


def test_in_a_transaction_the_same_store_does_not_wait_for_itself(
    store, claim, transaction
):
    for call in (
        store.close,
        lambda: store.commit([(claim, Mark(1, "1"))]),
        lambda: store.put("prices", "5"),
        lambda: store.begin(claim),
    ):
        with pytest.raises(RuntimeError, match="would wait for itself"):
            call()
    assert store.places()[0].position is None


def test_nor_does_it_in_the_thread_that_writes_in_a_transaction(store, claim, path):
    transaction = in_time(store.begin, claim)
    transaction.connection.execute("INSERT INTO effects (what) VALUES ('one')")
    with pytest.raises(RuntimeError, match="would wait for itself"):
        store.close()
    store.end(transaction, Mark(1, "1"))
    store.close()
    assert written(path) == ["one"]


def test_other_threads_wait_for_their_turn(store, claim):
    transaction = store.begin(claim)
    thread = threading.Thread(target=store.put, args=("prices", "5"))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    store.end(transaction, Mark(1, "1"))
    thread.join(SECONDS)
    assert store.places()[0].position == "5"


# ---------------------------------------------------------------- processes


def test_a_killed_process_locks_nobody_out_by_a_child_that_lives_on(store, path):
    claim = store.claim("prices", None, "me")
    reader, writer = os.pipe()
    parent = fork(_begin_and_fork, path, claim, writer)
    grandchild = int(os.read(reader, 100))
    try:
        os.kill(parent, signal.SIGKILL)
        reap(parent)
        assert in_time(store.commit, [(claim, Mark(1, "1"))]) == []
    finally:
        os.kill(grandchild, signal.SIGKILL)
        os.close(reader)
        os.close(writer)


def _begin_and_fork(path, claim, writer):
    store = SqliteStore(path)
    transaction = store.begin(claim)
    transaction.connection.execute("INSERT INTO effects (what) VALUES ('one')")
    child = fork(signal.pause)
    os.write(writer, str(child).encode())
    signal.pause()


def test_a_child_waits_for_its_turn(store, claim, path):
    reader, writer = os.pipe()
    child = fork(_put_when_told, store, reader)
    transaction = store.begin(claim)
    os.write(writer, b"now")
    transaction.connection.execute("INSERT INTO effects (what) VALUES ('one')")
    store.end(transaction, Mark(1, "1"))
    assert reap(child) == 0
    assert written(path) == ["one"]
    assert store.places()[0].position == "5"
    os.close(reader)
    os.close(writer)


def _put_when_told(store, reader):
    os.read(reader, 3)
    store.put("prices", "5")
    store.close()


def test_a_child_has_no_part_in_its_parents_transaction(store, claim, path):
    transaction = store.begin(claim)
    transaction.connection.execute("INSERT INTO effects (what) VALUES ('one')")
    assert reap(fork(_interfere, store, transaction)) == 0
    store.end(transaction, Mark(1, "1"))
    assert written(path) == ["one"]
    assert store.places()[0].position == "1"


def _interfere(store, transaction):
    with pytest.raises(StoreRefused, match="another process"):
        store.end(transaction, Mark(7, "7"))
    store.abort(transaction)
    assert store.places()[0].position is None
    with pytest.raises(StoreRefused, match="fork outside of a transaction"):
        store.put("prices", "5")
    store.close()


def test_what_a_parent_has_open_is_not_closed(store, claim):
    """As in a child, but where it is measured."""
    transaction = store.begin(claim)
    parents = [store._file._connection, transaction.connection]
    sqlite_file._begin_anew()
    for connection in parents:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.close()
    sqlite_file._begin_anew()  # where nothing is open
    with pytest.raises(StoreRefused, match="was forked"):
        store.claim("prices", None, "me")


def test_a_store_that_nobody_closes_locks_nobody_out(store, claim, path):
    forgotten = SqliteStore(path)
    connection = forgotten.begin(claim).connection
    del forgotten
    connection.close()
    assert in_time(store.commit, [(claim, Mark(1, "1"))]) == []


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("given", ["", ":memory:"])
def test_what_is_no_file_is_refused(given):
    with pytest.raises(ValueError, match=r"MemoryStore\(\)"):
        SqliteStore(given)


def test_a_store_stays_where_it_was_made(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("here.db")
    monkeypatch.chdir("elsewhere")
    store.put("prices", "5")
    store.close()
    assert (tmp_path / "here.db").exists()
    assert list(Path().iterdir()) == []


def test_links_to_one_file_share_its_lock(store, claim, path, tmp_path):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.db"
    link.symlink_to(path)
    with closing(SqliteStore(link)) as other:
        assert other.claim("prices", None, "other").token == 2
    assert list(link.parent.iterdir()) == [link]


@contextmanager
def no_descriptors():
    """None can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_descriptors_that_ran_out_may_come_back(store):
    with no_descriptors(), pytest.raises(StoreUnavailable, match="Too many open"):
        store.claim("prices", None, "me")
    with no_descriptors(), pytest.raises(StoreUnavailable, match="unable to open"):
        store.places()
    claim = store.claim("prices", None, "me")
    with no_descriptors(), pytest.raises(StoreUnavailable, match="unable to open"):
        store.begin(claim)
    store.end(store.begin(claim), Mark(1, "1"))


@pytest.mark.parametrize("call", ["places", "put"])
def test_what_cannot_be_opened_is_told_and_why(tmp_path, path, monkeypatch, call):
    def said_of(path):
        with pytest.raises(StoreRefused) as error, closing(SqliteStore(path)) as store:
            getattr(store, call)(*["prices", "1"] * (call == "put"))
        return str(error.value)

    assert f"there is no folder {tmp_path}/no" in said_of(tmp_path / "no" / "x.db")
    assert f"there is no folder {path}" in said_of(path / "x.db")
    (tmp_path / "folder.db").mkdir()
    assert "it is a folder" in said_of(tmp_path / "folder.db")


@pytest.mark.parametrize(
    ("forbidden", "words"),
    [("positions.db", "may not be written to"), ("", "nothing may be written to")],
)
def test_what_may_not_be_opened_is_told_and_why(
    store, path, monkeypatch, forbidden, words
):
    allowed = os.access
    place = path.parent / forbidden
    monkeypatch.setattr(
        os, "access", lambda p, mode: (p != place or mode == 0) and allowed(p, mode)
    )
    monkeypatch.setattr(sqlite3, "connect", _cannot_open)
    with pytest.raises(StoreRefused, match=words):
        store.places()


def _cannot_open(*_, **__):
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    raise error


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EACCES, StoreRefused), (errno.EIO, StoreUnavailable)],
)
def test_a_lock_that_fails_is_told(store, path, monkeypatch, number, kind):
    def fail(*_):
        raise OSError(number, os.strerror(number), f"{path}-lock")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail)
        with pytest.raises(kind, match=rf"{os.strerror(number)}.*-lock"):
            store.claim("prices", None, "me")
    assert store.claim("prices", None, "me").token == 1


def test_a_rollback_that_fails_closes_the_connection(store, claim):
    broken = store._file._connection
    with pytest.raises(StoreUnavailable, match="closed"), store._writing():
        broken.close()
    assert store.claim("prices", None, "me").token == 2


# ---------------------------------------------------------------- other platforms


def test_without_the_locks_of_a_unix_it_is_refused(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(StoreRefused, match="SqlStore"):
        SqliteStore(path)


def test_the_package_is_imported_where_there_are_neither_locks_nor_forks():
    program = (
        "import os, ssl, sys, asyncio; sys.modules['fcntl'] = None;"
        "del os.register_at_fork, os.fork;"
        "import reconnecting_sse.cli.program, reconnecting_sse.stores as stores;"
        "stores.MemoryStore()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ---------------------------------------------------------------- older files


@pytest.mark.parametrize(
    "use",
    [
        lambda store, claim: store.commit([(claim, Mark(2, "2", AHEAD))]),
        lambda store, _claim: store.letters(),
        lambda store, claim: store.recall(claim),
        lambda store, claim: store.end(store.begin(claim), Mark(2, "2", AHEAD)),
    ],
)
def test_tables_that_an_older_one_did_not_know_are_made(store, claim, path, use):
    store.commit([(claim, Mark(1, "1"))])
    store.close()
    with closing(sqlite3.connect(path)) as db:
        for table in ("ahead", "recent", "letters", "members"):
            db.execute(f"DROP TABLE sse_{table}")
    use(store, claim)
    assert store.commit([(claim, Mark(3, "3", AHEAD))]) == []
    assert store.recall(claim).ahead == {"2.0"}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT version FROM sse_schema").fetchall() == [(1,)]


def test_a_store_by_sqlalchemy_keeps_the_same(store, claim, path):
    store.commit([(claim, Mark(1, "1", AHEAD))])
    store.commit([(claim, Mark(0, None, Beside(buried=(letter(data="a\0b"),))))])
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    other = SqlStore(engine)
    assert other.recall(claim) == store.recall(claim)
    assert other.replay("prices", ["1.0"]) == 1
    (found,) = store.replays([claim])
    assert replace(found, age=0.0) == letter(data="a\0b", is_replayed=True)
    assert other.beat("feeds", "a", 10.0) == store.beat("feeds", "a", 10.0) == ["a"]
    engine.dispose()


def test_what_the_caller_makes_of_rows_is_no_matter_at_the_end(store, claim):
    for mark in (Mark(1, "1", AHEAD), Mark(0, None, AHEAD), Mark(0, None)):
        transaction = store.begin(claim)
        transaction.connection.row_factory = lambda *_: pytest.fail("ours")
        transaction.connection.text_factory = bytes
        store.end(transaction, mark)
    assert store.recall(claim).ahead == {"2.0"}
