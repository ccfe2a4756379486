"""Answers from respx routes: through a transport, or in place of our transports.

respx speaks httpx: requests and responses are converted here, and httpx's exceptions
become httpxr's of the same name. Bodies are handed on as they come, not decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

import httpxr

try:
    import httpx
    import respx
    from respx.mocks import AbstractRequestMocker
except ImportError as _error:
    raise ImportError(
        "answering from respx routes needs respx and httpx:"
        ' pip install "reconnecting-sse[testing]"'
    ) from _error

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.exchange.bodies import Awaited
from reconnecting_sse.transports.body import content_of, reads_live

if TYPE_CHECKING:
    from typing import Self

_HTTPX_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)


class RespxTransport(httpxr.BaseTransport):
    """Answers from a router's routes; assert on ``route.calls`` as ever.

    What a route raises before or in the middle of a body is raised here; bodies given
    as iterators are iterated as they are read, and closed after that.

    Args:
        router: Such as ``respx.Router()``, or what ``respx.mock(using=None)`` gives.
    """

    def __init__(self, router: respx.Router) -> None:
        self._router = router

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """The answer of the first route that matches."""
        try:
            response = self._router.handler(_httpx_request(request, request.read()))
        except _HTTPX_ERRORS as error:
            _raise_httpxr(error)
        return _httpxr_response(response, BridgedBody(response.stream))


class AsyncRespxTransport(httpxr.AsyncBaseTransport):
    """The same for asyncio; side effects may be async."""

    def __init__(self, router: respx.Router) -> None:
        self._router = router

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """The answer of the first route that matches."""
        converted = _httpx_request(request, await content_of(request))
        try:
            response = await self._router.async_handler(converted)
        except _HTTPX_ERRORS as error:
            _raise_httpxr(error)
        return _httpxr_response(response, AsyncBridgedBody(response.stream))


class RespxRoutes:
    """A router, and clients that it answers.

    Attributes:
        router: Where routes are added, and their calls are looked at.
    """

    def __init__(self) -> None:
        self.router: respx.Router = respx.Router()

    def client(self, **options: Any) -> httpxr.Client:
        """A client with httpxr's other keywords."""
        return httpxr.Client(transport=RespxTransport(self.router), **options)

    def async_client(self, **options: Any) -> httpxr.AsyncClient:
        """The same for the other face."""
        return httpxr.AsyncClient(transport=AsyncRespxTransport(self.router), **options)


class RespxMocker(AbstractRequestMocker):
    """Makes ``@respx.mock(using="reconnecting_sse")`` answer for our transports.

    Importing it is enough; its ``name`` is what ``using`` wants. Both transports are
    patched, so a plain client, which gets one of them for its streams, is mocked too.
    """

    name = "reconnecting_sse"
    targets: ClassVar[list[str]] = [  # respx changes it
        "reconnecting_sse.transports.blocking.StreamingTransport",
        "reconnecting_sse.transports.asynchronous.AsyncStreamingTransport",
    ]
    target_methods: ClassVar[list[str]] = ["handle_request", "handle_async_request"]

    @classmethod
    def handler(cls, httpx_request: httpx.Request) -> Any:
        try:
            return super().handler(httpx_request)  # type: ignore[no-untyped-call]
        except _HTTPX_ERRORS as error:
            _raise_httpxr(error)

    @classmethod
    async def async_handler(cls, httpx_request: httpx.Request) -> Any:
        handled = super().async_handler(httpx_request)  # type: ignore[no-untyped-call]
        try:
            return await handled
        except _HTTPX_ERRORS as error:
            _raise_httpxr(error)

    @classmethod
    def to_httpx_request(cls, **kwargs: Any) -> httpx.Request:
        # Bodies follow below: the async one has to be awaited.
        return _httpx_request(kwargs["request"], b"")

    @classmethod
    def prepare_sync_request(
        cls,
        httpx_request: httpx.Request,  # noqa: ARG003 - respx's signature
        **kwargs: Any,
    ) -> tuple[httpx.Request, dict[str, Any]]:
        request: httpxr.Request = kwargs["request"]
        return _httpx_request(request, request.read()), kwargs

    @classmethod
    async def prepare_async_request(
        cls,
        httpx_request: httpx.Request,  # noqa: ARG003 - respx's signature
        **kwargs: Any,
    ) -> tuple[httpx.Request, dict[str, Any]]:
        request: httpxr.Request = kwargs["request"]
        return _httpx_request(request, await content_of(request)), kwargs

    @classmethod
    def from_sync_httpx_response(
        cls,
        httpx_response: httpx.Response,
        target: object,  # noqa: ARG003 - respx's signature
        **kwargs: Any,
    ) -> httpxr.Response:
        body = BridgedBody(httpx_response.stream)
        is_live = reads_live(kwargs["request"], _answer_of(httpx_response))
        return _httpxr_response(httpx_response, body if is_live else b"".join(body))

    @classmethod
    async def from_async_httpx_response(
        cls,
        httpx_response: httpx.Response,
        target: object,  # noqa: ARG003 - respx's signature
        **kwargs: Any,
    ) -> httpxr.Response:
        body = AsyncBridgedBody(httpx_response.stream)
        if reads_live(kwargs["request"], _answer_of(httpx_response)):
            return _httpxr_response(httpx_response, body)
        whole = b"".join([chunk async for chunk in body])
        return _httpxr_response(httpx_response, whole)


