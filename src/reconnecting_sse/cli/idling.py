"""``--exit-when-idle``: the end, once no event has come for so long."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from reconnecting_sse.lifecycle import Dropped, Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.lifecycle import Lifecycle


class IdleWatch:
    """Calls back once nothing has happened for so long on an open stream.

    While there is no connection it waits: that nobody answers is no reason to end
    well.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = min(seconds, threading.TIMEOUT_MAX)
        # Whether an event is awaited, on an open stream.
        self._said: SimpleQueue[bool | None] = SimpleQueue()

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

    def awaiting(self, events: Iterable[ServerSentEvent]) -> Iterator[ServerSentEvent]:
        """The events; what the caller does with one is no time without any."""
        for event in events:
            self._said.put(False)
            yield event
            self._said.put(True)

    def _watch(self, end: Callable[[], object]) -> None:
        is_awaited: bool | None = False
        while is_awaited is not None:
            try:
                timeout = self._seconds if is_awaited else None
                is_awaited = self._said.get(timeout=timeout)
            except Empty:
                end()
                return
