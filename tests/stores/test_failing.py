"""Stores whose server is gone, hangs, refuses, or whose answer is lost on the way."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.ext.asyncio import create_async_engine

from reconnecting_sse import StoreRefused, StoreUnavailable
from reconnecting_sse.core.claims import Claim, Mark
from reconnecting_sse.stores import RedisStore, SqlStore
from tests.stores.harness import HARNESSES
from tests.stores.proxy import Proxy

SQL = ["postgresql", "postgresql, async", "mariadb", "mariadb, async"]
REDIS = ["redis", "redis, async"]


@pytest.fixture
def harness(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as found:
        yield found


on_all = pytest.mark.parametrize("harness", SQL + REDIS, indirect=True)


@contextmanager
def elsewhere(harness, **given):
    """The same store by other means: another port, password or database."""
    if isinstance(harness.store, RedisStore):
        with _other_redis(harness, given) as store:
            yield store
        return
    arguments = given.pop("arguments", {})
    url = harness.store._engine.url.set(**given)
    is_async = harness.store.is_async
    create = create_async_engine if is_async else sqlalchemy.create_engine
    engine = create(url, connect_args=arguments)
    try:
        yield SqlStore(engine)
    finally:
        harness.call(engine.dispose)


@contextmanager
def _other_redis(harness, given):
    own = harness.store._client
    given |= given.pop("arguments", {})
    if given.pop("database", None):
        given["db"] = 99
    if "password" in given:
        given["username"] = "nobody"  # any password will do for the default one
    port = own.get_connection_kwargs()["port"]
    retry = AsyncRetry if harness.store.is_async else Retry
    options = {"port": port, "retry": retry(NoBackoff(), 0), **given}
    client = type(own)(**options)
    try:
        yield RedisStore(client)
    finally:
        harness.call(client.aclose if harness.store.is_async else client.close)


def word_of(harness):
    """What the request has that commits."""
    return b"EXEC" if isinstance(harness.store, RedisStore) else b"COMMIT"


def server_port(harness):
    if isinstance(harness.store, RedisStore):
        return harness.store._client.get_connection_kwargs()["port"]
    return harness.store._engine.url.port


def claimed(harness, store):
    claim = harness.call(store.claim, "prices", 10.0, "me")
    assert isinstance(claim, Claim)
    return claim


@on_all
@pytest.mark.parametrize("passes", [True, False], ids=["done", "not done"])
def test_a_commit_without_an_answer_is_told_by_recovering(harness, passes):
    port = server_port(harness)
    with Proxy(port) as proxy, elsewhere(harness, port=proxy.port) as store:
        claim = claimed(harness, store)
        transaction = harness.call(store.begin, claim)
        harness.write(transaction.connection, "one")
        proxy.cut_at(word_of(harness), passes=passes)
        with pytest.raises(StoreUnavailable):
            harness.call(store.end, transaction, Mark(1, "1"))
        recovered, seq = harness.call(store.recover, claim)
        assert seq == int(passes)
        assert recovered.position == ("1" if passes else None)
        assert harness.written() == ["one"] * passes
        marks = [(recovered, Mark(seq + 1, "next"))]
        assert harness.call(store.commit, marks) == []
        assert harness.call(store.commit, [(claim, Mark(9, "late"))]) == [claim]


@on_all
def test_a_transaction_whose_connection_breaks_within_has_done_nothing(harness):
    port = server_port(harness)
    with Proxy(port) as proxy, elsewhere(harness, port=proxy.port) as store:
        claim = claimed(harness, store)
        transaction = harness.call(store.begin, claim)
        harness.write(transaction.connection, "one")
        proxy.cut_at(b"", passes=False)
        with pytest.raises(StoreUnavailable):
            harness.call(store.end, transaction, Mark(1, "1"))
        transaction = harness.call(store.begin, claim)
        proxy.cut_at(b"", passes=False)
        with suppress(sqlalchemy.exc.DBAPIError):
            harness.write(transaction.connection, "two")
        harness.call(store.abort, transaction)
        assert harness.written() == []
        assert harness.call(store.commit, [(claim, Mark(1, "1"))]) == []


@on_all
def test_after_one_failure_at_the_most_broken_connections_are_forgotten(harness):
    port = server_port(harness)
    with Proxy(port) as proxy, elsewhere(harness, port=proxy.port) as store:
        claim = claimed(harness, store)
        proxy.cut_at(b"", passes=False)
        with pytest.raises(StoreUnavailable):
            harness.call(store.commit, [(claim, Mark(1, "1"))])
        assert harness.call(store.commit, [(claim, Mark(1, "1"))]) == []


@on_all
def test_a_server_that_is_not_there_may_come_back(harness):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with elsewhere(harness, port=nobody.getsockname()[1]) as store:
            with pytest.raises(StoreUnavailable) as raised:
                claimed(harness, store)
            with pytest.raises(StoreUnavailable):
                harness.call(store.begin, Claim("prices", 1, "nonce"))
    assert "secret" not in str(raised.value)


@on_all
def test_a_wrong_password_is_refused_and_not_told(harness):
    with elsewhere(harness, password="hunter2") as store:
        with pytest.raises(StoreRefused) as raised:
            claimed(harness, store)
        assert "hunter2" not in str(raised.value) + repr(store)


@on_all
def test_an_unknown_database_is_refused(harness):
    with elsewhere(harness, database="nowhere") as store, pytest.raises(StoreRefused):
        claimed(harness, store)


# aiomysql has none for what follows the TCP connection.
TIMEOUTS = {
    "postgresql": {"connect_timeout": 2},  # libpq's least
    "postgresql, async": {"connect_timeout": 2},
    "mariadb": {"connect_timeout": 1, "read_timeout": 1},
    "redis": {"socket_timeout": 0.2},
    "redis, async": {"socket_timeout": 0.2},
}


@pytest.mark.parametrize(
    ("harness", "arguments"), TIMEOUTS.items(), indirect=["harness"]
)
def test_a_server_that_hangs_is_waited_for_as_long_as_the_driver_says(
    harness, arguments
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        other = elsewhere(harness, port=port, arguments=arguments)
        with other as store, pytest.raises(StoreUnavailable):
            claimed(harness, store)


@pytest.mark.parametrize("harness", ["postgresql"], indirect=True)
def test_missing_rights_are_refused(harness):
    harness.raw("DROP ROLE IF EXISTS poor")
    harness.raw("CREATE ROLE poor LOGIN PASSWORD 'secret'")
    refused = pytest.raises(StoreRefused, match="permission denied")
    with elsewhere(harness, username="poor") as store, refused:
        claimed(harness, store)


@pytest.mark.parametrize("harness", ["postgresql, async"], indirect=True)
def test_a_cancelled_call_leaves_a_store_that_works(harness):
    claim = claimed(harness, harness.store)

    async def cancelled():
        call = asyncio.ensure_future(harness.store.commit([(claim, Mark(1, "1"))]))
        await asyncio.sleep(0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call

    harness.call(cancelled)
    assert harness.call(harness.store.commit, [(claim, Mark(1, "1"))]) == []
    assert harness.call(harness.store.places)[0].position == "1"
