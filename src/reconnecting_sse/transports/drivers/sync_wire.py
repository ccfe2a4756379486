"""The blocking driver: one connection for one request, in its caller's thread."""

from __future__ import annotations

import selectors
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from reconnecting_sse.transports.body import READ_SIZE
from reconnecting_sse.transports.drivers import waiting
from reconnecting_sse.transports.drivers.dialing import Dialing, resolved
from reconnecting_sse.transports.drivers.outgoing import Outgoing
from reconnecting_sse.transports.drivers.release import Release
from reconnecting_sse.transports.ways.steps import Dial, Resolve, Within
from reconnecting_sse.transports.wire_errors import ClosedError, SilenceError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from reconnecting_sse.transports.ways.steps import Address, AllSteps, Step

_Result = TypeVar("_Result")

_SHORTEST = 0.001  # zero would make the socket one that never waits
_LONGEST = 1e6  # poll() counts milliseconds in 31 bits: what is longer is for ever


class SyncWire:
    """Makes a conversation's steps, and reads, each within its time.

    One thread uses it. ``release``, from any other or a signal handler, ends what
    that one is doing.
    """

    def __init__(self) -> None:
        self.release: Release = Release()
        self._socket: socket.socket
        self._deadline: float | None = None
        self._is_late = False
        self._timeout: float | None = 0.0
        self._outgoing = Outgoing()

    @property
    def is_sending(self) -> bool:
        return self._outgoing.is_stuck

    @property
    def is_given_up(self) -> bool:
        return self.release.requested

    def run(self, steps: AllSteps[_Result]) -> _Result:
        """Make each step, and give what they come to."""
        advance: Callable[[], Step] = partial(next, steps)
        while True:
            try:
                step = advance()
            except StopIteration as done:
                result: _Result = done.value
                return result
            finally:
                del advance  # it may know an error, whose frames know it
            try:
                advance = partial(steps.send, self._made(step))
            except BaseException as error:  # noqa: BLE001  (the steps know)
                advance = partial(steps.throw, error)

    def _made(self, step: Step) -> Any:
        self._check()
        match step:
            case Within(seconds):
                seconds = _waitable(seconds)
                self._deadline = None if seconds is None else waiting.now() + seconds
                self._is_late = False
            case Resolve(host, port):
                addresses = resolved(host, port)
                if self._left() == 0:
                    raise TimeoutError("to resolve the name took all the time")
                return addresses
            case Dial(addresses):
                self._dial(addresses)
                self._check()
            case None:
                return self._arrival()
            case _:
                self._send(step)
        return None

    # ------------------------------------------------------------------ connecting

    def _dial(self, addresses: list[Address]) -> None:
        # What was requested before a socket was held is seen by a check after it; a
        # socket that is being connected is woken by its shutdown.
        with Dialing(addresses, waiting.now(), self.release.hold) as dialing:
            sock = None
            while sock is None:
                wait = dialing.begin_due(waiting.now())
                self._check()
                left = self._left()
                if wait is None or (left is not None and left < wait):
                    wait = left
                waiting.ready(dialing.trying, selectors.EVENT_WRITE, wait)
                self._check()
                sock = dialing.connected(waiting.now())
            self._socket = sock
        self.release.hold_only(sock)

    # ------------------------------------------------------------------ talking

    def _send(self, data: bytes) -> None:
        """Send it, unless the peer has something to say first."""
        self._outgoing.send(self._socket, data)
        while self._outgoing and not self._ready() & selectors.EVENT_READ:
            self._outgoing.send(self._socket)

    def _arrival(self) -> bytes:
        """What has come; what is to be sent goes while it is waited for."""
        while True:
            self._outgoing.send(self._socket)
            if self._ready() & selectors.EVENT_READ:
                with suppress(BlockingIOError):
                    return self._first_word()

    def _first_word(self) -> bytes:
        """What a peer has to say that may have stopped reading."""
        try:
            data = self._socket.recv(READ_SIZE)
        except ConnectionError:
            self._outgoing.blame()
            raise
        if not data:
            self._outgoing.blame()
        return data

    def _ready(self) -> int:
        """What the socket is ready for, of what there is to do."""
        events = selectors.EVENT_READ
        if self._outgoing:
            events |= selectors.EVENT_WRITE
        ready = waiting.ready([self._socket], events, self._left())
        self._check()
        return ready

    def _left(self) -> float | None:
        if self._deadline is None:
            return None
        if self._is_late:
            raise TimeoutError("the time was used up")
        left = max(0.0, self._deadline - waiting.now())
        # Frozen beyond its time a process looks once at what has come meanwhile.
        self._is_late = not left
        return left

    # ------------------------------------------------------------------ reading

    def receive(self, longest: float | None) -> bytes:
        """What comes next, ``b""`` at the end, within ``longest`` seconds.

        Raises:
            SilenceError: Nothing came.
            ClosedError: The wire was released.
        """
        try:
            if self._outgoing:
                self._send_on(longest)
            self._set_timeout(_waitable(longest))
            data = self._socket.recv(READ_SIZE)
        except TimeoutError as error:
            if longest is None or error.errno is not None:  # the system's own
                raise
            return self._last_look(longest)
        if not data:
            # An end of our own making looks the same.
            self._check()
        return data

    def arrives(self, seconds: float | None) -> bool:
        """Whether something comes within so long; or the wire is released."""
        return bool(waiting.ready([self._socket], selectors.EVENT_READ, seconds))

    def _send_on(self, longest: float | None) -> None:
        """The answer came first: a server may go on once it has the whole request."""
        self._set_timeout(0.0)
        self._made(Within(longest))
        self._send(b"")

    def _last_look(self, longest: float) -> bytes:
        """Frozen beyond its time a process finds what came meanwhile."""
        self._set_timeout(0.0)
        try:
            return self._socket.recv(READ_SIZE)
        except BlockingIOError:
            raise SilenceError(longest) from None

    def reply(self, data: bytes) -> None:
        """Send what TLS itself has to say, as far as there is room for it."""
        self._set_timeout(0.0)
        self._outgoing.send(self._socket, data)

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


def _waitable(seconds: float | None) -> float | None:
    if seconds is None or seconds > _LONGEST:
        return None
    return max(seconds, _SHORTEST)
