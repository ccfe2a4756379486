"""What a worker's keywords may be, checked before anything else is made of them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import BaseRetrying

from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.core.retries import default_retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.lifecycle import Gap

WINDOW = 16
"""How many events are in hand, for each that can be handled at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions:
    """A worker's keywords, as its docstring explains them."""

    handler: Callable[..., Any]
    transactional: bool = False
    batch: int | None = None
    concurrency: int = 1
    key: Callable[[ServerSentEvent], Hashable] | None = None
    window: int | None = None
    retrying: BaseRetrying | None = None
    dead_letters: bool = True
    max_deliveries: int = 5
    deduplicate: int = 0
    on_gap: Callable[[Gap], Any] | None = None
    drain_timeout: float = 20.0
    stalled_after: float = 300.0

    def __post_init__(self) -> None:
        for name, least in (
            *(("batch", 1), ("concurrency", 1), ("window", 1)),
            *(("max_deliveries", 1), ("deduplicate", 0)),
        ):
            count = getattr(self, name)
            if count is not None and not (isinstance(count, int) and count >= least):
                raise ValueError(f"{name}= is a number, from {least}, not {count!r}")
        for name in ("drain_timeout", "stalled_after"):
            seconds = getattr(self, name)
            if not seconds >= 0:  # nor NaN
                raise ValueError(f"{name}= is seconds, not {seconds}")
        for name in ("handler", "key", "on_gap"):
            function = getattr(self, name)
            if not (callable(function) or (function is None and name != "handler")):
                raise TypeError(f"{name}= must be callable, not {function!r}")
        if is_coroutine_function(self.key):
            raise TypeError("key= is a coroutine function: it is never awaited")
        if not isinstance(self.retrying, BaseRetrying | None):
            raise TypeError(
                "retrying= is a tenacity.Retrying, whose stop, wait and retry count,"
                f" not {self.retrying!r}"
            )

    def check_face(self, source_is_async: bool, *, is_async: bool) -> None:
        """Refuse a source or a handler of the other face.

        Raises:
            TypeError: It would never be awaited, or could not be.
        """
        if source_is_async is not is_async:
            kind, instead = (
                ("Client", "run()") if is_async else ("AsyncClient", "arun()")
            )
            raise TypeError(f"the source's client is an httpxr.{kind}: use {instead}")
        if is_coroutine_function(self.handler) is not is_async:
            kind, instead = (
                ("a plain", "run()") if is_async else ("a coroutine", "arun()")
            )
            raise TypeError(f"the handler is {kind} function: use {instead}")
        fills = inspect.isasyncgenfunction(self.on_gap)
        if (fills or is_coroutine_function(self.on_gap)) and not is_async:
            raise TypeError("on_gap= is to be awaited: use arun()")

    @property
    def tries(self) -> BaseRetrying:
        """What says how often a handler is tried, and after how long."""
        return default_retrying() if self.retrying is None else self.retrying

    @property
    def room(self) -> int:
        """How many events are in hand at most."""
        if self.window is not None:
            return self.window
        return self.concurrency * (WINDOW if self.batch is None else 2 * self.batch)
