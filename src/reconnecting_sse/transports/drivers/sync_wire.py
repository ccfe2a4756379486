"""The blocking driver: one connection for one request, in its caller's thread."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from reconnecting_sse.transports.body import READ_SIZE
from reconnecting_sse.transports.drivers.dialing import Dialing, at_path, resolved
from reconnecting_sse.transports.drivers.release import Release
from reconnecting_sse.transports.wire_errors import ClosedError, SilenceError

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_Result = TypeVar("_Result")

_SHORTEST = 0.001  # zero would make the socket one that never waits

# One that needs no descriptor of its own, where there is one.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class SyncWire:
    """Connects, runs steps and reads, each within its time.

    One thread uses it. ``release``, from any other or a signal handler, ends what
    that one is doing.

    Attributes:
        refusal: What the peer stopped reading with; it may have answered all the same.
    """

    def __init__(self) -> None:
        self.release = Release()
        self.refusal: OSError | None = None
        self._socket: socket.socket
        self._outgoing = bytearray()
        self._timeout: float | None = -1.0  # none that a socket has

    @property
    def is_sending(self) -> bool:
        """Whether something that is to be sent was not taken."""
        return self.refusal is not None or bool(self._outgoing)

    @property
    def is_given_up(self) -> bool:
        """Whether it was released."""
        return self.release.requested

    # ------------------------------------------------------------------ connecting

    def connect(self, route: Route, deadline: float | None) -> None:
        """Connect to the route's first hop.

        Raises:
            OSError: It cannot be connected to, or not in time.
            ClosedError: The wire was released.
        """
        self._check()
        addresses = at_path(route.uds) if route.uds else resolved(*route.address)
        # What was requested before a socket was held is seen by a check after it; a
        # socket that is being connected is woken by its shutdown.
        with Dialing(addresses, time.monotonic(), self.release.hold) as dialing:
            sock = None
            while sock is None:
                wait = dialing.begin_due(time.monotonic())
                self._check()
                waits = [w for w in (wait, _left(deadline)) if w is not None]
                _await(dialing.trying, selectors.EVENT_WRITE, min(waits, default=None))
                self._check()
                sock = dialing.connected(time.monotonic())
            self._socket = sock
        self.release.hold_only(sock)
        self._check()

    # ------------------------------------------------------------------ running

    def run(self, steps: Steps[_Result], deadline: float | None) -> _Result:
        """Make each step, and give what they come to."""
        self._set_timeout(0.0)
        arrived: Any = None  # what begins a generator
        while True:
            try:
                step = steps.send(arrived)
            except StopIteration as done:
                self._check()
                result: _Result = done.value
                return result
            if step is None:
                arrived = self._arrival(deadline)
            else:
                arrived = self._sent(step, deadline)

    def _sent(self, data: bytes, deadline: float | None) -> bytes:
        """Send it, unless the peer has something to say first."""
        self._outgoing += data
        self._send_some()
        while self._outgoing and not self._ready(deadline) & selectors.EVENT_READ:
            self._send_some()
        return b""

    def _arrival(self, deadline: float | None) -> bytes:
        """What has come; what is to be sent goes while it is waited for."""
        while True:
            self._send_some()
            if self._ready(deadline) & selectors.EVENT_READ:
                with suppress(BlockingIOError):
                    return self._first_word()

    def _ready(self, deadline: float | None) -> int:
        """What the socket is ready for, of what there is to do."""
        events = selectors.EVENT_READ
        if self._outgoing:
            events |= selectors.EVENT_WRITE
        ready = _await([self._socket], events, _left(deadline))
        self._check()
        return ready

    def _first_word(self) -> bytes:
        """What a peer has to say that may have stopped reading."""
        try:
            data = self._socket.recv(READ_SIZE)
        except ConnectionError as error:
            raise self.refusal or error from None
        if not data and self.refusal is not None:
            raise self.refusal
        return data

    def _send_some(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            # It may have answered before it has read all: that is read, then.
            self._outgoing.clear()
            self.refusal = error

    # ------------------------------------------------------------------ reading

    def receive(self, longest: float | None) -> bytes:
        """What comes next, ``b""`` at the end, within ``longest`` seconds.

        Raises:
            SilenceError: Nothing came.
            ClosedError: The wire was released.
        """
        self._set_timeout(longest if longest is None else max(longest, _SHORTEST))
        try:
            data = self._socket.recv(READ_SIZE)
        except TimeoutError as error:
            if error.errno is not None:  # the system's own
                raise
            return self._last_look(longest)
        if not data:
            # An end of our own making looks the same.
            self._check()
        return data

    def _last_look(self, longest: float | None) -> bytes:
        """Frozen beyond its time a process finds what came meanwhile."""
        self._set_timeout(0.0)
        try:
            return self._socket.recv(READ_SIZE)
        except BlockingIOError:
            assert longest is not None
            raise SilenceError(longest) from None

    def send(self, data: bytes) -> None:
        """Send what TLS itself has to say, if there is room for it at once."""
        with suppress(OSError):
            self._socket.send(data, getattr(socket, "MSG_DONTWAIT", 0))

    def _set_timeout(self, seconds: float | None) -> None:
        if seconds != self._timeout:
            self._timeout = seconds
            self._socket.settimeout(seconds)

    # ------------------------------------------------------------------ letting go

    def close(self) -> None:
        """Free the socket, and whoever is blocked on it."""
        self.release()
        self.release.let_go()
        sock = getattr(self, "_socket", None)
        if sock is not None:
            sock.close()

    def _check(self) -> None:
        if self.release.requested:
            raise ClosedError


def _await(socks: list[socket.socket], events: int, seconds: float | None) -> int:
    """Which events one of the sockets is ready for, once one is."""
    with _Selector() as selector:
        for sock in socks:
            selector.register(sock, events)
        ready = 0
        for _, mask in selector.select(seconds):
            ready |= mask
        return ready


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time was used up")
    return left
