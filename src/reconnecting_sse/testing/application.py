"""An ASGI application, served to clients of both faces in their own process."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.testing.asgi import Call, answered, scope_of
from reconnecting_sse.testing.lifespan import Lifespan
from reconnecting_sse.testing.loop_thread import LoopThread, soon
from reconnecting_sse.testing.resumed import assert_resumed_from, by_header
from reconnecting_sse.testing.script import RecordedRequest
from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.body import LiveBody, content_of, reads_live
from reconnecting_sse.transports.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.testing.asgi import Application, CallBody
    from reconnecting_sse.testing.resumed import Position
    from reconnecting_sse.transports.abort import AbortSignal

GRACE = 0.1
"""Seconds in which an application may end by itself, once all clients have left."""

PATIENCE = 5.0
"""Seconds in which it may end after it was cancelled."""


class ServedApplication:
    """Answers clients from an ASGI application, without a socket.

    ``with`` it, on the sync face, the application runs on an event loop in a thread of
    its own; ``async with`` it, on the loop of whoever does. Its lifespan is the block.
    Events reach their reader as they are sent, and an application that listens hears
    when its client leaves. Leaving the block cancels what is running still, and raises
    the first of the ``errors``.

    Attributes:
        url: Where it is, as far as requests are concerned.
        requests: Those that came, in order.
        errors: What it raised, or a ``RuntimeError`` if it did not end its response, or
            could not shut down; as from a server, a client sees a 500 or a stream that
            is cut.

    Args:
        application: The ASGI application.
    """

    url: str = "http://application.test"

    def __init__(self, application: Application) -> None:
        self.requests: list[RecordedRequest] = []
        self.errors: list[BaseException] = []
        self._application = application
        self._calls: set[Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lifespan = Lifespan()
        self._thread: LoopThread | None = None
        self._is_async = False

    # ------------------------------------------------------------------ its clients

    def client(self, **options: Any) -> httpxr.Client:
        """A client of it, with httpxr's other keywords."""
        options = {"base_url": self.url, **options}
        return httpxr.Client(transport=self.transport(), **options)

    def async_client(self, **options: Any) -> httpxr.AsyncClient:
        """The same for the other face."""
        options = {"base_url": self.url, **options}
        return httpxr.AsyncClient(transport=self.async_transport(), **options)

    def transport(self) -> httpxr.BaseTransport:
        """What a client of one's own is given.

        Raises:
            RuntimeError: It is not served by ``with``.
        """
        if self._thread is None:
            raise RuntimeError("a sync client needs `with`, not `async with`, around")
        return _Transport(self, self._thread)

    def async_transport(self) -> httpxr.AsyncBaseTransport:
        """The same for an ``AsyncClient``.

        Raises:
            RuntimeError: It is not served by ``async with``.
        """
        if not self._is_async:
            raise RuntimeError("an async client needs `async with`, not `with`, around")
        return _AsyncTransport(self)

    def assert_resumed_from(
        self, positions: Sequence[str | None], by: Position = by_header
    ) -> None:
        """As ``ScriptedServer.assert_resumed_from``."""
        assert_resumed_from(self.requests, positions, by)

    # ------------------------------------------------------------------ the block

    def __enter__(self) -> Self:
        self._thread = thread = LoopThread()
        try:
            thread.run(self._begin())
        except BaseException:
            thread.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        try:
            self._thread.run(self._end())
        finally:
            self._thread.end()
        self._tell(error)

    async def __aenter__(self) -> Self:
        await self._begin()
        self._is_async = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()
        self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        for lost in self.errors:
            if error is None:
                raise lost
            error.add_note(f"The application failed too: {lost!r}")

    async def _begin(self) -> None:
        self._lifespan = Lifespan()
        await self._lifespan.begin(self._application)

    async def _end(self) -> None:
        for call in list(self._calls):
            call.leave()
        for seconds in (GRACE, PATIENCE):
            tasks = list(self._tasks)
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
            for task in tasks:
                task.cancel()
        try:
            await self._lifespan.end()
        except RuntimeError as failed:
            self.errors.append(failed)

    # ------------------------------------------------------------------ one request

    async def answer(self, request: httpxr.Request) -> tuple[int, Fields, CallBody]:
        """Have the application begin to answer, on this event loop.

        Raises:
            httpxr.ReadTimeout: It did not, within the request's deadline for headers.
        """
        recorded = _recorded(request, await content_of(request))
        self.requests.append(recorded)
        scope = scope_of(request.url, recorded, self._lifespan.state)
        call = Call(scope, recorded.body)
        _abort_with(request, call)
        task = asyncio.create_task(self._serve(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._calls.add(call)
        return await answered(call, Timeouts.of(request))

    async def _serve(self, call: Call) -> None:
        try:
            await call.run(self._application)
        finally:
            self._calls.discard(call)
        if call.error is not None:
            self.errors.append(call.error)


class _AsyncTransport(httpxr.AsyncBaseTransport):
    is_live: ClassVar[bool] = True

    def __init__(self, served: ServedApplication) -> None:
        self._served = served

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        status, fields, body = await self._served.answer(request)
        is_live = reads_live(request, _answer_of(status, fields))
        whole = b"" if is_live else b"".join([chunk async for chunk in body])
        return _response(status, fields, body if is_live else whole)


class _Transport(httpxr.BaseTransport):
    is_live: ClassVar[bool] = True

    def __init__(self, served: ServedApplication, thread: LoopThread) -> None:
        self._served = served
        self._thread = thread

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        status, fields, body = self._thread.run(self._served.answer(request))
        bridged = _BridgedBody(body, self._thread)
        is_live = reads_live(request, _answer_of(status, fields))
        return _response(status, fields, bridged if is_live else b"".join(bridged))


class _BridgedBody(LiveBody):
    """Read by another thread than the application's."""

    def __init__(self, body: CallBody, thread: LoopThread) -> None:
        self.read_timeout: float | None = body.read_timeout
        self._body = body
        self._thread = thread

    def read(self) -> bytes:
        self._body.read_timeout = self.read_timeout
        return self._thread.run(self._body.read())

    def close(self) -> None:
        self._thread.soon(self._body.close)


def _recorded(request: httpxr.Request, content: bytes) -> RecordedRequest:
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in request.headers.raw
    ]
    target = cast("Any", request.url).raw_path.decode("ascii")
    return RecordedRequest(request.method, target, headers, content)


def _abort_with(request: httpxr.Request, call: Call) -> None:
    """Let the signal of the exchange end the call, from any thread."""
    # httpxr's stubs do not know the attribute.
    signal: AbortSignal | None = cast("Any", request).extensions.get(ABORT)
    if signal is not None:
        loop = asyncio.get_running_loop()
        signal.attach(partial(soon, loop, call.leave))


def _answer_of(status: int, fields: Fields) -> Answer:
    texts = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in fields]
    return Answer(status, tuple(texts))


def _response(
    status: int, fields: Fields, body: CallBody | _BridgedBody | bytes
) -> httpxr.Response:
    kind = "content" if isinstance(body, bytes) else "stream"
    return httpxr.Response(
        status,
        headers=cast("Any", fields),  # bytes, whatever the stubs say
        extensions={"http_version": b"HTTP/1.1"},
        **cast("Any", {kind: body}),
    )
