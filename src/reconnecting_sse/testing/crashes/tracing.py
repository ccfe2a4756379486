"""The lines of a handler, as they are about to run."""

from __future__ import annotations

import inspect
import linecache
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

SHOWN = 60
"""How much of a line is shown, in characters."""


def code_of(function: Any) -> CodeType:
    """The code of a handler, whatever it is wrapped in.

    Raises:
        TypeError: It has no lines: it is not written in Python.
    """
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    inner = inspect.unwrap(inner)
    for found in (inner, getattr(inner, "__call__", None)):  # noqa: B004  (an object's)
        code = getattr(found, "__code__", None)
        if isinstance(code, CodeType):
            return code
    raise TypeError(f"{function!r} has no lines of its own: give a Python function")


class LineTracer:
    """Tells of lines; what a thread was traced by before goes on being told, too.

    Args:
        files: Whose lines they are.
        reach: Called before each of them, with its name and its text.
    """

    def __init__(
        self, files: Collection[str], reach: Callable[[str, str], object]
    ) -> None:
        self._files = files
        self._reach = reach

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace what this thread calls in the block."""
        before = sys.gettrace()
        sys.settrace(self.traced_with(before))
        try:
            yield
        finally:
            sys.settrace(before)

    def traced_with(self, before: Any) -> Callable[..., Any]:
        """A trace function for one thread, which hands on to another, or to None."""

        def call(frame: FrameType, event: str, arg: Any) -> Any:
            theirs = None
            if before is not None:
                theirs = before(frame, event, arg)
                sys.settrace(call)  # coverage's puts itself in the place of its caller
            if frame.f_code.co_filename not in self._files:
                return theirs
            return self._lines(theirs)

        return call

    def _lines(self, theirs: Any) -> Callable[..., Any]:
        """What one frame is traced by."""

        def line(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal theirs
            if event == "line":
                self._reach(*line_at(frame))
            if theirs is not None:
                theirs = theirs(frame, event, arg)
            return line

        return line


def line_at(frame: FrameType) -> tuple[str, str]:
    """A line's name, which is its file and number; and how it begins."""
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number).strip()
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return f"{Path(file).name}:{number}", shown
