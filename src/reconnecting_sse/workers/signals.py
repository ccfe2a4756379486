"""Signals that ask a process to end: the first is passed on, a second ends it."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def taken(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` at the first SIGTERM or SIGINT, in the main thread only.

    They are taken from nobody: where somebody else handles one, it stays his.
    """
    previous = _free_signals()

    def first(*_: Any) -> None:
        for number in previous:
            # A second one is the system's, so that nothing here can hold it up.
            signal.signal(number, signal.SIG_DFL)
        stop()

    for number in previous:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _free_signals() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    return {
        number: handler for number, handler in handlers.items() if _is_free(handler)
    }


def _is_free(handler: Any) -> bool:
    """Whether nobody has asked for it: ``asyncio.run`` takes SIGINT unasked."""
    if isinstance(handler, partial):
        owner = getattr(handler.func, "__self__", None)
        return isinstance(owner, asyncio.Runner)
    return handler in (signal.SIG_DFL, signal.default_int_handler)
