"""Who may read: one thread or task at a time, of the process that made the source."""

from __future__ import annotations

import os


class Readers:
    """Lets one reader in at a time."""

    __slots__ = ("_process", "_reader")

    def __init__(self) -> None:
        self._process = os.getpid()
        # At most one entry: setdefault is atomic, and unlike a lock it knows its owner.
        self._reader: dict[str, object] = {}

    def enter(self, reader: object) -> None:
        """Let this one in.

        Raises:
            RuntimeError: There is one already, or this is another process.
        """
        if os.getpid() != self._process:
            raise RuntimeError(
                "this source was made before a fork and belongs to the parent process;"
                " make a new one in the child, from last_event_id where it matters"
            )
        # One that left without a goodbye, by a signal, is the same reader.
        if self._reader.setdefault("reader", reader) != reader:
            raise RuntimeError(
                "this source is being read already: one thread or task at a time"
            )

    def leave(self) -> None:
        """The reader is done, for now."""
        self._reader.clear()

    @property
    def is_one_in(self) -> bool:
        """Whether somebody reads."""
        return bool(self._reader)
