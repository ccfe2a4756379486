"""Wire errors as errors of this package, in one place."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TypeVar

import httpxr

from reconnecting_sse.core.answer import doubt_about_id
from reconnecting_sse.core.errors import (
    CertificateRejected,
    ConnectionFailed,
    StreamError,
    StreamInterrupted,
    UnexpectedStatus,
    printable,
    redacted,
)
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.transports.http1.faults import MalformedError
from reconnecting_sse.transports.ways.environment import UnusableProxyError
from reconnecting_sse.transports.ways.trust import UnusableFileError

PERMANENT = (
    httpxr.UnsupportedProtocol,
    httpxr.LocalProtocolError,
    UnusableFileError,
    UnusableProxyError,
)
"""Errors of a wire that say the request, or what the wire was told, is wrong: another
attempt cannot help."""

_BEFORE_SENDING = (
    httpxr.ConnectError,
    httpxr.ConnectTimeout,
    httpxr.PoolTimeout,
    httpxr.ProxyError,
    # what a transport that is not ours may let through
    ConnectionRefusedError,
    socket.gaierror,
    ssl.SSLCertVerificationError,
)
# How a server may answer to a request that is too large for it.
_CLOSED = (httpxr.ReadError, httpxr.RemoteProtocolError, httpxr.WriteError)

_Error = TypeVar("_Error", bound=BaseException)

# From the beginning of a word only: to try each of its letters is quadratic.
_URL = re.compile(r"(?<!\w)\w++://\S+")
_NOT_THE_CLIENTS_TLS = (
    " (the client's own verify= and cert= cannot be read back, so they were not"
    " used: pass a transport of this package to the client)"
)


def failed_attempt(
    error: httpxr.HTTPError, url: str, *, substituted: bool, id_bytes: int = 0
) -> Failure:
    """An attempt that got no usable response; its ID had ``id_bytes``."""
    kind: type[StreamError] = ConnectionFailed
    if cause_of(error, ssl.SSLCertVerificationError):
        kind = CertificateRejected
    status = getattr(error, "status", None)  # a proxy's, where one refused
    if status is not None:
        kind = UnexpectedStatus
    hint = _tls_hint(error, substituted=substituted)
    if isinstance(error, _CLOSED) and (doubt := doubt_about_id(id_bytes)):
        hint += f" ({doubt})"
    message = f"{redacted(url)}: {_described(error)}{hint}"
    failure = kind(message, url=url, status=status)
    failure.__cause__ = error
    return Failure(failure, malformed=cause_of(error, MalformedError) is not None)


def was_never_sent(error: httpxr.HTTPError) -> bool:
    """Whether the wire failed before it could send anything of the request."""
    return any(cause_of(error, early) for early in _BEFORE_SENDING)


def cut_stream(error: httpxr.HTTPError, url: str) -> Failure:
    """An open stream that broke off."""
    failure = StreamInterrupted(
        f"the stream of {redacted(url)} was interrupted: {_described(error)}", url=url
    )
    failure.__cause__ = error
    return Failure(failure, silent=isinstance(error, httpxr.ReadTimeout))


def explain(error: httpxr.ConnectError, *, substituted: bool) -> None:
    """Raise the same error with a hint, where there is one to give."""
    hint = _tls_hint(error, substituted=substituted)
    if hint:
        raise type(error)(f"{error}{hint}") from error


def _tls_hint(error: httpxr.HTTPError, *, substituted: bool) -> str:
    is_tls = cause_of(error, ssl.SSLError) is not None
    return _NOT_THE_CLIENTS_TLS if substituted and is_tls else ""


def _described(error: BaseException) -> str:
    # What quotes a URL may quote a secret; what quotes a server may forge a log line.
    text = _URL.sub(lambda url: redacted(url[0]), str(error))
    text = printable(text)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def cause_of(error: BaseException | None, kind: type[_Error]) -> _Error | None:
    """The error of this kind that it is, or that caused it; None for none."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__
    return None
