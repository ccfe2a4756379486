"""How a worker is doing: one line on a terminal, which redraws itself."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from reconnecting_sse.core.errors import printable, shortened

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from reconnecting_sse import Health, SubscriptionWorker

EVERY_SECONDS = 0.5
_ERASED = "\r\x1b[K"
_POSITION = 24


class Progress:
    """A block in which the line is drawn, below whatever else goes to stderr."""

    def __init__(self, worker: SubscriptionWorker) -> None:
        self._worker = worker
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join(1.0)

    def _draw(self) -> None:
        last, since = 0, time.monotonic()
        while not self._is_over.wait(EVERY_SECONDS):
            health, now = self._worker.health(), time.monotonic()
            rate = (health.events - last) / (now - since)
            last, since = health.events, now
            _write(f"{_ERASED}{fitted(line_of(health, rate))}")
        _write(_ERASED)


def line_of(health: Health, rate: float) -> str:
    """State, events a second, position and its age, what is not committed."""
    position = shortened(printable(health.position), _POSITION) or "-"
    age = "" if health.position_age is None else f" {health.position_age:.0f} s ago"
    parts = [
        str(health.state),
        f"{rate:,.0f} events/s",
        f"at {position}{age}",
        f"{health.uncommitted:,} uncommitted",
    ]
    if health.dead_letters:
        parts.append(f"{health.dead_letters:,} dead letters")
    if health.why:
        parts.append(health.why)
    return " · ".join(parts)


def fitted(line: str) -> str:
    """As much of it as the terminal is wide."""
    return line[: shutil.get_terminal_size().columns - 1]


def _write(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody looks
        sys.stderr.write(text)
        sys.stderr.flush()
