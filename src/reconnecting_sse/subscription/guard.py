"""Awaits what knows nothing of the signal, so that the signal ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpxr

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reconnecting_sse.transports.abort import AbortSignal

_Result = TypeVar("_Result")


async def guarded(signal: AbortSignal, awaitable: Awaitable[_Result]) -> _Result:
    """What ``awaitable`` comes to, in the caller's own task.

    Raises:
        httpxr.ReadError: The signal came first.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as scope:
            previous = signal.attach(partial(_soon, loop, scope))
            try:
                return await awaitable
            finally:
                signal.attach(previous)
    except TimeoutError as error:
        if scope.expired():
            raise httpxr.ReadError("closed while waiting") from error
        raise


def _soon(loop: asyncio.AbstractEventLoop, scope: asyncio.Timeout) -> None:
    """Let the scope expire, from any thread or signal handler."""

    def expire() -> None:
        with suppress(RuntimeError):  # it is over already
            scope.reschedule(loop.time())

    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(expire)
