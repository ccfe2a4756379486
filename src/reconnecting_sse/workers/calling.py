"""Calling a handler, so that what it does is not mistaken for something else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.callers import plain

if TYPE_CHECKING:
    from collections.abc import Callable


class NeverAwaited(TypeError):
    """A handler for threads gave something to await: nothing of it was done."""


class HandlerCancelled(Exception):
    """A handler raised ``CancelledError``, and nobody had cancelled it."""


def called(handler: Callable[..., Any], *args: Any) -> None:
    """Call a plain handler.

    Raises:
        NeverAwaited: It is none, as could not be seen before.
    """
    result = handler(*args)
    if result is not None:
        try:
            plain(result, "the handler gave something to await: use arun()")
        except TypeError as error:
            raise NeverAwaited(str(error)) from None


async def acalled(handler: Callable[..., Any], *args: Any) -> None:
    """Call a coroutine function.

    Raises:
        HandlerCancelled: What it waited for was cancelled; its task was not.
    """
    try:
        await handler(*args)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise HandlerCancelled("what the handler waited for was cancelled") from error
