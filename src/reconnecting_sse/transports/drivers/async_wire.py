"""asyncio's driver: one connection for one request, woken by its event loop.

The socket is our own, not a transport of the loop's: a closed loop cannot close a
transport, but a socket can always be closed, in any thread and after a fork.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from reconnecting_sse.transports.body import READ_SIZE
from reconnecting_sse.transports.drivers.dialing import Dialing, at_path, literal
from reconnecting_sse.transports.drivers.silence import Silence
from reconnecting_sse.transports.wire_errors import ClosedError, SilenceError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reconnecting_sse.transports.drivers.dialing import Address
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_Result = TypeVar("_Result")


class AsyncWire:
    """Connects, runs steps and reads, in its caller's task.

    All but ``abort`` and ``discard`` belongs to the loop's own thread. The loop keeps
    it while it reads: it must not know its body, which is to be collected. In a forked
    process it only lets go: the loop's selector is shared with the parent.

    Attributes:
        refusal: What the peer stopped reading with; it may have answered all the same.
        is_given_up: Freed by us; a connection may also be lost.
    """

    def __init__(self) -> None:
        self.refusal: OSError | None = None
        self.is_given_up = False
        self._loop = asyncio.get_running_loop()
        self._owner = os.getpid()
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._scope: asyncio.Timeout | None = None
        self._silence = Silence(self._loop)
        self._waiter: asyncio.Future[None] | None = None
        self._outgoing = bytearray()
        # One piece that has come and was not taken yet, b"" at the end; one only, so
        # that the loop turns between any two.
        self._piece: bytes | None = None
        self._loss: OSError | None = None
        self._is_reading = self._is_writing = False

    @property
    def is_sending(self) -> bool:
        """Whether something that is to be sent was not taken."""
        return self.refusal is not None or bool(self._outgoing)

    @property
    def is_here(self) -> bool:
        """Whether the loop that runs is the one that it was opened on."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:  # none runs
            return False

    async def within(self, seconds: float | None, step: Awaitable[_Result]) -> _Result:
        """The step's result, unless the time passes or the wire is closed before.

        Raises:
            TimeoutError: The time has passed.
            ClosedError: The wire was closed.
        """
        try:
            async with asyncio.timeout(seconds) as self._scope:
                result = await step
        except TimeoutError:
            self._check()
            raise
        finally:
            self._scope = None
        self._check()
        return result

    # ------------------------------------------------------------------ connecting

    async def connect(self, route: Route) -> None:
        """Connect to the route's first hop.

        Raises:
            OSError: It cannot be connected to.
        """
        self._check()
        if route.uds:
            addresses = at_path(route.uds)
        else:
            addresses = await self.resolved(*route.address)
        with Dialing(addresses, self._loop.time()) as dialing:
            sock = None
            while sock is None:
                await self._writable(dialing, dialing.begin_due(self._loop.time()))
                sock = dialing.connected(self._loop.time())
            self._socket, self._descriptor = sock, sock.fileno()
        self._read_on()

    async def resolved(self, host: str, port: int) -> list[Address]:
        """The addresses of a host."""
        # For those that are addresses no thread is needed.
        return literal(host, port) or await self._loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )

    async def _writable(self, dialing: Dialing, seconds: float | None) -> None:
        """Wait until one of the sockets is, or the next one is due."""
        descriptors = [sock.fileno() for sock in dialing.trying]
        for descriptor in descriptors:
            self._loop.add_writer(descriptor, self._wake)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken()
        finally:
            for descriptor in descriptors:
                self._loop.remove_writer(descriptor)

    # ------------------------------------------------------------------ waiting

    async def _woken(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self, error: BaseException | None = None) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    # ------------------------------------------------------------------ running

    async def run(self, steps: Steps[_Result]) -> _Result:
        """Make each step, and give what they come to."""
        arrived: Any = None  # what begins a generator
        while True:
            try:
                step = steps.send(arrived)
            except StopIteration as done:
                result: _Result = done.value
                return result
            arrived = await (self._first_word() if step is None else self._sent(step))

    async def _first_word(self) -> bytes:
        """What a peer has to say that may have stopped reading."""
        try:
            data = await self._arrival()
        except ConnectionError as error:
            raise self.refusal or error from None
        if not data and self.refusal is not None:
            raise self.refusal
        return data

    async def _sent(self, data: bytes) -> bytes:
        """Send it, unless the peer has something to say first."""
        self.send(data)
        while self._outgoing and self._piece is None and self._loss is None:
            self._check()
            await self._woken()
        if self._outgoing:
            await asyncio.sleep(0)  # as long as it takes, the loop turns
        return b""

    def send(self, data: bytes) -> None:
        """Send it, now or as soon as there is room."""
        self._outgoing += data
        self._send_some()

    def _send_some(self) -> None:
        assert self._socket is not None
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            # It may have answered before it has read all: that is read, then.
            self._outgoing.clear()
            self.refusal = error
        self._watch_writing(wanted=bool(self._outgoing))
        if not self._outgoing:
            self._wake()

    def _watch_writing(self, *, wanted: bool) -> None:
        if wanted and not self._is_writing:
            self._loop.add_writer(self._descriptor, self._send_some)
        elif self._is_writing and not wanted:
            self._loop.remove_writer(self._descriptor)
        self._is_writing = wanted

    # ------------------------------------------------------------------ reading

    async def receive(self, longest: float | None) -> bytes:
        """What comes next, ``b""`` at the end, within ``longest`` seconds.

        Raises:
            SilenceError: Nothing came.
            ClosedError: The wire was closed.
            OSError: The connection was lost.
        """
        if longest is None:
            return await self._arrival()
        self._silence.begin(longest, partial(self._fell_silent, longest))
        try:
            return await self._arrival()
        finally:
            self._silence.end()

    def take(self) -> bytes | None:
        """What has come already; None if nothing has."""
        piece, self._piece = self._piece, None
        if piece and not self._is_reading:
            self._read_on()
        return piece

    async def _arrival(self) -> bytes:
        while (piece := self.take()) is None:
            if self._loss is not None:
                raise self._loss
            self._check()
            await self._woken()
        return piece

    def _read_on(self) -> None:
        if self._loss is None and not self.is_given_up:
            self._is_reading = True
            self._loop.add_reader(self._descriptor, self._readable)

    def _pause(self) -> None:
        self._is_reading = False
        self._loop.remove_reader(self._descriptor)

    def _readable(self) -> None:
        assert self._socket is not None
        if self._piece is not None:
            self._pause()  # its reader is elsewhere: the socket is the backpressure
            return
        try:
            self._piece = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._loss = error
        if not self._piece:
            self._pause()
        self._wake()

    def _fell_silent(self, seconds: float) -> None:
        # A process that was frozen finds first what has come meanwhile.
        if self._is_reading:
            self._readable()
        self._wake(SilenceError(seconds))

    # ------------------------------------------------------------------ letting go

    def abort(self) -> None:
        """Close it, from any thread or signal handler."""
        if os.getpid() != self._owner:
            return
        if self._loop.is_running():
            with suppress(RuntimeError):  # it has just been closed
                self._loop.call_soon_threadsafe(self.close)
        else:
            self.close()

    def close(self) -> None:
        """Free the socket, and whoever waits for it. Idempotent."""
        self.is_given_up = True
        self._silence.cancel()
        sock, self._socket = self._socket, None
        # After a fork the selector is the parent's, too; a closed loop has none.
        if os.getpid() == self._owner:
            with suppress(RuntimeError):
                self._forget(sock)
        if sock is not None:
            sock.close()

    def _forget(self, sock: socket.socket | None) -> None:
        if sock is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
        self._wake(ClosedError())
        if self._scope is not None:
            self._scope.reschedule(self._loop.time())

    def discard(self) -> None:
        """Close it from a destructor: on any thread, the loop closed or not."""
        if os.getpid() != self._owner or not self._loop.is_running() or self.is_here:
            self.close()
        else:
            self.abort()

    def _check(self) -> None:
        if self.is_given_up:
            raise ClosedError
