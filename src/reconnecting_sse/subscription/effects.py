"""What the loop's calls do on each face: the effects, and nothing else.

Each method of the two classes makes one call and turns a wire's error into a value;
what follows from it is the session's to say.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpxr

from reconnecting_sse.core.callers import CallersError, ask
from reconnecting_sse.core.errors import BODY_LIMIT, redacted
from reconnecting_sse.core.loop import Raised
from reconnecting_sse.exchange.bodies import async_body_of, body_of
from reconnecting_sse.exchange.client import is_live
from reconnecting_sse.exchange.failures import cut_stream
from reconnecting_sse.exchange.runners import run, run_async
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription.guard import guarded
from reconnecting_sse.subscription.lingering import (
    AsyncLingeringBody,
    LingeringBody,
)
from reconnecting_sse.subscription.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.core.lifecycle import Attempt, Lifecycle
    from reconnecting_sse.core.reconnection import Failure
    from reconnecting_sse.core.sent import Sent
    from reconnecting_sse.exchange.calls import Exchanged
    from reconnecting_sse.exchange.exchange import Exchange
    from reconnecting_sse.subscription.attempts import Attempts
    from reconnecting_sse.subscription.lingering import Lingering
    from reconnecting_sse.subscription.turns import Admit
    from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody

ERROR_BODY_SECONDS = 1.0
"""How long the body of an error's answer may take; what came until then is kept."""

CLOSING_SECONDS = 1.0
"""How long a stream of another's transport may take to close."""

_NO_BODY = frozenset({204, 304})

_Body = TypeVar("_Body", "LiveBody", "AsyncLiveBody")


class _Effects(Generic[_Body]):
    """What the faces have in common: the calls that wait for nothing."""

    _wrapped: Callable[[_Body, Lingering], _Body]
    # What facts are told under, whoever else has some to tell.
    logger: Any
    url: str
    method: str

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self.logger, self.url = attempts.logger, redacted(attempts.url)
        self.method = attempts.request.method
        self._clock = clocks.CLOCK
        self._body: _Body | None = None
        self._exchange: Exchange | None = None
        self._lingering: Lingering | None = None
        self.tell: Callable[[Lifecycle], None] = attempts.tell
        self.hear: Callable[[Iterable[str]], None] = attempts.hear
        self.response: httpxr.Response | None = None

    @property
    def sent(self) -> Sent | None:
        """What a server may have seen of this attempt; None before it began."""
        return None if self._exchange is None else self._exchange.sent

    def turn(self) -> Awaitable[None] | None:
        """Wait for the turn that an attempt needs: on one's own none does."""
        return None

    def listen(self, listener: Callable[[Lifecycle], object]) -> None:
        """From now on, tell one more."""
        tell = self.tell

        def tell_both(fact: Lifecycle) -> None:
            tell(fact)
            ask(listener, fact)

        self.tell = tell_both

    def linger(self, lingering: Lingering) -> None:
        """From now on, wait a little for more once something has come."""
        self._lingering = lingering
        if self._body is not None:
            self._body = self._wrapped(self._body, lingering)

    def allow_silence(self, seconds: float) -> None:
        """From the next read on, this is the longest silence."""
        if self._body is not None:
            self._body.read_timeout = seconds

    def drop(self) -> None:
        """Free the connection."""
        body = self._body
        if body is not None:
            # Forgotten last: a signal may break this off, and then it is done again.
            body.close()
            self._body = None
            self._attempts.signal.attach(None)

    def _took(self, exchanged: Exchanged, exchange: Exchange, body: _Body) -> Answer:
        self.response, self._body = exchanged.response, body
        if self._lingering is not None:
            self._body = self._wrapped(body, self._lingering)
        return self._attempts.answer(exchanged, exchange)


