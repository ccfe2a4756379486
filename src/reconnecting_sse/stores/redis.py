"""Positions in Redis, by redis-py, on either face."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
from redis import exceptions

from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores import redis_calls as calls
from reconnecting_sse.stores import redis_letters as letters
from reconnecting_sse.stores.redis_faces import arun, run
from reconnecting_sse.stores.redis_scripts import COMMON
from reconnecting_sse.stores.redis_transaction import RedisTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.claims import Claim, Mark
    from reconnecting_sse.stores.redis_faces import Steps

_CLUSTERS = (redis.cluster.RedisCluster, redis.asyncio.cluster.RedisCluster)


class RedisStore:
    """Positions by a client of redis-py, ``redis.Redis`` or ``redis.asyncio.Redis``.

    Each call is one Lua script, so that it is done or not done at all; leases go by
    the server's clock. No key has a time to live. All keys begin with ``prefix``; they
    are not of one slot, so not for a cluster. The client stays the caller's.

    A transaction is a MULTI: atomic against crashes; but Redis does not roll back where
    one of its commands fails: the others are done, the position is recorded, and the
    subscription ends with ``StoreRefused``.
    """

    is_exclusive: bool = False

    def __init__(self, client: Any, *, prefix: str = "sse:") -> None:
        if isinstance(client, _CLUSTERS):
            raise StoreRefused(
                "a cluster cannot keep positions: give one server's client"
            )
        self._client = client
        self._prefix = prefix
        self.is_async: bool = isinstance(client, redis.asyncio.Redis)
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<RedisStore {self._prefix}*>"

    # ------------------------------------------------------------------ claims

    def claim(self, name: str, lease: float | None, owner: str) -> Any:
        """Take the name over, unless another's lease runs."""
        return self._made(calls.claim, name, lease, owner)

    def renew(self, claims: Sequence[Claim], lease: float) -> Any:
        """Let the leases run on, in one script; the claims that are lost."""
        return self._made(calls.renew, claims, lease)

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Any:
        """Record marks, in one script; the claims that are lost."""
        return self._made(calls.commit, marks, self._key)

    def release(self, claim: Claim) -> Any:
        """Leave the name to the next."""
        return self._made(calls.release, claim)

    def recover(self, claim: Claim) -> Any:
        """Bump the token; the new claim, and the ``seq``."""
        return self._made(calls.recover, claim)

    def recall(self, claim: Claim) -> Any:
        """What the last life has left."""
        return self._made(letters.recall, claim)

    # ------------------------------------------------------------------ transactions

    def begin(self, claim: Claim) -> Any:
        """Begin one: its ``connection`` is a MULTI pipeline, to be filled."""
        self._own()
        key = partial(self._key, claim.name)
        return self._go(RedisTransaction(claim, self._client, key).begin())

    def end(self, transaction: RedisTransaction, mark: Mark) -> Any:
        """Record the position as the last command, and execute.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: nothing is done.
            StoreRefused: A command failed: the others are done, and the position is.
                Or one was malformed, or the caller tried to end it: nothing is done.
            StoreUnavailable: It failed, or came without an answer: in doubt.
        """
        return self._go(transaction.end(mark))

    def abort(self, transaction: RedisTransaction) -> Any:
        """Discard what was queued."""
        return self._go(_quietly(transaction.abort()))

    # ------------------------------------------------------------------ dead letters

    def replays(self, claims: Sequence[Claim]) -> Any:
        """Those that are to be handed over once more."""
        return self._made(letters.replays, claims)

    def letters(self, name: str | None = None) -> Any:
        """All, or those of a name, oldest first."""
        return self._made(letters.letters, name)

    def replay(self, name: str, keys: Sequence[str]) -> Any:
        """Have some handed over once more."""
        return self._made(letters.replay, name, keys)

    def drop(self, name: str, keys: Sequence[str]) -> Any:
        """Delete some."""
        return self._made(letters.drop, name, keys)

    # ------------------------------------------------------------------ fleets

    def beat(self, fleet: str, member: str, lease: float | None) -> Any:
        """Be a member for a while; all that are."""
        return self._made(calls.beat, fleet, member, lease)

    # ------------------------------------------------------------------ for people

    def places(self) -> Any:
        """All names."""
        return self._made(calls.places)

    def put(self, name: str, position: str | None) -> Any:
        """Set or forget a position; whoever held a claim has lost it."""
        return self._made(calls.put, name, position)

    def close(self) -> Any:
        """The client is the caller's."""
        return self._go(_nothing())

    # ------------------------------------------------------------------ running

    def _key(self, name: str, kind: str) -> str:
        return f"{self._prefix}{name}:{kind}"

    def _script(self, script: str, *values: Any) -> Any:
        return self._client.eval(COMMON + script, 0, self._prefix, *values)

    def _made(self, steps: Callable[..., Steps], *values: Any) -> Any:
        self._own()
        return self._go(steps(self._script, *values))

    def _go(self, steps: Steps) -> Any:
        return arun(steps) if self.is_async else run(steps)

    def _own(self) -> None:
        """After a fork, leave the parent's connections alone."""
        if self._process != os.getpid():
            self._client.connection_pool.reset()
            self._process = os.getpid()


def _nothing() -> Steps:
    yield from ()


def _quietly(steps: Steps) -> Steps:
    """The steps; what they raise is of no more interest."""
    with suppress(exceptions.RedisError):
        yield from steps
