"""An ASGI application, served to clients of both faces in their own process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.testing.asgi import VERSIONS, Call, answered, scope_of
from reconnecting_sse.testing.resumed import assert_resumed_from, by_header
from reconnecting_sse.testing.script import RecordedRequest
from reconnecting_sse.transports.abort import ABORT
from reconnecting_sse.transports.body import LiveBody, content_of, reads_live
from reconnecting_sse.transports.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self, TypeVar

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.testing.asgi import Application, CallBody
    from reconnecting_sse.testing.resumed import Position
    from reconnecting_sse.transports.abort import AbortSignal

    _Result = TypeVar("_Result")

GRACE = 0.1
"""Seconds in which an application may end by itself, once all clients have left."""

PATIENCE = 5.0
"""Seconds in which it may end after it was cancelled."""

_STUBBORN = f"the application goes on, {PATIENCE:g} s after it was cancelled"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop of a thread of its own; virtual time has another in its place."""
    return asyncio.new_event_loop()


def result_of(future: Future[_Result]) -> _Result:
    """What it comes to; as above."""
    return future.result()


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
        errors: What it raised, or a ``RuntimeError`` if it did not end its response,
            its shutdown failed, or it goes on after it was cancelled; as from a server,
            its client sees a 500 or a stream that is cut.

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
        self._lifespan: _Lifespan | None = None
        self._thread: _LoopThread | None = None

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
        if self._thread is not None or self._lifespan is None:
            raise RuntimeError("an async client needs `async with`, not `with`, around")
        return _AsyncTransport(self)

    def assert_resumed_from(
        self, positions: Sequence[str | None], by: Position = by_header
    ) -> None:
        """As ``ScriptedServer.assert_resumed_from``."""
        assert_resumed_from(self.requests, positions, by)

    # ------------------------------------------------------------------ the block

    def __enter__(self) -> Self:
        self._thread = thread = _LoopThread()
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
        self._lifespan = _Lifespan()
        await self._lifespan.begin(self._application)

    async def _end(self) -> None:
        assert self._lifespan is not None
        for call in list(self._calls):
            call.leave()
        for seconds in (GRACE, PATIENCE):
            tasks = list(self._tasks)
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
            for task in tasks:
                task.cancel()
        if self._tasks:
            self.errors.append(RuntimeError(_STUBBORN))
        try:
            await self._lifespan.end()
        except RuntimeError as error:
            self.errors.append(error)

    # ------------------------------------------------------------------ one request

    async def answer(self, request: httpxr.Request) -> tuple[int, Fields, CallBody]:
        """Have the application begin to answer, on this event loop.

        Raises:
            httpxr.ReadTimeout: It did not, within the request's deadline for headers.
        """
        recorded = _recorded(request, await content_of(request))
        self.requests.append(recorded)
        assert self._lifespan is not None
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

    def __init__(self, served: ServedApplication, thread: _LoopThread) -> None:
        self._served = served
        self._thread = thread

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        status, fields, body = self._thread.run(self._served.answer(request))
        bridged = _BridgedBody(body, self._thread)
        is_live = reads_live(request, _answer_of(status, fields))
        return _response(status, fields, bridged if is_live else b"".join(bridged))


class _BridgedBody(LiveBody):
    """Read by another thread than the application's."""

    def __init__(self, body: CallBody, thread: _LoopThread) -> None:
        self.read_timeout: float | None = body.read_timeout
        self._body = body
        self._thread = thread

    def read(self) -> bytes:
        self._body.read_timeout = self.read_timeout
        return self._thread.run(self._body.read())

    def close(self) -> None:
        self._thread.soon(self._body.close)


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="reconnecting_sse.application"
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """What it comes to; an exception in the waiting thread ends it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return result_of(future)
        except BaseException:
            future.cancel()
            raise

    def soon(self, callback: Callable[[], object]) -> None:
        """Call it there; from any thread or signal handler."""
        _soon(self._loop, callback)

    def end(self) -> None:
        """Cancel what is left on the loop, stop it, and wait for the thread."""
        self.run(self._cancel())
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE)


class _Lifespan:
    """The application's startup and shutdown; one that knows of neither has none.

    Attributes:
        state: What it has for its requests; each gets a copy.
    """

    def __init__(self) -> None:
        self._orders: asyncio.Queue[str] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[BaseException | None] | None = None
        self._is_started = False
        self.state: dict[str, Any] = {}

    async def begin(self, application: Application) -> None:
        """Start it up."""
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.create_task(self._run(application, scope))
        await self._order("lifespan.startup")
        self._is_started = self._task is not None

    async def end(self) -> None:
        """Shut it down."""
        await self._order("lifespan.shutdown")
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=PATIENCE)

    async def _run(
        self, application: Application, scope: dict[str, Any]
    ) -> BaseException | None:
        """What it raised: a SystemExit would end the event loop."""
        try:
            await application(scope, self._receive, self._said.put)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  (told, if it is an error)
            return error
        return None

    async def _receive(self) -> dict[str, Any]:
        return {"type": await self._orders.get()}

    async def _order(self, kind: str) -> None:
        task = self._task
        if task is None:
            return
        self._orders.put_nowait(kind)
        said = asyncio.ensure_future(self._said.get())
        await asyncio.wait({task, said}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            said.cancel()
            self._task = None
            error = task.result()
            # Before its startup, that says that it knows of no lifespan.
            if self._is_started and error is not None:
                raise RuntimeError(f"{kind} failed: {error!r}") from error
        elif said.result()["type"].endswith(".failed"):
            await asyncio.wait({task}, timeout=PATIENCE)
            raise RuntimeError(f"{kind} failed: {said.result().get('message', '')}")


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
        signal.attach(partial(_soon, loop, call.leave))


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(callback)


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
