"""One request to an ASGI application, as a server would make it, without a socket."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

import httpxr

from reconnecting_sse.core.media import content_codings
from reconnecting_sse.transports.body import AsyncLiveBody
from reconnecting_sse.transports.codings.codings import decoder_for, without_coding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.testing.script import RecordedRequest
    from reconnecting_sse.transports.codings.decoding import Decoder
    from reconnecting_sse.transports.timeouts import Timeouts

    Head: TypeAlias = tuple[int, Fields]
    Message: TypeAlias = dict[str, Any]
    Scope: TypeAlias = dict[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Of later versions Starlette expects that sending to who has left raises OSError, and
# does not listen for the disconnect.
VERSIONS = {"version": "3.0", "spec_version": "2.3"}

_ROOM = 16  # messages on their way: a socket holds some, too
# What servers answer for an application that fails before it has answered.
_FAILED: Head = (500, [(b"content-type", b"text/plain; charset=utf-8")])


def scope_of(url: httpxr.URL, request: RecordedRequest, state: dict[str, Any]) -> Scope:
    """What the application is told about a request; of its own state, a copy."""
    path, _, query = request.target.partition("?")
    port = url.port or (443 if url.scheme == "https" else 80)
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (n.encode("latin-1"), v.encode("latin-1")) for n, v in request.headers
        ],
        "client": ("127.0.0.1", 12345),
        "server": (url.host, port),
        "state": dict(state),
    }


class Call:
    """What the application and its client have in common, on one event loop.

    Attributes:
        error: What the application raised, or did wrong.
        is_left: Whether the client wants no more.
    """

    def __init__(self, scope: Scope, content: bytes) -> None:
        self._scope = scope
        self._request: Message | None = {"type": "http.request", "body": content}
        self._arrived: deque[bytes] = deque()
        self._head: Head | None = None
        self._news = asyncio.Event()  # for the client
        self._room = asyncio.Event()  # for the application
        self._over = asyncio.Event()
        self._is_complete = False
        self._has_returned = False
        self.error: BaseException | None = None
        self.is_left: bool = False

    # ------------------------------------------------------------------ its server

    async def run(self, application: Application) -> None:
        """Have it answer, to the end."""
        try:
            await application(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (told to who asserts)
            self.error = error
        else:
            if not (self._is_complete or self.is_left):
                self.error = RuntimeError("the application did not end its response")
        finally:
            self._has_returned = True
            if self._head is None:
                self._head, self._is_complete = _FAILED, True
            self._over.set()
            self._news.set()

    async def _receive(self) -> Message:
        message, self._request = self._request, None
        if message is None:
            await self._over.wait()
            return {"type": "http.disconnect"}
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            fields = [(bytes(n), bytes(v)) for n, v in message.get("headers", ())]
            self._head = message["status"], fields
        else:  # http.response.body
            await self._sent(message.get("body", b""))
            if not message.get("more_body", False):
                self._is_complete = True
                self._over.set()
        self._news.set()

    async def _sent(self, chunk: bytes) -> None:
        if chunk and not self.is_left:
            self._arrived.append(bytes(chunk))
            self._news.set()
        while len(self._arrived) >= _ROOM and not self.is_left:
            self._room.clear()
            await self._room.wait()
        await asyncio.sleep(0)  # as a socket would: an application may never wait else

    # ------------------------------------------------------------------ its client

    async def head(self) -> Head:
        """Status and headers, once they are there."""
        while self._head is None:
            await self._changed()
        return self._head

    async def _changed(self) -> None:
        if self.is_left:
            raise httpxr.ReadError("the response is closed; make a new request")
        self._news.clear()
        await self._news.wait()

    async def arrival(self) -> bytes:
        """What has arrived; nothing at the end."""
        while not (chunk := self.take()):
            if self._is_complete and not self.is_left:
                return b""
            if self._has_returned and not self.is_left:
                raise httpxr.ReadError(
                    "the application ended before its response did"
                ) from self.error
            await self._changed()
        return chunk

    def take(self) -> bytes:
        """What has arrived already."""
        if self.is_left or not self._arrived:
            return b""
        self._room.set()
        return self._arrived.popleft()

    def leave(self) -> None:
        """Want no more; the application hears of it."""
        self.is_left = True
        self._arrived.clear()
        for event in (self._over, self._room, self._news):
            event.set()


class CallBody(AsyncLiveBody):
    """What the application sends, as it comes, decoded."""

    def __init__(
        self, call: Call, decoder: Decoder | None, read_timeout: float | None
    ) -> None:
        self.read_timeout: float | None = read_timeout
        self._call = call
        self._decoder = decoder

    async def read(self) -> bytes:
        try:
            async with asyncio.timeout(self.read_timeout):
                return await self._read()
        except TimeoutError:
            self.close()
            raise httpxr.ReadTimeout(
                f"the application sent nothing for {self.read_timeout} s"
            ) from None

    async def _read(self) -> bytes:
        while raw := await self._call.arrival():
            if content := self._decoded(raw):
                return content
        return b""

    def read_nowait(self) -> bytes:
        return self._decoded(self._call.take())

    def _decoded(self, raw: bytes) -> bytes:
        decoder = self._decoder
        if decoder is None or not raw:
            return raw
        content = decoder.decode(raw)
        while decoder.pending:
            content += decoder.decode(b"")
        return content

    def close(self) -> None:
        self._call.leave()

    async def aclose(self) -> None:
        self.close()


async def answered(call: Call, timeouts: Timeouts) -> tuple[int, Fields, CallBody]:
    """Status, headers, and a body whose codings are undone, once there is a head.

    Raises:
        httpxr.ReadTimeout: There was none in time.
    """
    try:
        async with asyncio.timeout(timeouts.headers):
            status, fields = await call.head()
    except BaseException as error:
        call.leave()
        if isinstance(error, TimeoutError):
            late = f"the application did not answer within {timeouts.headers} s"
            raise httpxr.ReadTimeout(late) from None
        raise
    coded = [value for name, value in fields if name.lower() == b"content-encoding"]
    decoder = decoder_for(content_codings([each.decode("latin-1") for each in coded]))
    if decoder is not None:
        fields = without_coding(fields)
    return status, fields, CallBody(call, decoder, timeouts.read)
