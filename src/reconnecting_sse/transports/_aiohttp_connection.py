"""One connection of aiohttp's, and the one way to free it.

aiohttp's connector and parser are used without its client session: below the session
nothing resends, redirects, pools, keeps cookies or reads the environment, and the
bytes sent are exactly ours.
"""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from aiohttp.streams import EMPTY_PAYLOAD

from reconnecting_sse.transports._aiohttp_errors import ClosedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from yarl import URL

# As http.client has it: aiohttp's own 8 KiB is too little for some cookies.
_LINE_LIMIT = 65536

_Result = TypeVar("_Result")

_OK, _SWITCHING_PROTOCOLS = 200, 101


class Wire:
    """One connection, used for one request.

    All but ``abort`` belongs to the loop's own thread. It does not know its body, so
    that whoever keeps ``abort`` does not keep the body from being collected.

    Attributes:
        closed: Freed by us; a connection may also be lost.
        content: The body's bytes, once the head has come.
    """

    def __init__(self) -> None:
        self.closed = False
        self.content: aiohttp.StreamReader = EMPTY_PAYLOAD
        self._loop = asyncio.get_running_loop()
        self._scope: asyncio.Timeout | None = None
        self._connection: Connection | None = None
        self._protocol: ResponseHandler
        self._transport: asyncio.Transport
        self._lost: asyncio.Future[None]
        self._ends_by_close = False
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

    async def connect(self, url: URL, context: ssl.SSLContext | None) -> None:
        connector = aiohttp.TCPConnector(
            resolver=aiohttp.ThreadedResolver(),
            use_dns_cache=False,
            force_close=True,
            limit=0,
        )
        request = aiohttp.ClientRequest(
            "GET", url, loop=self._loop, ssl=context or True
        )
        timeout = aiohttp.ClientTimeout(total=None)
        connection = await connector.connect(request, [], timeout)
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or (lost := protocol.closed) is None:
            connection.close()
            raise ConnectionResetError(errno.ECONNRESET, "closed as soon as open")
        self._connection, self._protocol = connection, protocol
        self._transport, self._lost = transport, lost
        tls = getattr(transport, "_ssl_protocol", None)
        self._plain_transport: Any = getattr(tls, "_transport", transport)
        transport.set_protocol(_HeadFirst(protocol))
        self._lost.add_done_callback(self._wake)
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
        is_framed = head.chunked or aiohttp.hdrs.CONTENT_LENGTH in head.headers
        self.content, self._ends_by_close = content, not is_framed
        self._transport.set_protocol(protocol)
        return head

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
        return content.read_nowait()

    @property
    def cut(self) -> BaseException | None:
        """What ended the body too early, once all that came before is taken."""
        if self.closed:
            return ClosedError()
        reset = self._lost.exception() if self._lost.done() else None
        if self.content.is_eof():
            # A reset looks like an end to aiohttp where the close alone ends the body.
            return reset if self._ends_by_close else None
        body = self._cut or self.content.exception()
        return reset or body or self._protocol.exception()

    def _wake(self, lost: asyncio.Future[None]) -> None:
        """Tell a waiting reader: after bad framing aiohttp lets it wait for ever."""
        lost.exception()  # looked at, or asyncio would log it
        error = self.cut
        if error is not None:
            self.content.set_exception(error)

    def abort(self) -> None:
        """Close it from any thread or signal handler."""
        with suppress(RuntimeError):  # a closed loop has nobody waiting
            self._loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        """Free the socket, and whoever waits for it. Idempotent."""
        self.closed = True
        if self._scope is not None:
            with suppress(RuntimeError):  # it is expiring anyway
                self._scope.reschedule(self._loop.time())
        self._free()

    def _free(self) -> None:
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
        await asyncio.wait([self._lost])

    def discard(self) -> None:
        """Close it from a destructor: on any thread, the loop closed or not."""
        if not self._loop.is_closed():
            if self._connection is not None:
                self.abort()
        elif not self._lost.done():
            self.close()
            # A closed loop calls nothing back, and no public call closes a transport's
            # socket without. So what asyncio would have called is called from here; it
            # asks for a callback, too, but then closes. Other loops have no such call.
            with suppress(RuntimeError, AttributeError):
                self._plain_transport._call_connection_lost(None)  # noqa: SLF001 # as said


class _HeadFirst(asyncio.Protocol):
    """Feeds the parser line by line until the response's head is complete.

    When the body that came along with it is broken, aiohttp would drop them both.
    """

    def __init__(self, parser: ResponseHandler) -> None:
        self._parser = parser

    def data_received(self, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            if self._parser.exception() is None:
                self._parser.data_received(line)

    def eof_received(self) -> None:
        self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()
