"""The caller's own code, called so that its exceptions can be told from all others.

A hook, a strategy or a callback that raises ends the subscription with its error. An
exception that a signal handler raises may come out of any line, and only breaks off
what is being done; so the one must never be mistaken for the other.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


class CallersError(Exception):
    """Carries an exception of the caller's code to where it is raised again.

    Attributes:
        error: The exception itself; for one that would end a loop silently a
            ``RuntimeError`` in its place, as Python does in generators (PEP 479).
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error: Exception = error
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            name = type(error).__name__
            self.error = RuntimeError(f"a hook, strategy or callback raised {name}")
            self.error.__cause__ = error


def is_coroutine_function(function: object) -> bool:
    """Whether calling it would give something to await, as far as can be seen."""
    called = getattr(function, "__call__", None)  # noqa: B004  (an object's own)
    return any(map(inspect.iscoroutinefunction, (function, called)))


def plain(result: _Result, message: str) -> _Result:
    """The result of a plain function; one that would have to be awaited is refused.

    Raises:
        TypeError: It is such a one; with this message.
    """
    if inspect.isawaitable(result):
        getattr(result, "close", lambda: None)()  # or Python warns of it
        raise TypeError(message)
    return result


def ask_whether(
    function: Callable[_Arguments, object],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> bool:
    """Call the caller's ``function``; whether its answer is true.

    Raises:
        CallersError: It raised an ``Exception``, or the truth of its answer did.
    """
    return ask(lambda: bool(function(*args, **kwargs)))


def ask(
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Call the caller's ``function``.

    Raises:
        CallersError: It raised an ``Exception``.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise CallersError(error) from error
