"""A transaction of the caller's in Redis: a pipeline that he fills, and we execute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis import exceptions

from reconnecting_sse.core.errors import (
    ClaimLost,
    StoreRefused,
    StoreUnavailable,
    shortened,
)
from reconnecting_sse.stores import redis_scripts as scripts
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.redis_marks import as_json, commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.claims import Claim, Mark
    from reconnecting_sse.stores.redis_faces import Steps

_NOT_YOURS = "the transaction ends with its with block, and not before"


class RedisTransaction:
    """One that is open.

    Attributes:
        connection: A MULTI pipeline, for the caller's commands.
    """

    def __init__(self, claim: Claim, client: Any, key: Callable[[str], str]) -> None:
        self._claim = claim
        self._client = client
        self._key = key
        self._claim_key = key("claim")
        self._was_ended = False
        self.connection: Any = client.pipeline(transaction=True)

    def begin(self) -> Steps:
        """Begin, if the claim stands."""
        pipeline = self.connection
        try:
            # What only claims write: whoever takes over makes the EXEC fail.
            yield pipeline.watch(self._claim_key)
            self._check((yield pipeline.hmget(self._claim_key, ["token", "nonce"])))
        except BaseException:
            yield pipeline.reset()
            raise
        pipeline.multi()
        pipeline.execute = pipeline.reset = self._refuse
        return self

    def _refuse(self, *_: Any, **__: Any) -> None:
        self._was_ended = True
        raise RuntimeError(_NOT_YOURS)

    def _take_back(self) -> Any:
        """The pipeline, ours to end."""
        vars(self.connection).pop("execute", None)
        vars(self.connection).pop("reset", None)
        return self.connection

    def end(self, mark: Mark) -> Steps:
        """Record the mark, and execute."""
        pipeline = self._take_back()
        try:
            if self._was_ended:
                raise StoreRefused(f"nothing is done: {_NOT_YOURS}")
            if mark.position is not None and mark.seq <= (yield from self._last_seq()):
                raise lost(self._claim)
            self._record(mark)
            answers = yield pipeline.execute(raise_on_error=False)
        except exceptions.WatchError as error:
            raise (yield from self._why(error)) from error
        finally:
            yield pipeline.reset()
        _look_through(answers)

    def _last_seq(self) -> Steps:
        # At once, and not when the rest is executed: what was queued may not be at all.
        asked = self.connection.immediate_execute_command
        return int((yield asked("HGET", self._key("row"), "seq")) or 0)

    def _record(self, mark: Mark) -> None:
        texts.check_marks([mark])
        for command in commands(mark, self._key):
            if None in command:
                script = scripts.COMMON + scripts.RUN
                self.connection.eval(script, 0, "", as_json([command]))
            else:  # not by a script: one that is out of memory would fail alone
                self.connection.execute_command(*command)

    def _why(self, error: Exception) -> Steps:
        """What is raised for a broken watch: redis-py says so of a lost connection."""
        held = yield self._client.hmget(self._claim_key, ["token", "nonce"])
        if self._is_held(held):
            return StoreUnavailable(f"Redis: {shortened(str(error))}")
        return lost(self._claim)

    def abort(self) -> Steps:
        """Discard what was queued."""
        yield self._take_back().reset()

    def _check(self, held: list[bytes | str | None]) -> None:
        if not self._is_held(held):
            raise lost(self._claim)

    def _is_held(self, held: list[bytes | str | None]) -> bool:
        token, nonce = (b.decode() if isinstance(b, bytes) else b for b in held)
        return (token, nonce) == (str(self._claim.token), self._claim.nonce)


def _look_through(answers: list[Any]) -> None:
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    if failed:
        raise StoreRefused(
            f"a command failed ({shortened(str(failed[0]))}), and Redis rolls nothing"
            " back: the others are done, and the position is recorded"
        ) from failed[0]


def lost(claim: Claim) -> ClaimLost:
    """The error for a claim, or a ``seq``, that counts no more."""
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " nothing of the transaction is done"
    )
