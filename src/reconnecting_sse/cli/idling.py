"""``--exit-when-idle``: the end, once no event has come for so long."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from reconnecting_sse.lifecycle import Dropped, Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse.lifecycle import Lifecycle


class IdleWatch:
    """Calls back once nothing has happened for so long on an open stream.

    While there is no connection it waits: that nobody answers is no reason to end
    well.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._said: SimpleQueue[bool | None] = SimpleQueue()  # whether it is open

    @contextmanager
    def watching(self, end: Callable[[], object]) -> Iterator[None]:
        """The block in which it watches, and may call ``end``, from another thread."""
        thread = threading.Thread(target=self._watch, args=(end,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._said.put(None)
            thread.join()

    def hear(self, fact: Lifecycle) -> None:
        """A fact of the stream's life."""
        if isinstance(fact, (Opened, Dropped)):
            self._said.put(isinstance(fact, Opened))

    def happened(self) -> None:
        """An event came."""
        self._said.put(True)

    def _watch(self, end: Callable[[], object]) -> None:
        is_open: bool | None = False
        while is_open is not None:
            try:
                is_open = self._said.get(timeout=self._seconds if is_open else None)
            except Empty:
                end()
                return
