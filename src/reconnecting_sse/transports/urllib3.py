"""The blocking wire: one connection per request, closed with its response."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.transports._abort import ABORT
from reconnecting_sse.transports._decoding import CODINGS
from reconnecting_sse.transports._headers import host_of, wire_headers
from reconnecting_sse.transports._timeouts import Timeouts
from reconnecting_sse.transports._urllib3_body import SocketBody
from reconnecting_sse.transports._urllib3_connection import Connection, Release
from reconnecting_sse.transports._urllib3_errors import Stage, WireErrors

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.transports._headers import Fields
    from reconnecting_sse.transports._http1 import LiveResponse

_PORTS = {"http": 80, "https": 443}
_EXPECTING_BODY = ("PATCH", "POST", "PUT")
_FRAMING = (b"content-length", b"transfer-encoding")

# RFC 9112, section 3: a token, and a target without blanks or controls.
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_TARGET = re.compile(rb"[^\x21-\x7e]")


class StreamingTransport(httpxr.BaseTransport):
    """A transport for ``httpxr.Client`` whose responses arrive live.

    Each request gets its own connection, which is closed at the end of the response's
    body, or with it. Nothing is retried and no redirect followed here. Threads may
    share one transport; a forked process may go on using it.

    Args:
        verify: True trusts the system's certificate authorities, a path those in that
            file or directory, False anyone. A context is used as it is.
    """

    def __init__(
        self, *, verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    ) -> None:
        self._verify = verify
        self._context: ssl.SSLContext | None = None

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request and return as soon as the response's head is complete.

        Raises:
            httpxr.LocalProtocolError: The request cannot be sent as it is.
            httpxr.UnsupportedProtocol: The URL is neither http nor https.
            httpxr.TransportError: The exchange failed on the way.
        """
        message = _Message.of(request)
        timeouts = Timeouts.of(request)
        release = Release()
        # httpxr's stubs know neither extensions nor raw_host.
        signal = cast("Any", request).extensions.get(ABORT)
        if signal is not None:
            signal.attach(release)
        connection = self._connection(request.url, timeouts, release)
        errors = WireErrors(connection.where, release)
        try:
            response = _exchange(connection, errors, message)
            body = SocketBody(connection, response, errors, timeouts.read)
        except BaseException:
            connection.close()
            raise
        return body.as_response(request)

    def close(self) -> None:
        """Nothing is shared between requests: open responses stay open."""

    def _connection(
        self, url: httpxr.URL, timeouts: Timeouts, release: Release
    ) -> Connection:
        context = self._tls() if url.scheme == "https" else None
        port = _PORTS[url.scheme] if url.port is None else url.port
        host = cast("Any", url).raw_host.decode("ascii")
        return Connection(
            host, port, context=context, timeouts=timeouts, release=release
        )

    def _tls(self) -> ssl.SSLContext:
        # Two threads may both make it: either will do.
        if self._context is None:
            self._context = _tls_context(self._verify)
        return self._context


def _tls_context(
    verify: bool | str | os.PathLike[str] | ssl.SSLContext,
) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
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


@dataclass(frozen=True, slots=True)
class _Message:
    """Everything to send, checked before anything is connected."""

    method: str
    target: str
    fields: Fields
    body: bytes

    @classmethod
    def of(cls, request: httpxr.Request) -> Self:
        _check(request)
        body = _content(request)
        fields = wire_headers(request, CODINGS)
        fields = [f for f in fields if f[0].lower() not in _FRAMING]
        if body or request.method in _EXPECTING_BODY:
            fields.append((b"Content-Length", b"%d" % len(body)))
        target = request.url.raw_path or b"/"
        return cls(request.method, target.decode("ascii"), fields, body)


def _check(request: httpxr.Request) -> None:
    url = request.url
    if url.scheme not in _PORTS:
        raise httpxr.UnsupportedProtocol(
            f"the URL's scheme is {url.scheme!r}; only http and https can be streamed"
        )
    if not url.host:
        raise httpxr.InvalidURL("the URL names no host")
    if not _METHOD.fullmatch(request.method) or _BAD_TARGET.search(url.raw_path):
        raise httpxr.LocalProtocolError(
            f"the request {request.method!r} to {host_of(url).decode()} has a"
            " character that HTTP forbids in its method or path"
        )


def _content(request: httpxr.Request) -> bytes:
    try:
        return request.content
    except httpxr.RequestNotRead:
        pass
    try:
        return request.read()
    except AttributeError as error:
        raise TypeError(
            "this request's body cannot be read here; give bytes or a sync iterator"
        ) from error


def _exchange(
    connection: Connection, errors: WireErrors, message: _Message
) -> LiveResponse:
    with errors.mapped(Stage.CONNECTING):
        connection.connect()
    with errors.mapped(Stage.SENDING):
        connection.ask(message.method, message.target, message.fields, message.body)
    with errors.mapped(Stage.WAITING):
        return connection.answer(message.method)
