"""The asyncio transport: responses whose bodies are read as they arrive."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import httpxr
from yarl import URL

from reconnecting_sse.transports._abort import ABORT
from reconnecting_sse.transports._aiohttp_body import Body
from reconnecting_sse.transports._aiohttp_connection import Wire
from reconnecting_sse.transports._aiohttp_errors import (
    CONNECT_ERRORS,
    WIRE_ERRORS,
    ClosedError,
    connect_error,
    connect_timeout,
    head_error,
    headers_timeout,
)
from reconnecting_sse.transports._decoding import CODINGS, Inflater
from reconnecting_sse.transports._headers import host_of, wire_headers
from reconnecting_sse.transports._timeouts import Timeouts

if TYPE_CHECKING:
    from typing import Self

    from aiohttp.http import RawResponseMessage

    from reconnecting_sse.transports._abort import AbortSignal

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 9112, section 3: a token, then a target without blanks and controls.
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_TARGET = re.compile(rb"[^\x21-\x7e]")

_FRAMING = (b"content-length", b"transfer-encoding")
_DECODED = ("gzip", "x-gzip", "deflate")
_OF_THE_ENCODED = (b"content-length", b"content-encoding")
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class AsyncStreamingTransport(httpxr.AsyncBaseTransport):
    """Sends each request over a connection of its own, and streams the response.

    One instance serves any number of tasks and event loops. Nothing is ever resent,
    redirected or kept for another request. The response's ``stream`` is an
    ``AsyncLiveBody`` that owns the connection: whoever opens it closes it. gzip and
    deflate are decoded; any other content coding is handed over as it came.

    Args:
        verify: Whether certificates are checked; or a file or directory of the CAs to
            trust, or an ``ssl.SSLContext`` to use as it is.
    """

    def __init__(
        self, *, verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    ) -> None:
        self._verify = verify
        self._context: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request; the response once its headers are complete.

        Raises:
            httpxr.TransportError: There was no response.
        """
        origin = _Origin.of(request.url)
        message = _message(request, await _content(request))
        context = await self._tls_context() if origin.scheme == "https" else None
        wire = Wire()
        # httpxr's stubs know neither extensions nor raw_host.
        signal: AbortSignal | None = cast("Any", request).extensions.get(ABORT)
        if signal is not None:
            signal.attach(wire.abort)
            wire.closed = signal.aborted
        timeouts = Timeouts.of(request)
        try:
            await _connect(wire, origin, context, timeouts.connect)
            head = await _exchange(wire, origin, request, message, timeouts.headers)
        except BaseException:
            wire.close()
            raise
        body = Body(wire, origin.where, timeouts.read)
        return _response(request, head, body)

    async def aclose(self) -> None:
        """Nothing to free: each response owns its connection."""

    async def _tls_context(self) -> ssl.SSLContext:
        if isinstance(self._verify, ssl.SSLContext):
            return self._verify
        if self._context is None:
            # Reading the CAs takes some 20 ms: not the loop's.
            self._context = await asyncio.to_thread(_load_context, self._verify)
        return self._context


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpxr.URL) -> Self:
        if url.scheme not in _DEFAULT_PORTS:
            raise httpxr.UnsupportedProtocol(
                f"the scheme {url.scheme!r} is not supported;"
                " a stream's URL begins with http:// or https://"
            )
        host = cast("Any", url).raw_host.decode("ascii")
        if not host:
            raise httpxr.InvalidURL("the URL has no host; write http://host/path")
        return cls(url.scheme, host, url.port or _DEFAULT_PORTS[url.scheme])

    @property
    def where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


async def _connect(
    wire: Wire,
    origin: _Origin,
    context: ssl.SSLContext | None,
    seconds: float | None,
) -> None:
    where = origin.where
    try:
        if wire.closed:
            raise ClosedError
        url = URL(f"{origin.scheme}://{where}/", encoded=True)
        await wire.within(seconds, wire.connect(url, context))
    except TimeoutError as error:
        raise connect_timeout(where, seconds) from error
    except CONNECT_ERRORS as error:
        raise connect_error(where, error) from error


async def _exchange(
    wire: Wire,
    origin: _Origin,
    request: httpxr.Request,
    message: bytes,
    seconds: float | None,
) -> RawResponseMessage:
    where = origin.where
    try:
        return await wire.within(seconds, wire.exchange(request.method, message))
    except TimeoutError as error:
        raise headers_timeout(where, seconds) from error
    except WIRE_ERRORS as error:
        cause = ClosedError() if wire.closed else error
        raise head_error(where, cause, is_sending=wire.is_sending) from error


async def _content(request: httpxr.Request) -> bytes:
    """The request's body, gathered where it is a stream."""
    try:
        return request.content
    except httpxr.RequestNotRead:
        stream = request.stream
    if hasattr(stream, "__aiter__"):
        return b"".join([chunk async for chunk in stream])
    return b"".join(stream)


def _message(request: httpxr.Request, content: bytes) -> bytes:
    method, target = request.method, request.url.raw_path or b"/"
    if not _METHOD.fullmatch(method) or _BAD_TARGET.search(target):
        raise httpxr.LocalProtocolError(
            f"the request {method!r} to {host_of(request.url).decode()} has a character"
            " that HTTP forbids in its method, path or query; percent-encode it"
        )
    fields = [
        field
        for field in wire_headers(request, CODINGS)
        if field[0].lower() not in _FRAMING
    ]
    if content or method in _METHODS_WITH_BODY:
        fields.append((b"Content-Length", b"%d" % len(content)))
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target)]
    lines += [b"%s: %s" % field for field in fields]
    return b"\r\n".join([*lines, b"", content])


def _response(
    request: httpxr.Request, head: RawResponseMessage, body: Body
) -> httpxr.Response:
    headers = list(head.raw_headers)
    coding = ", ".join(head.headers.getall("Content-Encoding", ())).lower()
    if coding in _DECODED and not body.is_empty:
        body.decoder = Inflater(coding)
        headers = [
            field for field in headers if field[0].lower() not in _OF_THE_ENCODED
        ]
    version = f"HTTP/{head.version.major}.{head.version.minor}".encode()
    reason = head.reason.encode("utf-8", "surrogateescape")
    return httpxr.Response(
        head.code,
        headers=cast("Any", headers),  # bytes, too, whatever the stubs say
        stream=body,
        request=request,
        extensions={"http_version": version, "reason_phrase": reason},
    )


def _load_context(verify: bool | str | os.PathLike[str]) -> ssl.SSLContext:
    if isinstance(verify, bool):
        context = ssl.create_default_context()
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    else:
        context = _trusting(os.fspath(verify))
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(path: str) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(
            f"verify={path!r} is no file or directory of PEM certificates"
        ) from error
