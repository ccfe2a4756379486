"""Claims, leases, standby, and stores that fail: section 10."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from reconnecting_sse import (
    ClaimLost,
    CommitPolicy,
    State,
    StoreRefused,
    StoreUnavailable,
)
from reconnecting_sse.core.claims import Mark
from reconnecting_sse.subscription import clock as clocks
from tests.durable.playing import SECONDS, Watched, feed

QUICK = CommitPolicy(interval=0.01)
EACH = CommitPolicy(every=1)


def unavailable(*_):
    raise StoreUnavailable("the database is gone")


class Failing:
    """Makes calls fail until it is told to stop."""

    def __init__(self, store, *names):
        self._store, self._names = store, names
        self.error = StoreUnavailable("the database is gone")
        store.before |= dict.fromkeys(names, self._fail)

    def _fail(self, *_):
        raise self.error

    def stop(self):
        for name in self._names:
            del self._store.before[name]


class Meanwhile:
    """Something that runs in another thread; its error is raised where it is left."""

    def __init__(self, function, *args):
        self._function, self._args = function, args
        self.result = self.error = None
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.result = self._function(*self._args)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


# ---------------------------------------------------------------- taking over


def test_the_later_of_two_wins_and_the_other_is_told(play):
    store = Watched()
    with feed() as server:
        first = play(server.url, store, commits=EACH).iterate()
        first.take(2)
        second = play(server.url, store, commits=EACH).iterate()
        assert second.ids(1) == ["2"]
        with pytest.raises(ClaimLost, match="lease="):
            first.next()
        with pytest.raises(ClaimLost):
            first.next()
        with pytest.raises(ClaimLost):
            first.iterate().next()
        assert first.source.state is State.CLOSED
        assert store.position() == "1"
        second.take(1)
        assert store.position() == "2"


def test_a_lost_claim_is_told_to_who_commits_by_hand(play):
    store = Watched()
    manual = CommitPolicy(mode="manual", interval=0.01)
    with feed() as server:
        player = play(server.url, store, commits=manual).iterate()
        one, two = player.take(2)
        store.inner.put("prices", "9")
        player.source.commit(one)
        store.wait_for("commit")
        with pytest.raises(ClaimLost):
            while player.next():
                pass
        with pytest.raises(ClaimLost):
            player.source.commit(two)
    assert store.position() == "9"


def test_a_loss_found_at_the_end_is_raised_there(play):
    store = Watched()
    with feed() as server, pytest.raises(ClaimLost):  # noqa: SIM117
        with play(server.url, store).block() as player:
            player.take(2)
            store.inner.put("prices", "9")
    assert store.position() == "9"


def test_a_reader_who_waits_hears_of_a_lost_lease(play):
    store = Watched()
    with feed(2) as server:
        player = play(server.url, store, lease=0.3).iterate()
        player.take(2)
        with pytest.raises(ClaimLost), Meanwhile(player.next_or_none):
            store.inner.put("prices", "9")


def test_many_takeovers_are_a_warning_that_names_the_lease(play):
    store = Watched()
    for _ in range(3):
        store.inner.claim("prices", None, "another")
    with feed() as server:
        player = play(server.url, store).iterate()
        player.take(1)
    (claimed,) = player.log.of("store.claimed")
    assert claimed["takeovers"] == 3
    assert "lease=" in claimed["advice"]


# ---------------------------------------------------------------- leases


def test_while_anothers_lease_runs_nothing_is_requested(play):
    store = Watched()
    other = store.inner.claim("prices", 60, "another")
    with feed() as server:
        player = play(server.url, store, lease=60).iterate()

        def release():
            store.wait_for("claim", 2)
            assert player.source.state is State.STANDBY
            assert server.requests == []
            store.inner.release(other)

        with Meanwhile(release):
            assert player.ids(1) == ["1"]
    assert player.log.names[:3] == [
        "store.standby",
        "store.claimed",
        "stream.connecting",
    ]
    assert player.log.of("store.standby")[0]["owner"] == "another"


def test_standing_by_is_ended_by_close(play):
    store = Watched()
    store.inner.claim("prices", 60, "another")
    with feed() as server:
        player = play(server.url, store).iterate()

        def close():
            store.wait_for("claim", 2)
            player.source.reconnect()  # there is nothing to be given up
            store.wait_for("claim", 3)
            player.source.close()

        with Meanwhile(close):
            assert player.next_or_none() is None
    assert server.requests == []


def test_a_lease_is_renewed_and_released(play):
    store = Watched()
    with feed(2) as server:
        player = play(server.url, store, lease=0.2).iterate()
        player.take(2)
        with Meanwhile(player.next_or_none):
            store.wait_for("renew", 3)
            assert store.place().lease > 0
            player.source.close()
        store.wait_for("release")
    assert store.place().lease is None


class Elsewhen(clocks.Clock):
    """A clock whose time since boot can be set."""

    ahead = 0.0

    def boot(self):
        return super().boot() + self.ahead


def test_a_frozen_owner_hands_nothing_over_and_goes_on_if_nobody_took_over(
    play, monkeypatch
):
    clock = Elsewhen()
    monkeypatch.setattr(clocks, "CLOCK", clock)
    store = Watched()
    with feed() as server:
        player = play(server.url, store, lease=30).iterate()
        assert player.ids(3) == ["1", "2", "3"]
        clock.ahead = 60  # as if it had been frozen for so long
        failing = Failing(store, "renew")
        with Meanwhile(player.ids, 3) as reading:
            reading._thread.join(0.2)
            assert reading.result is None
            failing.stop()
        assert reading.result == ["4", "5", "6"]


def test_a_frozen_owner_whose_name_was_taken_hands_nothing_over(play, monkeypatch):
    clock = Elsewhen()
    monkeypatch.setattr(clocks, "CLOCK", clock)
    store = Watched()
    with feed() as server:
        player = play(server.url, store, lease=0.5, commits=EACH).iterate()
        player.take(3)
        store.inner.put("prices", "9")
        clock.ahead = 60
        with pytest.raises(ClaimLost):
            player.next()
    assert store.position() == "9"


# ---------------------------------------------------------------- stores that fail


def test_a_store_that_is_not_there_at_first_is_waited_for(play):
    store = Watched()
    failing = Failing(store, "claim")
    with feed() as server:
        player = play(server.url, store).iterate()

        def mend():
            while "store.paused" not in player.log.names:
                time.sleep(0.001)
            failing.stop()

        with Meanwhile(mend):
            assert player.ids(1) == ["1"]
    assert player.log.names[:2] == ["store.paused", "store.claimed"]


def test_delivery_pauses_while_too_much_waits_for_the_store(play):
    store = Watched()
    few = CommitPolicy(max_uncommitted=5, interval=0.01)
    with feed() as server:
        player = play(server.url, store, commits=few).iterate()
        assert player.ids(1) == ["1"]
        failing = Failing(store, "commit")
        assert player.ids(4)[-1] == "5"

        def mend():
            while "store.paused" not in player.log.names:
                time.sleep(0.001)
            assert player.source.state is State.PAUSED
            failing.stop()

        with Meanwhile(mend):
            assert player.ids(3) == ["6", "7", "8"]
        assert player.source.state is State.OPEN
    (paused,) = player.log.of("store.paused")
    assert paused["uncommitted"] == 5
    assert "the database is gone" in paused["error"]
    assert player.log.names[-1] == "store.resumed"


def test_delivery_pauses_when_what_is_done_has_waited_too_long(play):
    store = Watched()
    patient = CommitPolicy(max_delay=0.05, interval=0.01)
    with feed() as server:
        player = play(server.url, store, commits=patient).iterate()
        player.take(2)
        failing = Failing(store, "commit")
        player.take(1)
        while not player.iterator.is_checked:  # by the keeper
            time.sleep(0.001)

        def mend():
            while "store.paused" not in player.log.names:
                time.sleep(0.001)
            failing.stop()

        with Meanwhile(mend):
            assert player.ids(2) == ["4", "5"]
    assert player.log.names[-1] == "store.resumed"


def test_patience_has_an_end_and_the_last_error_is_raised(play):
    store = Watched()
    Failing(store, "claim")
    short = CommitPolicy(patience=0.05)
    with feed() as server:
        player = play(server.url, store, commits=short).iterate()
        with pytest.raises(StoreUnavailable, match="the database is gone"):
            player.next()
        assert server.requests == []


def test_what_no_other_try_mends_is_raised_at_once(play):
    store = Watched()
    Failing(store, "claim").error = StoreRefused("a wrong password")
    with feed() as server:
        player = play(server.url, store).iterate()
        with pytest.raises(StoreRefused, match="a wrong password"):
            player.next()
    assert store.calls == []


def test_a_mistake_of_a_store_is_raised_as_it_is(play):
    store = Watched()
    Failing(store, "commit").error = ZeroDivisionError()
    with feed() as server:
        player = play(server.url, store, commits=EACH).iterate()
        with pytest.raises(ZeroDivisionError):
            player.take(3)


@pytest.mark.parametrize("call", ["claim", "commit"])
def test_a_store_that_hangs_does_not_hold_up_close(play, call):
    store = Watched()
    hang, hangs = threading.Event(), threading.Event()

    def stall(*_):
        hangs.set()
        hang.wait(SECONDS)

    store.before[call] = stall
    with feed() as server:
        player = play(server.url, store, commits=EACH).iterate()

        def close():
            hangs.wait(SECONDS)
            player.source.close()
            return time.monotonic()

        try:
            with Meanwhile(close) as closing:
                player.rest()
                ended_at = time.monotonic()
            assert ended_at - closing.result < 1  # ten times what is promised
        finally:
            hang.set()
    store.wait_for("release" if call == "commit" else "claim")


def test_at_the_end_a_store_that_fails_is_waited_for_and_then_told_of(
    play, monkeypatch
):
    monkeypatch.setattr("reconnecting_sse.subscription.custody.FAREWELL_SECONDS", 0.1)
    store = Watched()
    with feed() as server:
        with play(server.url, store).block() as player:
            player.take(3)
            failing = Failing(store, "commit")
        assert player.log.of("store.paused")[-1]["uncommitted"] == 3
        failing.stop()
        store.wait_for("release")
    assert store.position() == "3"


def test_who_is_forgotten_holds_no_name(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store, lease=60).iterate()
        player.take(3)
        player.source = player.iterator = None
        gc.collect()
        store.wait_for("release")
    assert store.position() == "2"
    assert store.place().owner == ""


def test_one_call_renews_and_commits_for_all_names(play):
    store = Watched()
    committed = []
    store.after["commit"] = committed.append
    with feed(2) as server:
        players = [
            play(server.url, store, name=name, lease=0.3, commits=QUICK).iterate()
            for name in ("a", "b")
        ]
        for player in players:
            player.take(2)
        store.wait_for("renew", 1)
        for player in players:
            player.leave()
        assert store.calls.count("release") == 2
    assert {p.position for p in store.inner.places()} <= {"1", "2"}


# ---------------------------------------------------------------- keywords


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"store": None}, TypeError, "go with a store="),
        ({"name": None}, TypeError, "give name="),
        ({"name": ""}, TypeError, "give name="),
        ({"name": " prices"}, TypeError, "give name="),
        ({"name": "\ud800"}, ValueError, "half a surrogate pair"),
        ({"store": object()}, TypeError, "reconnecting_sse.stores"),
        ({"lease": 0}, ValueError, "lease="),
        ({"lease": -1}, ValueError, "lease="),
        ({"lease": "10"}, TypeError, "lease="),
    ],
)
def test_wrong_keywords_are_refused(play, wrong, error, words):
    options = {"store": Watched(), "name": "prices", **wrong}
    with pytest.raises(error, match=words):
        play("http://feed.test/", options.pop("store"), **options)


def test_without_a_store_there_is_nothing_to_commit_to(play):
    player = play("http://feed.test/", None, name=None)
    with pytest.raises(TypeError, match="give store= and name="):
        player.source.commit(object())
    with pytest.raises(TypeError, match="give store= and name="):
        player.source.transaction()


def test_marks_are_values():
    assert Mark(1, "1") == Mark(1, "1")
