"""Positions in Redis, by redis-py, on either face."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
from redis import exceptions

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores import redis_scripts as scripts
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.redis_faces import arun, run
from reconnecting_sse.stores.redis_transaction import RedisTransaction, lost
from reconnecting_sse.stores.takeovers import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.claims import Mark
    from reconnecting_sse.stores.redis_faces import Steps

VERSION = 1
"""The schema's; a newer one is refused."""

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
        return self._made(partial(self._claim, name, lease, owner))

    def _claim(self, name: str, lease: float | None, owner: str) -> Steps:
        texts.check(name)
        nonce, limit = secrets.token_hex(8), "" if lease is None else str(lease)
        answer = yield self._script(
            scripts.CLAIM, name, nonce, limit, owner, str(WINDOW), str(VERSION)
        )
        kind, *values = answer
        if _text(kind) == "newer":
            raise StoreRefused(
                "the keys were made by a newer version of this package (their schema is"
                f" {_text(values[0])}, and this one knows {VERSION}): update it"
            )
        if _text(kind) == "held":
            return Held(float(_text(values[0])), _text(values[1]))
        token, position, takeovers, starts, hand, begun = values
        return Claim(
            name,
            int(token),
            nonce,
            None if position is None else _text(position),
            int(takeovers),
            int(_text(starts or b"0")),
            None if hand is None else _text(hand),
            int(_text(begun or b"0")),
        )

    def renew(self, claims: Sequence[Claim], lease: float) -> Any:
        """Let the leases run on, in one script; the claims that are lost."""
        return self._made(partial(self._renew, claims, lease))

    def _renew(self, claims: Sequence[Claim], lease: float) -> Steps:
        values = [v for c in claims for v in (c.name, c.token, c.nonce)]
        lost = yield self._script(scripts.RENEW, str(lease), *values)
        return [claims[int(n) - 1] for n in lost]

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Any:
        """Record positions, in one script; the claims that are lost."""
        return self._made(partial(self._commit, marks))

    def _commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Steps:
        texts.check(*(mark.position for _, mark in marks))
        values = [
            value
            for claim, mark in marks
            for value in (claim.name, claim.token, claim.nonce, mark.seq, mark.position)
        ]
        lost = yield self._script(scripts.COMMIT, *values)
        return [marks[int(n) - 1][0] for n in lost]

    def release(self, claim: Claim) -> Any:
        """Leave the name to the next."""
        return self._made(partial(self._release, claim))

    def _release(self, claim: Claim) -> Steps:
        yield self._script(scripts.RELEASE, claim.name, claim.token, claim.nonce)

    def recover(self, claim: Claim) -> Any:
        """Bump the token; the new claim, and the ``seq``."""
        return self._made(partial(self._recover, claim))

    def _recover(self, claim: Claim) -> Steps:
        answer = yield self._script(scripts.RECOVER, claim.name, claim.nonce)
        if not answer:
            raise lost(claim)
        token, seq, *position = answer
        found = _text(position[0]) if position and position[0] is not None else None
        return Claim(claim.name, int(token), claim.nonce, found), int(_text(seq))

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

    # ------------------------------------------------------------------ for people

    def places(self) -> Any:
        """All names."""
        return self._made(self._places)

    def _places(self) -> Steps:
        rows = yield self._script(scripts.PLACES)
        found = []
        for row in rows:
            name, position, age, owner, lease, token = map(_text_or_none, row)
            found.append(
                Place(
                    name or "",
                    position,
                    float(age) if age else None,
                    owner or "",
                    float(lease) if lease else None,
                    int(token or 0),
                )
            )
        return sorted(found, key=lambda place: place.name)

    def put(self, name: str, position: str | None) -> Any:
        """Set or forget a position; whoever held a claim has lost it."""
        return self._made(partial(self._put, name, position))

    def _put(self, name: str, position: str | None) -> Steps:
        texts.check(name, position)
        has = "0" if position is None else "1"
        yield self._script(scripts.PUT, name, secrets.token_hex(8), has, position or "")

    def close(self) -> Any:
        """The client is the caller's."""
        return self._made(_nothing)

    # ------------------------------------------------------------------ running

    def _key(self, name: str, kind: str) -> str:
        return f"{self._prefix}{name}:{kind}"

    def _script(self, script: str, *values: Any) -> Any:
        return self._client.eval(scripts.COMMON + script, 0, self._prefix, *values)

    def _made(self, steps: Callable[[], Steps]) -> Any:
        self._own()
        return self._go(steps())

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


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _text_or_none(value: bytes | str | None) -> str | None:
    return None if value is None else _text(value)
