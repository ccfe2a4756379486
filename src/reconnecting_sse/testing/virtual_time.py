"""Time that passes only when everybody waits for it, and then at once.

It is put where sources, workers, keepers and wires ask what time it is and how long to
wait. Time stands still while anything happens. Once all are waiting, and nothing has
happened for some real milliseconds, it jumps to the first moment that one waits for.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from concurrent import futures
from contextlib import ExitStack, contextmanager
from math import inf
from queue import Empty
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

from reconnecting_sse.stores import memory
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.testing import connection, loop_thread
from reconnecting_sse.transports.drivers import sync_wire, waiting
from reconnecting_sse.transports.wire_errors import SilenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future
    from queue import SimpleQueue
    from typing import Self

    from reconnecting_sse.testing.connection import Connection

    _Result = TypeVar("_Result")

GRACE = 0.03
"""Real seconds without anything happening, all waiting, after which time jumps."""

STALL = 0.5
"""The same where a thread that has waited before, or a server, is at something."""

_TICK = 0.002
"""Real seconds for which is waited at a time."""


class VirtualTime:
    """The time of a block. One at a time in a process.

    ``with`` it, waits are instant and exact: those between attempts, of silence on an
    open stream, of commits, leases, retries and drains, and the pauses of scripted
    servers, in any number of threads and on its own event loops. Real sockets may be in
    between. What knows another clock keeps real time: a database, ``time.sleep``.

    Raises:
        RuntimeError: On entering: there is another.

    Attributes:
        now: Seconds since the block began.
    """

    def __init__(self) -> None:
        self.now: float = 0.0
        self._lock = threading.Lock()
        self._deadlines: dict[object, float] = {}
        self._away: set[threading.Thread] = set()
        self._busy = 0
        self._quiet_since = time.monotonic()
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        if type(clocks.CLOCK) is _VirtualClock:
            raise RuntimeError("time is virtual already, by another VirtualTime")
        for target, name, value in (
            (clocks, "CLOCK", _VirtualClock(self, time.time())),
            (waiting, "now", lambda: self.now),
            (waiting, "ready", self._ready),
            (sync_wire.SyncWire, "receive", _receive),
            (memory, "now", lambda: self.now),
            (connection, "paused", self._paused),
            (loop_thread, "new_event_loop", self.new_event_loop),
            (loop_thread, "outcome", self._outcome),
        ):
            self._patches.enter_context(mock.patch.object(target, name, value))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """What it comes to, on an event loop of this time: instead of asyncio.run."""
        with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
            return runner.run(coroutine)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop of this time, for whoever wants a factory."""
        return _VirtualLoop(self)

    # ------------------------------------------------------------------ waiting

    def wait(
        self, attempt: Callable[[float], _Result], seconds: float | None
    ) -> _Result | None:
        """What an attempt comes to; None once so much of this time has passed.

        Args:
            attempt: Tries for some real seconds; what is false means nothing.
            seconds: How long at most; None: for ever.
        """
        deadline = inf if seconds is None else self.now + seconds
        with self._waiting_until(deadline) as key:
            while not (found := attempt(_TICK)):
                if self.now >= deadline:
                    return None
                self._jump(key)
        return found

    @contextmanager
    def _waiting_until(self, deadline: float) -> Iterator[object]:
        key, thread = object(), threading.current_thread()
        with self._lock:
            self._deadlines[key] = deadline
            self._away.discard(thread)
            self._stir()
        try:
            yield key
        finally:
            with self._lock:
                del self._deadlines[key]
                self._away.add(thread)
                self._stir()

    def _stir(self) -> None:
        self._quiet_since = time.monotonic()

    def _jump(self, key: object) -> None:
        """Let time pass, if this is the first that waits, and nothing happens."""
        with self._lock:
            mine = self._deadlines[key]
            if mine == inf or mine > min(self._deadlines.values()):
                return
            quiet = time.monotonic() - self._quiet_since
            if quiet >= (STALL if self._is_busy else GRACE):
                self.now = max(self.now, mine)
                self._stir()

    @property
    def _is_busy(self) -> bool:
        if self._busy or any(thread.is_alive() for thread in self._away):
            return True
        return not all(each.is_at_rest for each in list(connection.OPEN))

    def began(self) -> None:
        """Something began that holds time back."""
        with self._lock:
            self._busy += 1

    def ended(self, *_: object) -> None:
        """It has ended."""
        with self._lock:
            self._busy -= 1
            self._stir()

    # ------------------------------------------------------------------ in their place

    def _ready(self, socks: Any, events: int, seconds: float | None) -> int:
        return self.wait(lambda real: _READY(socks, events, real), seconds) or 0

    def _paused(self, client: Connection, seconds: float) -> None:
        def attempt(real: float) -> bool:
            client.check()
            return client.stopping.wait(real)

        with client.resting():
            self.wait(attempt, seconds)

    def _outcome(self, future: Future[_Result]) -> _Result:
        self.wait(lambda real: futures.wait([future], real).done, None)
        return future.result()


_READY, _RECEIVE = waiting.ready, sync_wire.SyncWire.receive


def _receive(wire: sync_wire.SyncWire, longest: float | None) -> bytes:
    if not wire.arrives(longest):
        assert longest is not None
        raise SilenceError(longest)
    return _RECEIVE(wire, longest)


class _VirtualClock(clocks.Clock):
    """The clock of what is above the wire."""

    def __init__(self, virtual: VirtualTime, wall: float) -> None:
        self._virtual = virtual
        self.now = lambda: virtual.now
        self.wall = lambda: wall + virtual.now

    def boot(self) -> float:
        return self._virtual.now

    def wait(self, bell: SimpleQueue[None], seconds: float | None) -> bool:
        def attempt(real: float) -> bool:
            try:
                bell.get(timeout=real)
            except Empty:
                return False
            return True

        limit = None if seconds is None else max(seconds, 0.0)
        return bool(self._virtual.wait(attempt, limit))


class _VirtualSelector(selectors.DefaultSelector):
    """Waits for sockets in real time, and for what is scheduled in virtual time."""

    def __init__(self, virtual: VirtualTime) -> None:
        super().__init__()
        self._virtual = virtual

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        return self._virtual.wait(super().select, timeout) or []


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop of this time; what it has threads do holds time back."""

    def __init__(self, virtual: VirtualTime) -> None:
        super().__init__(_VirtualSelector(virtual))
        self._virtual = virtual

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(  # type: ignore[override]  # its types are the loop's own
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        self._virtual.began()
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._virtual.ended)
        return future
