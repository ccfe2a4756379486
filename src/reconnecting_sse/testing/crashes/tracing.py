"""The lines of a handler, as they are about to run."""

from __future__ import annotations

import inspect
import linecache
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

SHOWN = 60
"""How much of a line is shown, in characters."""


def file_of(function: Any) -> str:
    """The file that a handler's code is in, whatever it is wrapped in.

    Raises:
        TypeError: It has no lines: it is not written in Python.
    """
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    inner = inspect.unwrap(inner)
    for found in (inner, getattr(inner, "__call__", None)):  # noqa: B004  (an object's)
        code = getattr(found, "__code__", None)
        if code is not None:
            return str(code.co_filename)
    raise TypeError(f"{function!r} has no lines of its own: give a Python function")


class LineTracer:
    """A trace function; what was traced before goes on being traced.

    Args:
        files: Whose lines they are.
        reach: Called before each of them, with its name.
    """

    def __init__(self, files: Collection[str], reach: Callable[[str], object]) -> None:
        self._files = files
        self._reach = reach
        self._before: Any = None  # such as coverage's

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace what this thread calls in the block."""
        before = sys.gettrace()
        self._before = None if before is self else before
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A call is made; what it returns traces it."""
        before = self._before and self._before(frame, event, arg)
        # Coverage's puts itself in the place of what has called it.
        sys.settrace(self)
        if frame.f_code.co_filename not in self._files:
            return before
        return partial(self._trace, [before])

    def _trace(
        self, before: list[Any], frame: FrameType, event: str, arg: Any
    ) -> Callable[..., Any]:
        if event == "line":
            self._reach(line_at(frame))
        if before[0] is not None:
            before[0] = before[0](frame, event, arg)
        return partial(self._trace, before)


def line_at(frame: FrameType) -> str:
    """A line's name: its file, its number, and how it begins."""
    file, number = frame.f_code.co_filename, frame.f_lineno
    name = f"before {Path(file).name}:{number}"
    text = linecache.getline(file, number).strip()
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return f"{name}  {shown}" if shown else name
