"""Real stores behind a way that cuts, stalls and refuses, and swallows answers."""

from __future__ import annotations

import threading
import time

import pytest
import redis
import sqlalchemy

from reconnecting_sse import CommitPolicy, StoreUnavailable
from reconnecting_sse.stores import RedisStore, SqlStore
from tests.durable.faulty import Way
from tests.durable.playing import SECONDS, feed
from tests.stores.harness import HARNESSES, postgresql_url

QUICK = CommitPolicy(interval=0.01, max_uncommitted=20)
COUNT = 400


class Port:
    def __init__(self, port):
        self.port = port


@pytest.fixture(params=["postgresql", "redis"])
def behind(request):
    """A harness of a real store, a store that goes through a way, and the way."""
    kind = request.param
    server = request.getfixturevalue("redis_server" if kind == "redis" else kind)
    with HARNESSES[kind](request, None) as harness, Way(server.port) as way:
        if kind == "redis":
            client = redis.Redis(port=way.port, socket_timeout=1)
            store, close = RedisStore(client), client.close
        else:
            limits = {"connect_timeout": 2, "options": "-c statement_timeout=1000"}
            engine = sqlalchemy.create_engine(
                postgresql_url(Port(way.port)),
                connect_args=limits,
                pool_pre_ping=True,
            )
            store, close = SqlStore(engine), engine.dispose
        yield harness, store, way
        close()


def position(harness):
    (place,) = harness.store.places()
    return int(place.position or 0)


@pytest.mark.parametrize("fault", ["cut", "refuse"])
def test_delivery_pauses_and_goes_on_and_nothing_is_skipped(play, behind, fault):
    harness, store, way = behind
    with feed(COUNT, pause=0.001) as server:
        player = play(server.url, store, commits=QUICK).iterate()
        ids = player.ids(50)
        getattr(way, fault)()
        mend = threading.Timer(0.3, way.refuse, [False])
        mend.start()
        while len(ids) < COUNT:
            ids += player.ids(1)
            # None is handed over that the store could not take later.
            assert int(ids[-1]) - position(harness) <= 21
        mend.join()
        player.leave()
    assert ids == [str(n) for n in range(1, COUNT + 1)]
    assert position(harness) == COUNT


def test_a_store_that_stalls_holds_up_no_close(play, behind):
    _harness, store, way = behind
    with feed(COUNT) as server:
        player = play(server.url, store, commits=QUICK).iterate()
        player.ids(20)
        way.stall()
        closed_at = []

        def close():
            closed_at.append(time.monotonic())
            player.source.close()

        timer = threading.Timer(0.2, close)
        timer.start()
        player.rest()
        assert time.monotonic() - closed_at[0] < 1  # ten times what is promised
        timer.join(SECONDS)
        way.stall(False)
        player.leave()


def test_rows_are_the_feed_though_every_third_commit_has_no_answer(play, behind):
    harness, store, way = behind
    commits = []

    def swallow(sent, _answer):
        if isinstance(sent, bytes) and (b"COMMIT" in sent or b"EXEC" in sent):
            commits.append(sent)
            return len(commits) % 3 == 0
        return False

    way.swallows = swallow
    with feed(30) as server:
        player = play(server.url, store, commits=QUICK).iterate()
        done = 0
        while done < 30:
            event = player.next()
            try:
                with player.transaction() as connection:
                    harness.write(connection, event.id)
            except StoreUnavailable:  # it was rolled back: the event comes again
                player.iterate()
            else:
                done = int(event.id)
        player.leave()
    assert harness.written() == [str(n) for n in range(1, 31)]
    assert len(commits) >= 30
