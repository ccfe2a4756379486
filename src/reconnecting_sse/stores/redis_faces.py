"""How calls of redis-py are made: by blocking, or by awaiting. Steps yield them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from redis import exceptions

from reconnecting_sse.core.errors import StoreRefused, StoreUnavailable, shortened

Steps = Generator[Any, Any, Any]
"""A generator of calls that are begun: it is sent their answers."""

_REFUSED = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
    exceptions.DataError,
)
_OUT_OF_SORTS = (
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.OutOfMemoryError,
)
_BAD_MOMENTS = ("BUSY", "MISCONF", "NOREPLICAS", "UNKILLABLE", "LOADING")
"""How errors begin that a server has for a while, and redis-py no class for."""


def run(steps: Steps) -> Any:
    """Go through steps whose calls block."""
    with_answer: Any = None
    try:
        while True:
            with_answer = steps.send(with_answer)
    except StopIteration as done:
        return done.value
    except exceptions.RedisError as error:
        raise translated(error) from error


async def arun(steps: Steps) -> Any:
    """Go through steps whose calls are awaited."""
    advance: Callable[[], Any] = partial(next, steps)
    while True:
        try:
            call = advance()
        except StopIteration as done:
            return done.value
        except exceptions.RedisError as error:
            raise translated(error) from error
        try:
            advance = partial(steps.send, await call)
        except BaseException as error:  # noqa: BLE001  (the steps decide)
            advance = partial(steps.throw, error)


def as_text(value: bytes | str) -> str:
    """What a client gives that decodes, or does not."""
    return value.decode() if isinstance(value, bytes) else str(value)


def as_text_or_none(value: bytes | str | None) -> str | None:
    """The same, of what may not be there."""
    return None if value is None else as_text(value)


def translated(error: exceptions.RedisError) -> StoreRefused | StoreUnavailable:
    """An error of redis-py, as a store's."""
    kind = StoreRefused if _is_hopeless(error) else StoreUnavailable
    return kind(f"Redis: {type(error).__name__}: {shortened(str(error))}")


def _is_hopeless(error: exceptions.RedisError) -> bool:
    if isinstance(error, _REFUSED):
        return True
    is_answer = isinstance(error, exceptions.ResponseError)
    is_moment = str(error).startswith(_BAD_MOMENTS)
    return is_answer and not is_moment and not isinstance(error, _OUT_OF_SORTS)
