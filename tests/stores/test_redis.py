"""A ``RedisStore`` where Redis has its own ways."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.cluster
from redis import exceptions

from reconnecting_sse import ClaimLost, StoreRefused, StoreUnavailable
from reconnecting_sse.core.claims import Beside, Claim, Held, Mark
from reconnecting_sse.stores import RedisStore, redis_scripts
from reconnecting_sse.stores.redis_faces import translated
from tests.durable.lives import fork, reap
from tests.stores.calling import letter
from tests.stores.harness import HARNESSES


@pytest.fixture(params=["redis", "redis, decoding", "redis, async"])
def harness(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as found:
        yield found


def claimed(harness, lease=10.0):
    claim = harness.call(harness.store.claim, "prices", lease, "me")
    assert isinstance(claim, Claim)
    return claim


def begun(harness, claim):
    return harness.call(harness.store.begin, claim)


def end(harness, transaction, mark):
    harness.call(harness.store.end, transaction, mark)


def position(harness):
    (place,) = harness.call(harness.store.places)
    return place.position


def test_a_renewal_within_a_transaction_does_not_break_it(harness):
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    assert harness.call(harness.store.renew, [claim], 10.0) == []
    end(harness, transaction, Mark(1, "1"))
    assert harness.written() == ["one"]
    assert position(harness) == "1"


def test_who_is_taken_over_within_a_transaction_has_done_nothing(harness):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    harness.shift(11)
    claimed(harness)
    with pytest.raises(ClaimLost):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == []
    assert position(harness) is None


def test_of_commands_one_of_which_fails_the_others_are_done(harness):
    harness.raw.set("text", "no list")
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    transaction.connection.rpush("text", "two")
    with pytest.raises(StoreRefused, match=r"rolls nothing back.*position is recorded"):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == ["one"]
    assert position(harness) == "1"


def test_of_commands_one_of_which_is_malformed_none_is_done(harness):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    transaction.connection.execute_command("RPUSH", "effects")
    with pytest.raises(StoreRefused, match="wrong number of arguments"):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == []
    assert position(harness) is None


@pytest.mark.parametrize("where", ["1", None])
def test_when_there_is_no_memory_left_nothing_is_done(harness, where):
    """Of commands that need none, neither."""
    harness.raw.rpush("effects", "one", "two")
    transaction = begun(harness, claimed(harness))
    transaction.connection.lpop("effects")
    harness.raw.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            end(harness, transaction, Mark(1, where, Beside(ahead=("2.0",))))
    finally:
        harness.raw.config_set("maxmemory", 0)
    assert harness.written() == ["one", "two"]
    assert position(harness) is None


def test_a_transaction_is_not_broken_by_what_its_claim_commits_beside_it(harness):
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    marks = [(claim, Mark(1, "1", Beside(passed=("0.0",))))]
    assert harness.call(harness.store.commit, marks) == []
    end(harness, transaction, Mark(2, "2", Beside(ahead=("3.0",))))
    assert harness.written() == ["one"]
    assert position(harness) == "2"


@pytest.mark.parametrize("way", ["execute", "reset"])
def test_a_pipeline_that_was_to_be_ended_within_does_nothing(harness, way):
    transaction = begun(harness, claimed(harness))
    harness.write(transaction.connection, "one")
    with pytest.raises(RuntimeError, match="ends with its with block"):
        harness.call(getattr(transaction.connection, way))
    with pytest.raises(StoreRefused, match="nothing is done"):
        end(harness, transaction, Mark(1, "1"))
    assert harness.written() == []


def test_no_key_has_a_time_to_live(harness):
    claim = claimed(harness)
    harness.call(harness.store.commit, [(claim, Mark(1, "1"))])
    beside = Beside(ahead=("3.0",), recent=("a",), buried=(letter(is_replayed=True),))
    end(harness, begun(harness, claim), Mark(2, "2", beside))
    harness.call(harness.store.beat, "feeds", "me", 10.0)
    assert {harness.raw.ttl(key) for key in harness.raw.keys("*")} == {-1}


def test_a_claim_that_the_client_tries_again_is_not_held_by_itself(harness):
    values = ["sse:", "prices", "nonce", "10", "me", "60", "1"]
    for expected in ("1", "2"):
        script = redis_scripts.COMMON + redis_scripts.CLAIM
        kind, token, *_ = harness.raw.eval(script, 0, *values)
        assert (kind, str(token)) == ("claim", expected)
    found = harness.call(harness.store.claim, "prices", None, "other")
    assert isinstance(found, Held)


def test_a_prefix_keeps_stores_apart(harness):
    claimed(harness)
    other = RedisStore(harness.store._client, prefix="other:")
    assert harness.call(other.places) == []
    assert isinstance(harness.call(other.claim, "prices", None, "other"), Claim)
    assert repr(other) == "<RedisStore other:*>"


@pytest.mark.parametrize("name", ["redis", "redis, async"])
def test_after_a_fork_the_child_has_connections_of_its_own(request, tmp_path, name):
    with HARNESSES[name](request, tmp_path) as harness:
        claim = claimed(harness)
        marks = [(claim, Mark(1, "of the child"))]
        assert reap(fork(_committed, harness.store, marks)) == 0
        marks = [(claim, Mark(2, "of the parent"))]
        assert harness.call(harness.store.commit, marks) == []
        assert position(harness) == "of the parent"


def _committed(store, marks):
    """In an event loop of the child's own: the parent's has threads there."""

    async def main():
        assert await store.commit(marks) == []

    if store.is_async:
        asyncio.run(main())
    else:
        assert store.commit(marks) == []


def test_a_cluster_is_refused():
    cluster = redis.cluster.RedisCluster.__new__(redis.cluster.RedisCluster)
    with pytest.raises(StoreRefused, match="a cluster cannot keep positions"):
        RedisStore(cluster)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.ConnectionError("refused"), StoreUnavailable),
        (exceptions.TimeoutError("slow"), StoreUnavailable),
        (exceptions.BusyLoadingError("loading"), StoreUnavailable),
        (exceptions.ReadOnlyError("a replica"), StoreUnavailable),
        (exceptions.OutOfMemoryError("full"), StoreUnavailable),
        (exceptions.ResponseError("MISCONF disk"), StoreUnavailable),
        (exceptions.ResponseError("BUSY script"), StoreUnavailable),
        (exceptions.ResponseError("WRONGTYPE key"), StoreRefused),
        (exceptions.AuthenticationError("who?"), StoreRefused),
        (exceptions.NoPermissionError("no"), StoreRefused),
    ],
    ids=lambda each: getattr(each, "__name__", None) or str(each),
)
def test_an_error_says_whether_another_try_may_help(error, kind):
    assert type(translated(error)) is kind