class BridgedBody:
    """A body's raw chunks; closes the stream after the last one, or an error."""

    def __init__(self, stream: Any) -> None:
        if not hasattr(stream, "__iter__"):
            raise TypeError(
                "the route's body can only be iterated with `async for`;"
                " give it an iterator for a sync client"
            )
        self._stream = stream
        self._chunks = iter(stream)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = next(self._chunks)
        except BaseException as error:
            self.close()
            if isinstance(error, _HTTPX_ERRORS):
                _raise_httpxr(error)
            raise
        return chunk

    def close(self) -> None:
        """Close the route's stream, where it can be closed. Idempotent."""
        if hasattr(self._stream, "close"):
            self._stream.close()


class AsyncBridgedBody:
    """The same for asyncio; takes what a sync client takes, too."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        is_async = hasattr(stream, "__aiter__")
        self._chunks: Any = aiter(stream) if is_async else Awaited(iter(stream))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await anext(self._chunks)
        except BaseException as error:
            await self.aclose()
            if isinstance(error, _HTTPX_ERRORS):
                _raise_httpxr(error)
            raise
        return chunk

    async def aclose(self) -> None:
        """Close the route's stream, where it can be closed. Idempotent."""
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()
        elif hasattr(self._stream, "close"):
            self._stream.close()


def _httpx_request(request: httpxr.Request, content: bytes) -> httpx.Request:
    return httpx.Request(
        request.method,
        str(request.url),
        headers=request.headers.raw,
        content=content,
        # httpxr's type stubs do not know of them.
        extensions=dict(cast("Any", request).extensions),
    )


def _answer_of(response: httpx.Response) -> Answer:
    types = response.headers.get_list("content-type")
    fields = tuple(("content-type", value) for value in types)
    return Answer(response.status_code, fields)


def _httpxr_response(
    response: httpx.Response, body: BridgedBody | AsyncBridgedBody | bytes
) -> httpxr.Response:
    # As bytes, which httpxr takes, though its type stubs do not: some are not text.
    headers: Any = response.headers.raw
    kind = "content" if isinstance(body, bytes) else "stream"
    return httpxr.Response(
        response.status_code,
        headers=headers,
        extensions=dict(response.extensions),
        **cast("Any", {kind: body}),
    )


def _raise_httpxr(error: BaseException) -> NoReturn:
    """Raise httpxr's error of the same name, or of the nearest base's."""
    names = (base.__name__ for base in type(error).__mro__)
    kind = next(getattr(httpxr, name) for name in names if hasattr(httpxr, name))
    raise kind(str(error)) from error
