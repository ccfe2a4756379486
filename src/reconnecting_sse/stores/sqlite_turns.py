"""Whose turn it is to write into a file of SQLite's.

An exclusive lock on a file beside it lets one write after the other, in their order:
by SQLite's own lock back-to-back transactions starve all other names.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Turns:
    """One after the other, of the threads here and of all processes.

    Attributes:
        insiders: The threads that would wait for themselves.
    """

    def __init__(self, path: Path) -> None:
        self._gate: int | None = None  # the descriptor that the processes' lock is on
        self._path = path
        self._locks = _locks()
        self._lock = threading.Lock()
        self._is_lost = False
        self.insiders: set[threading.Thread] = set()

    def __del__(self) -> None:
        self._close()

    def enter(self) -> None:
        """Wait for one's turn."""
        self._refuse_insiders()
        if self._is_lost:
            raise StoreRefused(
                f"{self._path}: this process was forked while the file was written to,"
                " and so SQLite lets it write no more: fork outside of a transaction,"
                " or start another program"
            )
        self._lock.acquire()
        try:
            if self._gate is None:
                beside = f"{self._path}-lock"
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._gate = os.open(beside, flags, 0o644)
            self._locks.flock(self._gate, self._locks.LOCK_EX)
        except BaseException:
            self._lock.release()
            raise

    def leave(self) -> None:
        """The turn is over."""
        self.insiders = set()
        self._locks.flock(self._gate, self._locks.LOCK_UN)
        self._lock.release()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Keep the other threads here out, and close what was opened."""
        self._refuse_insiders()
        with self._lock:
            yield
            self._close()

    def begin_anew(self) -> None:
        """In a child: else the lock outlived a parent that is killed.

        SQLite keeps by itself which locks its connections have, and never learns that
        those of the parent's are not this process'.
        """
        self._close()
        self._is_lost = self._is_lost or self._lock.locked()
        self._lock, self.insiders = threading.Lock(), set()

    def _close(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            os.close(gate)

    def _refuse_insiders(self) -> None:
        if threading.current_thread() in self.insiders:
            raise RuntimeError(
                f"{self._path}: this thread is in a transaction of the same store, and"
                " would wait for itself: make the call once the transaction has ended"
            )


def _locks() -> Any:
    """The module that locks files."""
    try:
        import fcntl  # noqa: PLC0415  (not everywhere)
    except ImportError as error:
        raise StoreRefused(
            "a SqliteStore needs the file locks of a Unix, and here (on Windows) there"
            " are none: give SqlStore(sqlalchemy.create_engine('sqlite:///file.db')),"
            " or another database's engine"
        ) from error
    return fcntl
