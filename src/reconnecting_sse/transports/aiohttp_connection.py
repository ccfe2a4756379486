"""One connection of aiohttp's, and the one way to free it.

aiohttp's connector and parser are used without its client session: below the session
nothing resends, redirects, pools, keeps cookies or reads the environment, and the
bytes sent are exactly ours.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from aiohttp.streams import EMPTY_PAYLOAD

from reconnecting_sse.transports.aiohttp_errors import ClosedError
from reconnecting_sse.transports.aiohttp_link import Link
from reconnecting_sse.transports.aiohttp_pieces import Pieces
from reconnecting_sse.transports.aiohttp_protocols import HeadFirst
from reconnecting_sse.transports.aiohttp_silence import Silence, SilenceError
from reconnecting_sse.transports.body import READ_SIZE, is_bodyless

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp.http import RawResponseMessage

    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.trust import Contexts

# As http.client has it: aiohttp's own 8 KiB is too little for some cookies.
_LINE_LIMIT = 65536

_Result = TypeVar("_Result")

_OK, _SWITCHING_PROTOCOLS = 200, 101


class Wire(Link):
    """One connection, used for one request.

    All but ``abort`` belongs to the loop's own thread. It does not know its body, so
    that whoever keeps ``abort`` does not keep the body from being collected. In a
    forked process it only lets go: the loop's selector is shared with the parent.

    Attributes:
        closed: Freed by us; a connection may also be lost.
        content: The body's bytes, once the head has come.
    """

    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self.closed = False
        self.content: aiohttp.StreamReader = EMPTY_PAYLOAD
        self._owner = os.getpid()
        self._scope: asyncio.Timeout | None = None
        self._silence = Silence(self.content, self._loop)
        self._ends_by_close = False
        self._head_first: HeadFirst
        self._cut: BaseException | None = None

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
            if self.closed:
                raise ClosedError from None
            raise
        finally:
            self._scope = None
        if self.closed:
            raise ClosedError
        return result

    async def connect(self, contexts: Contexts) -> None:
        """Connect to the origin, by all hops."""
        await self._dial(contexts)
        await self._pass_hops(contexts)
        tls = self._transport.get_extra_info("ssl_object")
        self._head_first = HeadFirst(self._protocol, tls)
        self._transport.set_protocol(self._head_first)
        if self.closed:
            self._free()

    async def exchange(self, method: str, message: bytes) -> RawResponseMessage:
        """Send the request; the response's final head, its body at ``content``."""
        protocol = self._protocol
        protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=_LINE_LIMIT,
            max_field_size=_LINE_LIMIT,
        )
        # One byte, because TLS takes a limit of none for "always full".
        self._transport.set_write_buffer_limits(1, 0)
        # Never waited for: a server may answer before it has read all.
        self._transport.write(message)
        head, content = await protocol.read()
        while head.code < _OK and head.code != _SWITCHING_PROTOCOLS:
            head, content = await protocol.read()
        has_length = head.chunked or aiohttp.hdrs.CONTENT_LENGTH in head.headers
        is_framed = has_length or is_bodyless(method, head.code)
        self.content, self._ends_by_close = content, not is_framed
        self._silence = Silence(content, self._loop)
        if is_framed or not self._head_first.is_cut_off:
            self._transport.set_protocol(protocol)
        Pieces.take_over(content)
        return head

    @property
    def is_here(self) -> bool:
        """Whether the loop that runs is the one that it was opened on."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:  # none runs
            return False

    @property
    def is_sending(self) -> bool:
        return self._protocol.writing_paused

    def take(self) -> bytes:
        """What has arrived, also before whatever broke the connection since."""
        content = self.content
        if (error := content.exception()) is not None:
            # aiohttp would raise it first, and drop what came before.
            self._cut = error
            content.set_exception(None)  # type: ignore[arg-type] # as before it
        return content.read_nowait(READ_SIZE)

    async def arrival(self, seconds: float | None) -> bytes:
        """The next bytes, waited for.

        Raises:
            SilenceError: None came for so long.
            aiohttp.ClientError: The body was cut off, or its framing is broken.
            OSError: The connection was lost, or closed.
        """
        self._silence.begin(seconds)
        try:
            return await self.content.read(READ_SIZE)
        except asyncio.CancelledError:
            if isinstance(self.content.exception(), SilenceError):
                # It came for a reader who has gone: the next one's wait is another.
                self.content.set_exception(None)  # type: ignore[arg-type] # as before it
            raise
        finally:
            self._silence.end()

    @property
    def cut(self) -> BaseException | None:
        """What ended the body too early, once all that came before is taken."""
        if self.closed:
            return ClosedError()
        reset = self._lost.exception() if self._lost.done() else None
        if self.content.is_eof():
            # A reset looks like an end to aiohttp where the close alone ends the body.
            return (reset or self._truncation) if self._ends_by_close else None
        body = self._cut or self.content.exception()
        return reset or body or self._protocol.exception()

    @property
    def _truncation(self) -> BaseException | None:
        """Anyone may end a connection; TLS alone says who (RFC 9112, section 9.8)."""
        is_cut_off = self._head_first.is_cut_off
        return aiohttp.ClientPayloadError("TLS was cut off") if is_cut_off else None

    def _wake(self, lost: asyncio.Future[None]) -> None:
        """Tell a waiting reader: after bad framing aiohttp lets it wait for ever."""
        super()._wake(lost)
        error = self.cut
        if error is not None:
            self.content.set_exception(error)

    def abort(self) -> None:
        """Close it from any thread or signal handler."""
        if os.getpid() == self._owner:
            if not self._loop.is_running():
                self._shut_down()
            with suppress(RuntimeError):  # a closed loop has nobody waiting
                self._loop.call_soon_threadsafe(self.close)

    def _shut_down(self) -> None:
        """Let the server see the end, where the loop would not see to it now."""
        transport = self._plain_transport
        sock = None if transport is None else transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError, TypeError):  # it is closed; or another loop's
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the socket, and whoever waits for it. Idempotent."""
        self.closed = True
        if os.getpid() != self._owner:
            self._let_go()
            return
        if self._scope is not None:
            with suppress(RuntimeError):  # it is expiring anyway
                self._scope.reschedule(self._loop.time())
        self._free()

    def _free(self) -> None:
        self._silence.cancel()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        # A closed loop does half of each.
        with suppress(RuntimeError):
            self.content.set_exception(ClosedError())
        with suppress(RuntimeError):
            # Not a polite close: over TLS that waits for the server's consent.
            self._protocol.abort()
        connection.close()

    async def gone(self) -> None:
        """Wait until the socket of a closed connection is closed."""
        if os.getpid() == self._owner and self.is_here:
            await asyncio.wait([self._lost])

    def discard(self) -> None:
        """Close it from a destructor: on any thread, the loop closed or not."""
        if os.getpid() != self._owner:
            self._let_go()
        elif not self._loop.is_closed():
            if self._connection is not None:
                self.abort()
        elif not self._lost.done():
            self.close()
            self._let_go()

    def _let_go(self) -> None:
        """Close the descriptor, and tell neither the server nor the loop's selector."""
        # No public call closes a transport's socket without its loop. So what asyncio
        # would have called is called from here; it asks for a callback, too, but then
        # closes. Other loops have no such call.
        with suppress(RuntimeError, AttributeError):
            self._plain_transport._call_connection_lost(None)  # noqa: SLF001 # as said
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # aiohttp would warn of it; it has no transport now
