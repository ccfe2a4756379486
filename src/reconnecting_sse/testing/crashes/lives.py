"""One life: a forked process, what it tells before it ends, and how it ended."""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import threading
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from reconnecting_sse.core.errors import EventNotHandled

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE = f"{Path(__file__).parents[2]}{os.sep}"


@dataclass(frozen=True, slots=True)
class Life:
    """How one was.

    Attributes:
        end: "ended" by itself, "killed" by a signal, "failed" with an exception, or
            "late": it had to be ended.
        told: What it returned; of one that failed or was late, why, in words.
    """

    end: Literal["ended", "killed", "failed", "late"]
    told: Any = None


def lived(work: Callable[[], Any], *, seconds: float) -> Life:
    """Fork, call ``work`` in the child, and wait for its end.

    The child writes to no terminal, runs nothing that waits for the interpreter's end,
    and is gone when this returns or raises.

    Raises:
        RuntimeError: Nothing forks here.
    """
    if not hasattr(os, "fork"):
        raise RuntimeError("crash_points forks, which this platform does not")
    heard, told = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where there are other threads: one may hold a lock, for
        # ever. A child that waits for it is ended, and its words say so.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork() or _live(work, told)
    os.close(told)
    status = None
    try:
        said = _heard(heard, time.monotonic() + seconds)
        if said is not None:
            _, status = os.waitpid(child, 0)
    finally:
        os.close(heard)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return _life(said, status, seconds)


def _life(said: bytes | None, status: int | None, seconds: float) -> Life:
    if said is None or status is None:
        return Life("late", f"it did not end within {seconds} s{_other_threads()}")
    if os.WIFSIGNALED(status):
        return Life("killed", os.WTERMSIG(status))
    if not said:  # os._exit, as a handler may call it
        return Life("failed", f"it ended with status {os.WEXITSTATUS(status)}")
    is_well, told = json.loads(said)
    return Life("ended" if is_well else "failed", told)


def _other_threads() -> str:
    names = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    return (
        f" (forked beside the threads {', '.join(names)}: one may have held a lock)"
        if names
        else ""
    )


def _heard(pipe: int, end: float) -> bytes | None:
    """All that is told until nobody can tell more; None: that took too long."""
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(max(end - time.monotonic(), 0)):
            more = os.read(pipe, 65536)
            if not more:
                return said
            said += more
    return None


def _live(work: Callable[[], Any], told: int) -> NoReturn:
    """A child's whole life."""
    # What it has inherited is not collected: that would copy the parent's memory.
    gc.freeze()
    _fall_silent()
    try:
        said: list[Any] = [True, work()]
    except BaseException as error:  # noqa: BLE001  (told, whatever it is)
        said = [False, words_of(error)]
    left = json.dumps(said).encode()
    while left:
        left = left[os.write(told, left) :]
    os._exit(0)


def words_of(error: BaseException) -> str:
    """A traceback without what is between the caller's own lines."""
    while isinstance(error, EventNotHandled) and error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    lines = [*traceback.format_list(own), *traceback.format_exception_only(error)]
    return "".join(lines).rstrip()


def _fall_silent() -> None:
    """What a handler prints would be seen once for each life."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")
