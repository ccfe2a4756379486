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
from reconnecting_sse.transports.drivers.alarm import Alarm
from reconnecting_sse.transports.drivers.dialing import Dialing, resolved
from reconnecting_sse.transports.drivers.outgoing import Outgoing
from reconnecting_sse.transports.ways.steps import Dial, Resolve, Within
from reconnecting_sse.transports.wire_errors import ClosedError, SilenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.transports.ways.steps import Address, AllSteps, Step

_Result = TypeVar("_Result")

_BLIND_LOOP = (
    "this event loop ({}) cannot watch a socket (on Windows asyncio's default cannot):"
    " run on one that can, with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)"
)


class AsyncWire:
    """Makes a conversation's steps, and reads, in its caller's task.

    All but ``abort`` and ``discard`` belongs to the loop's own thread. The loop keeps
    it while it reads: it must not know its body, which is to be collected. In a forked
    process it only lets go: the loop's selector is shared with the parent.

    Attributes:
        is_given_up: Freed by us; a connection may also be lost.
    """

    def __init__(self) -> None:
        self.is_given_up: bool = False
        self._loop = asyncio.get_running_loop()
        self._owner = os.getpid()
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._alarm = Alarm(self._loop)
        self._is_late = False
        self._waiter: asyncio.Future[None] | None = None
        self._outgoing = Outgoing()
        # One piece that has come and was not taken yet, b"" at the end; one only, so
        # that the loop turns between any two.
        self._piece: bytes | None = None
        self._loss: list[OSError] = []  # given away: its frames come to know the wire
        self._is_reading = self._is_writing = False

    @property
    def is_sending(self) -> bool:
        return self._outgoing.is_stuck

    @property
    def is_here(self) -> bool:
        """Whether the loop that runs is the one that it was opened on."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:  # none runs
            return False

    async def run(self, steps: AllSteps[_Result]) -> _Result:
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
                advance = partial(steps.send, await self._made(step))
            except BaseException as error:  # noqa: BLE001  (the steps know)
                advance = partial(steps.throw, error)

    async def _made(self, step: Step) -> Any:
        self._check()
        match step:
            case Within(seconds):
                self._allow(seconds)
            case Resolve(host, port):
                return await self._resolved(host, port)
            case Dial(addresses):
                await self._dial(addresses)
                self._check()
            case None:
                return await self._first_word()
            case _:
                await self._send(step)
        return None

    # ------------------------------------------------------------------ waiting

    def _allow(self, seconds: float | None) -> None:
        """What is awaited from now on has so many seconds."""
        self._is_late = False
        self._alarm.set(seconds, self._run_out)

    async def _woken(self) -> None:
        self._check()
        if self._is_late:
            raise TimeoutError("the time was used up")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self, *_: object) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _run_out(self) -> None:
        # A process that was frozen finds first what has come meanwhile.
        if self._is_reading:
            self._readable()
        self._is_late = True
        self._wake()

    def _check(self) -> None:
        if self.is_given_up:
            raise ClosedError

    # ------------------------------------------------------------------ connecting

    async def _resolved(self, host: str, port: int) -> list[Address]:
        with suppress(socket.gaierror):  # an address needs no thread
            return resolved(host, port, socket.AI_NUMERICHOST)
        resolving = self._loop.run_in_executor(None, resolved, host, port)
        resolving.add_done_callback(self._wake)
        try:
            while not resolving.done():
                await self._woken()
        finally:
            resolving.cancel()  # or nobody would ask for its error
        return resolving.result()

    async def _dial(self, addresses: list[Address]) -> None:
        with Dialing(addresses, self._loop.time()) as dialing:
            sock = None
            while sock is None:
                wait = dialing.begin_due(self._loop.time())
                await self._writable([s.fileno() for s in dialing.trying], wait)
                self._check()
                sock = dialing.connected(self._loop.time())
            self._socket, self._descriptor = sock, sock.fileno()
        self._read_on()

    async def _writable(self, descriptors: list[int], wait: float | None) -> None:
        """Wait until one of the sockets is, or the next one is due."""
        next_due = None if wait is None else self._loop.call_later(wait, self._wake)
        try:
            for descriptor in descriptors:
                self._loop.add_writer(descriptor, self._wake)
            await self._woken()
        except NotImplementedError:
            name = type(self._loop).__name__
            raise RuntimeError(_BLIND_LOOP.format(name)) from None
        finally:
            with suppress(NotImplementedError):
                for descriptor in descriptors:
                    self._loop.remove_writer(descriptor)
            if next_due is not None:
                next_due.cancel()

    # ------------------------------------------------------------------ talking

    async def _send(self, data: bytes) -> None:
        """Send it, unless the peer has something to say first."""
        self.reply(data)
        while self._outgoing and self._piece is None and not self._loss:
            await self._woken()
        if len(data) >= READ_SIZE or self._outgoing:
            await asyncio.sleep(0)  # whoever reads as fast as this does not keep it

    def reply(self, data: bytes = b"") -> None:
        """Send it, now or as soon as there is room."""
        assert self._socket is not None
        self._outgoing.send(self._socket, data)
        is_wanted = bool(self._outgoing)
        if is_wanted and not self._is_writing:
            self._loop.add_writer(self._descriptor, self.reply)
        elif self._is_writing and not is_wanted:
            self._loop.remove_writer(self._descriptor)
            self._wake()
        self._is_writing = is_wanted

    async def _first_word(self) -> bytes:
        """What a peer has to say that may have stopped reading."""
        try:
            data = await self._arrival()
        except ConnectionError:
            self._outgoing.blame()
            raise
        if not data:
            self._outgoing.blame()
        return data

    # ------------------------------------------------------------------ reading

    async def receive(self, longest: float | None) -> bytes:
        """What comes next, ``b""`` at the end, within ``longest`` seconds.

        Raises:
            SilenceError: Nothing came.
            ClosedError: The wire was closed.
            OSError: The connection was lost.
        """
        self._allow(longest)
        try:
            return await self._arrival()
        except TimeoutError as error:
            if longest is None or error.errno is not None:  # the system's own
                raise
            raise SilenceError(longest) from None
        finally:
            self._alarm.off()

    def take(self) -> bytes | None:
        """What has come already; None if nothing has."""
        piece, self._piece = self._piece, None
        if piece and not (self._is_reading or self._loop.is_closed()):
            self._read_on()
        return piece

    async def _arrival(self) -> bytes:
        while (piece := self.take()) is None:
            if self._loss:
                raise self._loss.pop()
            await self._woken()
        return piece

    def _read_on(self) -> None:
        self._is_reading = True
        self._loop.add_reader(self._descriptor, self._readable)

    def _readable(self) -> None:
        assert self._socket is not None
        if self._piece is None and not self._loss:
            try:
                self._piece = self._socket.recv(READ_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                self._loss.append(error.with_traceback(None))  # its frames know this
            except BaseException:
                # A signal handler's: it may have swallowed bytes, so never go on.
                self._loss.append(OSError("reading was interrupted"))
                self._wake()
                raise
            self._wake()
            if self._piece:
                return
        # At the end; or its reader is elsewhere: the socket is the backpressure.
        self._is_reading = False
        self._loop.remove_reader(self._descriptor)

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
        sock, self._socket = self._socket, None
        self._piece = None
        # After a fork the selector is the parent's, too; a closed loop has none.
        if os.getpid() == self._owner:
            with suppress(RuntimeError):
                self._forget(sock)
        if sock is not None:
            sock.close()

    def _forget(self, sock: socket.socket | None) -> None:
        self._alarm.cancel()
        if sock is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
        self._wake()

    def discard(self) -> None:
        """Close it from a destructor: on any thread, the loop closed or not."""
        if os.getpid() != self._owner or not self._loop.is_running() or self.is_here:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        # Its closing was left to a loop that has ended before it came to that.
        if self._socket is not None:
            self._socket.close()
