"""Ending in good order on Ctrl-C and on SIGTERM."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

INTERRUPTED = 128 + signal.SIGINT
"""The exit status after Ctrl-C, as a shell expects it."""

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class _Stopped(KeyboardInterrupt):
    """Leaves whatever the main thread is blocked in."""


class StoppedBySignal:
    """A block that SIGINT or SIGTERM ends; for the main thread.

    Attributes:
        status: The exit status that the signal asks for; 0 if there was none.
        word: What happened, for a reader.

    Args:
        close: Called first. Python may lose an exception that strikes in a destructor;
            what is closed ends all the same.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self.status: int = 0
        self.word: str = ""
        self._close = close

    def __enter__(self) -> Self:
        self._previous = {n: signal.signal(n, self._stop) for n in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        return isinstance(error, _Stopped)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.status = 128 + number
        self.word = _SIGNALS[signal.Signals(number)]
        self._close()
        raise _Stopped
