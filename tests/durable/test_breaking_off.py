"""Interruptions, orders and odd bodies, with a store: nothing is lost in any order."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import closing

import httpxr
import pytest

from reconnecting_sse import (
    CommitPolicy,
    Dialect,
    ReconnectingEventSource,
    SSEError,
    State,
    StoreUnavailable,
)
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription import keepers
from reconnecting_sse.subscription.asking import Rest
from reconnecting_sse.subscription.errand_steps import ErrandSteps
from reconnecting_sse.subscription.errands import Errand
from reconnecting_sse.subscription.holding import Durability, Holding
from reconnecting_sse.subscription.keeping import Keeping
from reconnecting_sse.subscription.lingering import (
    AsyncLingeringBody,
    Lingering,
    LingeringBody,
)
from reconnecting_sse.testing import Answer, ScriptedServer
from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody
from tests.durable.playing import Watched, feed
from tests.durable.test_claims import Elsewhen, Failing, Meanwhile
from tests.stores.calling import letter

FEW = CommitPolicy(max_uncommitted=3, interval=0.01)


def paused(player):
    while "store.paused" not in player.log.names:
        pass


def interrupted(player, monkeypatch, name):
    """The next call of that kind raises KeyboardInterrupt, once it has begun."""
    custody = player.source._subscription.custody
    kind, real = type(custody), getattr(type(custody), name)

    def interrupt(self):
        monkeypatch.setattr(kind, name, real)
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, name, interrupt)


def test_what_waits_for_the_store_survives_an_interruption(play, monkeypatch):
    store = Watched()
    with feed(retry=10) as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        assert player.ids(2) == ["2", "3"]
        with Meanwhile(paused, player):
            player_thread = threading.Timer(0.05, failing.stop)
            player_thread.start()
            found = player.ids(1)
        interrupted(player, monkeypatch, "make_room")
        failing = Failing(store, "commit")
        with pytest.raises(KeyboardInterrupt):
            while True:
                found += player.ids(1)
        failing.stop()
        found += player.ids(5)
    assert found == [str(n) for n in range(4, 4 + len(found))]


def test_a_reconnect_while_paused_goes_on_after_what_was_received(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        player.ids(2)

        def mend():
            paused(player)
            assert player.source.state is State.PAUSED
            player.source.reconnect()
            failing.stop()

        with Meanwhile(mend):
            assert player.ids(4) == ["4", "5", "6", "7"]
        assert player.ids(20)[-1] == "27"


def test_close_while_paused_ends_it(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        player.ids(2)

        def close():
            paused(player)
            player.source.close()

        with Meanwhile(close):
            assert player.next_or_none() is None
        failing.stop()


def test_an_error_of_the_store_while_paused_is_raised(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        player.ids(2)

        def fail():
            paused(player)
            failing.error = ZeroDivisionError()

        with Meanwhile(fail), pytest.raises(ZeroDivisionError):
            player.next()


def test_comments_and_large_events_keep_their_place(play):
    heard = []
    body = b": one\n\nid: 1\ndata: a\n\n: two\n\nid: 2\ndata: "
    body += b"x" * 200 + b"\n\nid: 3\ndata: c\n\n"
    store = Watched()
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        options = {"on_comment": heard.append, "max_event_bytes": 100}
        player = play(
            server.url, store, too_large="skip", wait=lambda _: 0, **options
        ).iterate()
        assert [event.id for event in player.rest()] == ["1", "3"]
    assert heard == ["one", "two"]
    assert player.log.names.count("stream.gap") == 1
    assert store.position() == "3"


def test_what_was_put_aside_comes_before_a_new_connection(play, monkeypatch):
    clock = Elsewhen()
    monkeypatch.setattr(clocks, "CLOCK", clock)
    store = Watched()
    with feed(3, then="hang") as server:
        player = play(server.url, store, lease=30).iterate()
        assert player.ids(3) == ["1", "2", "3"]
        # As a signal while it reads would, before anything else is asked for.
        player.source._subscription.pump.break_off(KeyboardInterrupt())
        clock.ahead = 60
        assert player.iterate().ids(1) == ["3"]
        assert player.source.stats.reconnects == {"KeyboardInterrupt": 1}


def test_an_event_that_was_asked_about_when_the_lease_ended_comes_again(
    play, monkeypatch
):
    clock = Elsewhen()
    monkeypatch.setattr(clocks, "CLOCK", clock)
    asked = []

    def until(event):
        asked.append(event.id)
        if asked == ["1", "2"]:
            raise KeyboardInterrupt
        return False

    manual = CommitPolicy(mode="manual")
    options = {"lease": 30, "until": until, "commits": manual}
    with feed() as server:
        player = play(server.url, Watched(), **options).iterate()
        assert player.ids(1) == ["1"]
        with pytest.raises(KeyboardInterrupt):
            player.next()
        clock.ahead = 60
        assert player.ids(2) == ["2", "3"]


def test_an_event_that_was_asked_about_belongs_to_the_next_iterator(play):
    asked = []

    def until(event):
        asked.append(event.id)
        if asked == ["1", "2"]:
            raise KeyboardInterrupt
        return False

    with feed() as server:
        player = play(server.url, Watched(), until=until).iterate()
        assert player.ids(1) == ["1"]
        with pytest.raises(KeyboardInterrupt):
            player.next()
        assert player.iterate().ids(2) == ["2", "3"]


def test_an_error_is_kept_when_the_farewell_is_broken_off(play, monkeypatch):
    with ScriptedServer([Answer(404)]) as server:
        player = play(server.url, Watched()).iterate()
        interrupted(player, monkeypatch, "farewell")
        with pytest.raises(KeyboardInterrupt):
            player.next()
        with pytest.raises(SSEError, match="404"):
            player.next()


def test_an_end_whose_farewell_is_broken_off_is_an_end(play, monkeypatch):
    with feed(1, then="stop") as server:
        player = play(server.url, Watched()).iterate()
        player.next()
        interrupted(player, monkeypatch, "farewell")
        with pytest.raises(KeyboardInterrupt):
            player.next()
        assert player.next_or_none() is None


def test_a_dialects_positions_are_committed_event_by_event(play):
    store = Watched()
    by_data = Dialect(position=lambda event, _before: event.data)
    with feed() as server:
        with play(server.url, store, dialect=by_data).block() as player:
            player.take(3)
            assert player.source.position == "n3"
        assert store.position() == "n3"
        with pytest.raises(KeyError):  # noqa: SIM117
            with play(server.url, store, dialect=by_data).block() as player:
                assert player.source.position == ""
                player.take(1)
                assert player.iterate().take(1)[0].data == "n1"
                raise KeyError
    assert store.position() == "n3"


# ---------------------------------------------------------------- keepers


def durability(store, **commits):
    return Durability(store=store, name="prices", commits=CommitPolicy(**commits))


class Steps:
    """A keeping, driven by hand."""

    def __init__(self, store, **commits):
        self.keeping = Keeping(store, clocks.CLOCK)
        self.holding = Holding(durability(store, **commits))
        self.keeping.admit(self.holding)
        self.steps = self.keeping.steps()
        self.step = next(self.steps)

    def answer(self, outcome):
        self.step = self.steps.send(outcome)
        return self


def test_no_dead_letter_is_handed_over_before_the_reader_knows_of_the_claim():
    """The worker that heard of one then broke its keeper: there was no ledger yet."""
    store, heard = MemoryStore(), []
    before = store.claim("prices", None, "")
    store.commit([(before, Mark(0, None, Beside(buried=(letter(),))))])
    store.replay("prices", ["1.0"])
    steps = Steps(store)
    steps.holding.hear_replays = heard.extend
    steps.answer(steps.step())
    assert isinstance(steps.step, Rest)
    assert not heard
    steps.holding.ledger_of = WorkLedger
    steps.holding.begin("")
    steps.answer(None)
    steps.answer(steps.step())
    assert [one.key for one in heard] == ["1.0"]


def test_a_fault_of_the_keeper_ends_all_whom_it_serves(play, monkeypatch):
    """It died, and they waited for ever, in good health as far as anybody could see."""
    store = Watched()
    with feed() as server:
        player = play(server.url, store).iterate()
        player.take(1)
        other = play(server.url, store, name="deployments").iterate()
        other.take(1)
        with monkeypatch.context() as broken:
            broken.setattr(Keeping, "_commit", lambda _: faulty())
            for each in (player, other):
                with pytest.raises(KeyError, match="a fault"):
                    each.rest()
        assert play(server.url, store, name="new").iterate().ids(2) == ["1", "2"]


def test_who_is_admitted_while_a_keeper_breaks_down_is_served():
    """It ended with an error that was none of its own."""
    steps, late = Steps(MemoryStore()), Holding(durability(MemoryStore()))
    steps.holding.bells.append(lambda: steps.keeping.admit(late))
    steps.keeping.break_down(KeyError("a fault"))
    assert steps.holding.is_over
    assert [duty.holding for duty in steps.keeping.duties] == [late]
    assert late.error is None


def test_a_fault_of_the_keeper_ends_a_transaction_that_begins(
    play, monkeypatch, tmp_path
):
    store = Watched(SqliteStore(tmp_path / "x.db"))
    with feed() as server, closing(store.inner):
        player = play(server.url, store).iterate()
        player.take(1)
        monkeypatch.setattr(ErrandSteps, "_begin", lambda *_: faulty())
        with pytest.raises(KeyError, match="a fault"), player.transaction():
            pass


def faulty():
    raise KeyError("a fault")
    yield


def test_a_release_that_fails_is_tried_again_by_itself(play):
    store = Watched()
    failing = Failing(store, "release")
    with feed() as server:
        player = play(server.url, store).iterate()
        player.take(1)
        threading.Timer(0.1, failing.stop).start()
        player.leave()
    assert store.calls[-1] == "release"


def test_a_begin_that_nobody_waits_for_any_more_is_never_made():
    steps = Steps(MemoryStore())
    steps.holding.claim = steps.step()
    steps.answer(steps.holding.claim)
    errand = Errand("begin")
    steps.holding.errands.append(errand)
    steps.holding.drop(errand)
    steps.answer(None)
    assert errand.is_done
    assert str(errand.outcome) == "nobody wants it"


@pytest.mark.parametrize("ends", ["patience", "lost", "there"])
def test_doubt_ends_with_an_answer_or_with_patience(play, ends, tmp_path):
    store = Watched(SqliteStore(tmp_path / "x.db"))
    commits = CommitPolicy(patience=0.1 if ends == "patience" else 600)
    with feed() as server:
        player = play(server.url, store, commits=commits).iterate()
        player.take(1)

        def fail(transaction, _mark):
            store.inner.abort(transaction)
            if ends == "lost":
                store.inner.put("prices", "9")
            raise StoreUnavailable("the connection is gone")

        store.before["end"] = fail
        failing = Failing(store, "recover")
        if ends != "patience":
            threading.Timer(0.05, failing.stop).start()
        with pytest.raises(SSEError), player.transaction():
            pass
        if ends == "there":
            assert player.iterate().ids(1) == ["1"]
        else:
            with pytest.raises(SSEError):
                player.next()
    store.inner.close()


def test_who_is_forgotten_hears_of_nothing_any_more(play):
    store = Watched()
    hang = threading.Event()
    with feed() as server:
        player = play(server.url, store).iterate()
        player.take(3)
        holding = player.source._subscription.holding
        player.source = player.iterator = None
        gc.collect()
        holding.look()
        holding.end(StoreUnavailable("late"))
        hang.set()
    assert holding.is_leaving


def test_a_keeper_that_was_replaced_is_not_forgotten_twice():
    store = MemoryStore()
    keeper = keepers.ThreadKeeper(store)
    assert keepers._ended(store, keeper, keeper._keeping)


# ---------------------------------------------------------------- bodies that linger


class Pieces(LiveBody):
    def __init__(self, *pieces):
        self.read_timeout, self._pieces, self.is_closed = 5.0, list(pieces), False

    def wait(self, seconds):
        return True

    def read(self):
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self):
        self.is_closed = True


class AsyncPieces(AsyncLiveBody):
    def __init__(self, *pieces):
        self._inner = Pieces(*pieces)
        self.read_timeout = 5.0

    async def wait(self, seconds):
        return True

    async def read(self):
        return self._inner.read()

    def read_nowait(self):
        raise AssertionError("it would not linger")

    def close(self):
        self._inner.close()

    async def aclose(self):
        self.close()


class Plain(LiveBody):
    read_timeout = None

    def read(self):
        return b"x"

    def close(self):
        pass


def all_of(body, count):
    def read():
        if isinstance(body, LingeringBody):
            return body.read()
        assert body.read_nowait() == b""
        return asyncio.run(body.read())

    found = []
    for _ in range(count):
        try:
            found.append(read())
        except httpxr.HTTPError as error:
            found.append(error)
    return found


@pytest.mark.parametrize(
    ("kind", "body"), [(LingeringBody, Pieces), (AsyncLingeringBody, AsyncPieces)]
)
def test_a_lingering_body_gives_all_that_came_before_its_end(kind, body):
    cut = httpxr.ReadError("cut")
    lingering = Lingering(3, 1.0)
    one = b"data: a\n\n"
    assert all_of(kind(body(one, one, cut), lingering), 2) == [one + one, cut]
    assert all_of(kind(body(one, b"", b""), lingering), 2) == [one, b""]
    assert all_of(kind(body(one * 3, one), lingering), 1) == [one * 3]
    wrapped = body(b"")
    lingers = kind(wrapped, lingering)
    lingers.read_timeout = 7.0
    assert wrapped.read_timeout == lingers.read_timeout == 7.0
    lingers.close()
    assert getattr(wrapped, "_inner", wrapped).is_closed
    if kind is AsyncLingeringBody:
        asyncio.run(lingers.aclose())


def test_a_body_of_whose_bytes_nobody_can_say_when_they_come_does_not_linger():
    assert Plain().wait(1.0) is False
    assert LingeringBody(Plain(), Lingering(9, 1.0)).read() == b"x"
    assert asyncio.run(AsyncLiveBody.wait(AsyncPieces(), 1.0)) is False


def test_without_a_store_batches_are_the_same(play):
    with feed(20, then="stop") as server:
        player = play(server.url, None, name=None).batches(max_events=6)
        batches = player.rest()
    ids = [event.id for batch in batches for event in batch]
    assert ids == [str(n) for n in range(1, 21)]


def test_batches_are_iterated_as_everything_is():
    with feed(3, then="stop") as server:
        client = httpxr.Client()
        with ReconnectingEventSource(client, "GET", server.url) as source:
            assert sum(len(events) for events in source.batches()) == 3

        async def main():
            async with (
                httpxr.AsyncClient() as client,
                ReconnectingEventSource(client, "GET", server.url) as source,
            ):
                return [len(events) async for events in source.abatches()]

        assert sum(asyncio.run(main())) == 3


def test_an_interruption_while_paused_loses_nothing(play, monkeypatch):
    store = Watched()
    with feed(retry=10) as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        player.ids(2)
        custody = type(player.source._subscription.custody)
        make_room = custody.make_room

        def interrupt(self):
            if self.holding.trouble is not None and "store.paused" in player.log.names:
                monkeypatch.setattr(custody, "make_room", make_room)
                raise KeyboardInterrupt
            return make_room(self)

        monkeypatch.setattr(custody, "make_room", interrupt)
        with pytest.raises(KeyboardInterrupt):
            player.next()
        assert player.source.state is State.CONNECTING
        failing.stop()
        assert player.ids(3) == ["4", "5", "6"]


def test_close_ends_what_an_interruption_had_left(play, monkeypatch):
    store = Watched()
    with feed(retry=10) as server:
        player = play(server.url, store, commits=FEW).iterate()
        player.ids(1)
        failing = Failing(store, "commit")
        player.ids(2)
        interrupted(player, monkeypatch, "make_room")
        with pytest.raises(KeyboardInterrupt):
            player.next()
        failing.stop()
        assert player.ids(1) == ["4"]
        player.source.close()
        assert player.next_or_none() is None


def test_batches_may_begin_to_wait_on_an_open_connection(play):
    with feed(40, pause=0.001) as server, play(server.url, Watched()).block() as player:
        player.take(1)
        player.batches(max_events=40, max_seconds=0.5)
        found = [
            event.id for events in (player.next(), player.next()) for event in events
        ]
    assert found == [str(n) for n in range(1, len(found) + 1)]
    assert len(found) > 20


def test_a_lingering_body_lingers_no_longer_than_it_may():
    class Slow(AsyncPieces):
        async def wait(self, seconds):
            return False

    lingers = AsyncLingeringBody(Slow(b"x", b"y"), Lingering(9, 0.01))
    assert asyncio.run(lingers.read()) == b"x"
