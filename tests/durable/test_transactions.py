"""Effects and position in one transaction: section 12."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from reconnecting_sse import ClaimLost, CommitPolicy, StoreUnavailable
from reconnecting_sse.stores import SqliteStore
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.durable.playing import SECONDS, Watched, feed
from tests.durable.test_claims import Failing, Meanwhile


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "effects.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE effects (id TEXT)")
    db.close()
    return path


@pytest.fixture
def store(path):
    store = Watched(SqliteStore(path))
    yield store
    store.inner.close()


def rows(path):
    with sqlite3.connect(path) as db:
        found = [row for (row,) in db.execute("SELECT id FROM effects ORDER BY rowid")]
    db.close()
    return found


def write(connection, event):
    connection.execute("INSERT INTO effects VALUES (?)", [event.id])


def test_each_event_is_written_with_its_position(play, store, path):
    with feed(5, then="stop") as server:
        player = play(server.url, store).iterate()
        for event in iter(player.next_or_none, None):
            with player.transaction() as connection:
                write(connection, event)
            assert store.position() == event.id
    assert rows(path) == ["1", "2", "3", "4", "5"]
    assert "commit" not in store.calls


def test_a_batch_is_written_as_one(play, store, path):
    with feed(20, then="stop") as server:
        player = play(server.url, store).batches(max_events=6)
        for events in iter(player.next_or_none, None):
            with player.transaction() as connection:
                for event in events:
                    write(connection, event)
            assert store.position() == events[-1].id
    assert rows(path) == [str(n) for n in range(1, 21)]


def test_an_exception_rolls_back_and_the_event_comes_again(play, store, path):
    with feed() as server, play(server.url, store).block() as player:
        event = player.next()
        with pytest.raises(KeyError), player.transaction() as connection:
            write(connection, event)
            raise KeyError
        assert rows(path) == []
        assert player.iterate().ids(1) == ["1"]


def test_what_was_written_is_not_handed_over_again(play, store, path):
    with feed() as server, play(server.url, store).block() as player:
        event = player.next()
        with player.transaction() as connection:
            write(connection, event)
        assert player.iterate().ids(1) == ["2"]


def test_an_event_passed_without_one_goes_with_the_next(play, store, path):
    with feed() as server, play(server.url, store).block() as player:
        _one, two = player.take(2)
        with player.transaction() as connection:
            write(connection, two)
        assert store.position() == "2"
    assert rows(path) == ["2"]


def test_an_event_without_a_position_of_its_own_is_told_of_once(play, store, path):
    body = b"id: 1\ndata: a\n\ndata: b\n\ndata: c\n\n"
    with ScriptedServer([Answer(body=body, end="hang")]) as server:
        player = play(server.url, store).iterate()
        for _ in range(3):
            event = player.next()
            with player.transaction() as connection:
                write(connection, event)
    assert rows(path) == ["1", "1", "1"]
    (told,) = player.log.of("store.unplaced")
    assert told["position"] == "1"


def test_there_is_one_for_each_event_and_only_in_a_loop(play, store):
    with feed() as server:
        player = play(server.url, store).iterate()
        with pytest.raises(RuntimeError, match="event in hand"), player.transaction():
            pass
        player.next()
        with player.transaction():
            nested = pytest.raises(RuntimeError, match="do not nest")
            with nested, player.transaction():
                pass
        with pytest.raises(RuntimeError, match="once for each"), player.transaction():
            pass


def test_by_hand_all_before_it_has_to_be_done(play, store):
    manual = CommitPolicy(mode="manual")
    with feed() as server:
        player = play(server.url, store, commits=manual).iterate()
        one, two = player.take(2)
        with pytest.raises(ValueError, match="are not done"), player.transaction():
            pass
        player.source.commit(one)
        with player.transaction():
            pass
        assert store.position() == two.id


def test_a_lost_claim_rolls_back(play, store, path):
    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()
        store.inner.put("prices", "9")
        with pytest.raises(ClaimLost), player.transaction() as connection:
            write(connection, event)
        with pytest.raises(ClaimLost), player.transaction():
            pass
        with pytest.raises(ClaimLost):
            player.next()
    assert rows(path) == []
    assert store.position() == "9"


def test_a_begin_is_waited_for(play, store, path):
    failing = Failing(store, "begin")
    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()

        def mend():
            holding = player.source._subscription.holding
            while holding.trouble is None:
                pass
            failing.stop()

        with Meanwhile(mend), player.transaction() as connection:
            write(connection, event)
    assert rows(path) == ["1"]


def test_a_begin_that_nobody_waits_for_is_undone(play, store, path):
    hang, hangs = threading.Event(), threading.Event()

    def stall(*_):
        hangs.set()
        hang.wait(SECONDS)

    store.before["begin"] = stall
    with feed() as server:
        player = play(server.url, store).iterate()
        player.next()

        def close():
            hangs.wait(SECONDS)
            player.source.close()

        with (
            Meanwhile(close),
            pytest.raises(StoreUnavailable, match="not answered the begin"),
            player.transaction(),
        ):
            pass
        hang.set()
        store.wait_for("abort")
    assert store.position() is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_in_doubt_is_what_the_store_says(play, store, path, when):
    def fail(*_):
        del getattr(store, when)["end"]
        if when == "before":
            store.inner.abort(*_[:1])
        raise StoreUnavailable("the connection is gone")

    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()
        getattr(store, when)["end"] = fail
        if when == "after":
            with player.transaction() as connection:
                write(connection, event)
            assert rows(path) == ["1"]
            assert player.ids(1) == ["2"]
        else:
            with (
                pytest.raises(StoreUnavailable, match="the connection is gone"),
                player.transaction() as connection,
            ):
                write(connection, event)
            assert rows(path) == []
            assert player.iterate().ids(1) == ["1"]


def test_doubt_that_lasts_ends_the_subscription(play, store, path, monkeypatch):
    monkeypatch.setattr("reconnecting_sse.subscription.custody.FAREWELL_SECONDS", 0.1)
    hang = threading.Event()
    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()
        store.before["end"] = lambda *_: hang.wait(SECONDS)
        with (
            pytest.raises(StoreUnavailable, match="not answered the end"),
            player.transaction() as connection,
        ):
            write(connection, event)
        with pytest.raises(StoreUnavailable):
            player.next()
        hang.set()
        store.wait_for("end")
    assert rows(path) == ["1"]
    assert store.position() == "1"


def test_an_error_that_is_no_stores_is_raised(play, store):
    with feed() as server:
        player = play(server.url, store).iterate()
        player.next()
        Failing(store, "begin").error = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError), player.transaction():
            pass
        with pytest.raises(ZeroDivisionError):
            player.next()


def test_while_one_transacts_another_name_waits_and_goes_on(play, store, path):
    with feed() as server:
        one = play(server.url, store, name="one").iterate()
        two = play(server.url, store, name="two").iterate()
        first, second = one.next(), two.next()

        def transact():
            with two.transaction() as connection:
                write(connection, second)

        with one.transaction() as connection:
            other = Meanwhile(transact)
            other._thread.start()
            write(connection, first)
        other._thread.join(SECONDS)
        assert other.error is None
    assert rows(path) == ["1", "1"]


def test_waiting_for_a_commit_survives_one_interruption(play, store, path, monkeypatch):
    """It has to be known what counts before anything else is handed over."""
    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()
        custody = player.source._subscription.custody
        finish = type(custody).finish
        calls = []

        def interrupted(self, errand, *args):
            calls.append(errand.kind)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return finish(self, errand, *args)

        with pytest.raises(KeyboardInterrupt), player.transaction() as connection:
            write(connection, event)
            monkeypatch.setattr(type(custody), "finish", interrupted)
        assert calls == ["end", "end"]
        assert rows(path) == ["1"]
        monkeypatch.undo()
        assert player.iterate().ids(1) == ["2"]


def test_an_interrupted_begin_leaves_nothing_open(play, store, path, monkeypatch):
    with feed() as server:
        player = play(server.url, store).iterate()
        event = player.next()
        custody = player.source._subscription.custody
        run = type(custody).run

        def interrupted(self, errand):
            monkeypatch.undo()
            awaitable = run(self, errand)
            if awaitable is None:
                raise KeyboardInterrupt
            return _interrupted_after(awaitable)

        monkeypatch.setattr(type(custody), "run", interrupted)
        with pytest.raises(KeyboardInterrupt), player.transaction():
            pass
        store.wait_for("abort")
        with player.transaction() as connection:
            write(connection, event)
    assert rows(path) == ["1"]


async def _interrupted_after(awaitable):
    await awaitable
    raise KeyboardInterrupt
