"""Signals that ask a process to end: the first is passed on, a second ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_NOBODYS = -1  # descriptor


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

    def pass_on(number: int) -> None:
        if number in previous and signal.getsignal(number) is first:
            stop()

    for number in previous:
        signal.signal(number, first)
    try:
        if previous:
            with _heard(pass_on):
                yield
        else:
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


# ---------------------------------------------------------------------- the last moment

_mouths: set[int] = set()  # descriptors of ours that signals are written to


@contextmanager
def _heard(pass_on: Callable[[int], object]) -> Iterator[None]:
    """Have a thread hear of signals, too.

    One that comes just before the main thread begins to wait does not end that wait,
    and what handles it is not called before the wait is over: on a quiet feed, never.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    listen = partial(_listen, ear, pass_on)
    threading.Thread(
        target=listen, name="reconnecting_sse.signals", daemon=True
    ).start()
    _mouths.add(mouth.fileno())
    others = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    if others != _NOBODYS:  # he hears of them, and has the main thread look
        signal.set_wakeup_fd(others)
    try:
        yield
    finally:
        _forget()
        mouth.shutdown(socket.SHUT_RDWR)  # which no child's copy holds up
        mouth.close()


def _listen(ear: socket.socket, pass_on: Callable[[int], object]) -> None:
    with ear:
        while number := ear.recv(1):
            pass_on(number[0])


def _forget() -> None:
    """Nobody is to hear of signals here any more; a child's are not its parent's."""
    if not _mouths:
        return
    last = signal.set_wakeup_fd(_NOBODYS)
    if last not in _mouths:
        signal.set_wakeup_fd(last)
    _mouths.clear()


getattr(os, "register_at_fork", dict)(after_in_child=_forget)