class SyncEffects(_Effects["LiveBody"]):
    """The sync face's calls; each blocks its caller's thread."""

    _wrapped = LingeringBody

    def open(self, attempt: Attempt) -> Answer | Failure | Raised:
        """Make an attempt; keeps the body if it is an event stream."""
        attempts, self._exchange = self._attempts, None
        try:
            exchange = self._exchange = attempts.exchange(attempt, is_async=False)
            exchanged = run(exchange.steps())
            body = ask(body_of, exchanged.response)
        except CallersError as callers:
            return Raised(callers.error)
        except httpxr.HTTPError as error:
            return attempts.failed(error, attempt, exchange)
        answer = self._took(exchanged, exchange, body)
        if answer.is_event_stream:
            return answer
        return replace(answer, body=self._error_body(answer.status))

    def _error_body(self, status: int) -> bytes:
        body = self._body
        assert body is not None
        read = b""
        deadline = self._clock.now() + ERROR_BODY_SECONDS
        body.read_timeout = ERROR_BODY_SECONDS
        try:
            while status not in _NO_BODY and len(read) < BODY_LIMIT:
                chunk = body.read()
                read += chunk
                if not chunk or self._clock.now() > deadline:
                    break
        except httpxr.HTTPError:
            pass  # an error's body is a courtesy: what came of it is enough
        finally:
            self.drop()
        return read

    def read(self) -> bytes | Failure:
        """What has arrived."""
        body = self._body
        assert body is not None
        try:
            return body.read()
        except httpxr.HTTPError as error:
            return cut_stream(error, self._attempts.url)

    def sleep(self, delay: float) -> None:
        """Let time pass; the signal ends it."""
        # A SimpleQueue's put is re-entrant; an Event set from a signal handler can
        # deadlock with the wait that the handler interrupted.
        bell: SimpleQueue[None] = SimpleQueue()
        signal = self._attempts.signal
        signal.attach(partial(bell.put, None))
        try:
            self._clock.wait(bell, delay)
        finally:
            signal.attach(None)


class AsyncEffects(_Effects["AsyncLiveBody"]):
    """The async face's calls; each runs in its caller's own task."""

    _is_live = True
    _wrapped = AsyncLingeringBody

    def __init__(self, attempts: Attempts) -> None:
        super().__init__(attempts)
        self._guard = partial(guarded, attempts.signal)
        self._left: list[AsyncLiveBody] = []  # dropped, and not awaited yet
        self._turns: Turns | None = None

    def share(self, admit: Admit) -> None:
        """From now on, ask no host before ``admit`` has let the attempt in."""
        self._turns = Turns(self._attempts.url, admit, self._guard)

    def turn(self) -> Awaitable[None] | None:
        """Wait for the turn that an attempt needs; None once there is one."""
        turns = self._turns
        return None if turns is None or turns.used() else self._take_turn(turns)

    async def _take_turn(self, turns: Turns) -> None:
        await self.let_go()
        await turns.take()

    def drop(self) -> None:
        """Free the connection; what has to be awaited for it is, with the next call."""
        if self._body is not None and not self._is_live:
            self._left.append(self._body)
        super().drop()

    async def let_go(self) -> None:
        """Wait until what was dropped is closed: not for ever, and not if it is urgent.

        A signal that comes meanwhile ends it; after one there is no hurry any more.
        """
        signal = self._attempts.signal
        while self._left:
            closing = self._left.pop().aclose()
            with suppress(TimeoutError, httpxr.ReadError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await (closing if signal.aborted else self._guard(closing))

    async def open(self, attempt: Attempt) -> Answer | Failure | Raised:
        """Make an attempt; keeps the body if it is an event stream."""
        attempts, self._exchange = self._attempts, None
        admit = None if self._turns is None else self._turns.elsewhere
        await self.let_go()
        try:
            exchange = self._exchange = attempts.exchange(
                attempt, is_async=True, admit=admit
            )
            exchanged = await run_async(exchange.steps(), self._guard)
            body = ask(async_body_of, exchanged.response)
        except CallersError as callers:
            return Raised(callers.error)
        except httpxr.HTTPError as error:
            return attempts.failed(error, attempt, exchange)
        self._is_live = is_live(exchanged.transport)
        answer = self._took(exchanged, exchange, body)
        if answer.is_event_stream:
            return answer
        return replace(answer, body=await self._error_body(answer.status))

    async def _error_body(self, status: int) -> bytes:
        body = self._body
        assert body is not None
        read = b""
        try:
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                while status not in _NO_BODY and len(read) < BODY_LIMIT:
                    chunk = await self._chunk(body)
                    read += chunk
                    if not chunk:
                        break
        except (httpxr.HTTPError, TimeoutError):
            pass  # an error's body is a courtesy: what came of it is enough
        finally:
            self.drop()
        return read

    def read(self) -> bytes | Awaitable[bytes | Failure]:
        """What has arrived, at once where something has."""
        body = self._body
        assert body is not None
        return body.read_nowait() or self._wait_and_read(body)

    async def _wait_and_read(self, body: AsyncLiveBody) -> bytes | Failure:
        try:
            return await self._chunk(body)
        except httpxr.HTTPError as error:
            return cut_stream(error, self._attempts.url)

    def _chunk(self, body: AsyncLiveBody) -> Awaitable[bytes]:
        return body.read() if self._is_live else self._guard(body.read())

    async def sleep(self, delay: float) -> None:
        """Let time pass; the signal ends it."""
        await self.let_go()
        with suppress(httpxr.ReadError):  # the signal's: the driver sees it, too
            await self._guard(self._clock.sleep(delay))
