"""Makes an exchange's calls: blocking, or on a loop."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse.core.callers import CallersError, plain
from reconnecting_sse.core.errors import shortened
from reconnecting_sse.exchange.bodies import async_body_of, body_of
from reconnecting_sse.exchange.calls import Exchanged, Free, InThread, ReadAll, Send
from reconnecting_sse.exchange.client import is_live
from reconnecting_sse.exchange.failures import PERMANENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconnecting_sse.exchange.calls import Call, Steps
    from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody


WHOLE_BODY_LIMIT = 1024 * 1024
"""Bytes of an answer, at the least, that an auth flow is shown; the rest is not."""

WHOLE_BODY_SILENCE = 10.0
"""Seconds of silence after which an answer that an auth flow wants is given up."""


def current_task() -> asyncio.Task[Any]:
    """The task that runs.

    Raises:
        RuntimeError: None does: no event loop of asyncio's runs here.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop either
        task = None
    if task is None:
        raise RuntimeError(
            "the async face is asyncio's, and no task of asyncio's is running: begin it"
            " with asyncio.run(); under trio use the sync face in a thread"
        )
    return task


def run(steps: Steps) -> Exchanged:
    """Run an exchange on the sync face.

    Raises:
        CallersError: The caller's own code raised, in a hook, a flow or a transport.
        httpxr.HTTPError: The attempt failed.
    """
    advance: Callable[[], Call] = partial(next, steps)
    while True:
        try:
            call = advance()
        except StopIteration as done:
            exchanged: Exchanged = done.value
            return exchanged
        try:
            advance = partial(steps.send, _make(call))
        except BaseException as error:  # noqa: BLE001  (the exchange decides)
            advance = partial(steps.throw, _as_seen(error, call))


async def run_async(
    steps: Steps, guard: Callable[[Awaitable[Any]], Awaitable[Any]]
) -> Exchanged:
    """Run an exchange on the async face; raises as ``run`` does.

    Args:
        steps: The exchange.
        guard: Awaits what cannot be aborted by itself: all but our own wires.
    """
    advance: Callable[[], Call] = partial(next, steps)
    while True:
        try:
            call = advance()
        except StopIteration as done:
            exchanged: Exchanged = done.value
            return exchanged
        try:
            result = _make_async(call)
            if inspect.isawaitable(result):
                result = await (result if _is_own(call) else guard(result))
            advance = partial(steps.send, result)
        except BaseException as error:  # noqa: BLE001  (the exchange decides)
            advance = partial(steps.throw, _as_seen(error, call))


def _make(call: Call) -> Any:
    match call:
        case Send(transport, request):
            return transport.handle_request(request)
        case ReadAll(response):
            return _read_all(body_of(response))
        case Free(response):
            return body_of(response).close()
        case InThread(blocking):
            return blocking()
    return plain(
        call(),
        "a hook, auth flow or callback is a coroutine function: it needs an"
        " httpxr.AsyncClient",
    )


def _make_async(call: Call) -> Any:
    match call:
        case Send(transport, request):
            return transport.handle_async_request(request)
        case ReadAll(response):
            return _read_all_async(async_body_of(response))
        case Free(response):
            return async_body_of(response).aclose()
        case InThread(blocking):
            return asyncio.to_thread(blocking)
    return call()


def _read_all(body: LiveBody) -> bytes:
    body.read_timeout = WHOLE_BODY_SILENCE
    whole = bytearray()
    for chunk in body:
        whole += chunk
        if len(whole) >= WHOLE_BODY_LIMIT:
            break
    return bytes(whole)


async def _read_all_async(body: AsyncLiveBody) -> bytes:
    body.read_timeout = WHOLE_BODY_SILENCE
    whole = bytearray()
    async for chunk in body:
        whole += chunk
        if len(whole) >= WHOLE_BODY_LIMIT:
            break
    return bytes(whole)


def _is_own(call: Call) -> bool:
    return isinstance(call, Send) and is_live(call.transport)


def _as_seen(error: BaseException, call: Call) -> BaseException:
    """The error as the exchange is to see it: whose it is decides what follows."""
    is_send = isinstance(call, Send)
    if is_send and isinstance(error, OSError):
        return _network_error(error)  # a foreign wire's; ours let none through
    if is_send and isinstance(error, PERMANENT):
        return CallersError(error)
    is_outside = _is_own(call) or isinstance(call, (ReadAll, Free))
    if is_outside or isinstance(error, httpxr.HTTPError):
        return error
    return CallersError(error) if isinstance(error, Exception) else error


def _network_error(error: OSError) -> httpxr.TransportError:
    is_timeout = isinstance(error, TimeoutError)
    kind = httpxr.TimeoutException if is_timeout else httpxr.NetworkError
    mapped = kind(f"{type(error).__name__}: {shortened(str(error))}")
    mapped.__cause__ = error
    return mapped
