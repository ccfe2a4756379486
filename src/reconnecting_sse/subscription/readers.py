"""Who may read: one thread or task at a time, of the process that made the source."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Reader:
    """Somebody's turn at reading.

    Attributes:
        loop: The event loop that he is on; None for a thread's.
    """

    __slots__ = ("loop",)

    def __init__(self, loop: object = None) -> None:
        self.loop: object = loop


class Cleaner(Reader):
    """Whoever tells the end of a source that nobody reads."""

    __slots__ = ()


class Readers:
    """Lets one reader in at a time, and nobody who cleans up beside him.

    Attributes:
        leave: Called with the one who leaves, in or not, and None. It is built in, so
            that no signal can come before it has done that.
    """

    __slots__ = ("_come", "_process", "leave")

    def __init__(self) -> None:
        self._process = os.getpid()
        # In the order in which they came: the first is in, the others will see it.
        self._come: dict[Reader, None] = {}
        self.leave: Callable[[Reader, None], object] = self._come.pop

    def enter(self, reader: Reader) -> bool:
        """Let this one in; False if there is nothing to read any more.

        Raises:
            RuntimeError: There is one already, or this is another process.
        """
        if os.getpid() != self._process:
            raise RuntimeError(
                "this source was made before a fork and belongs to the parent process;"
                " make a new one in the child, from last_event_id where it matters"
            )
        if self.admits(reader):
            return True
        # One look: who cleaned up may have left since, and then this one is in.
        current = self.current
        if type(current) is Reader and current is not reader:
            raise RuntimeError(
                "this source is being read already: one thread or task at a time"
            )
        return current is reader

    def admits(self, somebody: Reader) -> bool:
        """Whether he is let in; he has to leave in either case."""
        self._come[somebody] = None
        return self.current is somebody

    @property
    def current(self) -> Reader | None:
        """Who is in."""
        return next(iter(list(self._come)), None)
