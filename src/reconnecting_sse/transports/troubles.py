"""What fails on a wire, as httpxr's errors: one table of words for both faces."""

from __future__ import annotations

import os
import socket
import ssl
from enum import Enum
from errno import errorcode

import httpxr

from reconnecting_sse.core.errors import shortened

# Their numbers are not the system's.
_NUMBERED_OTHERWISE = (ssl.SSLError, socket.gaierror)


class Trouble(Enum):
    """What can fail: the error's class, the fact, and what to look at.

    The words are about ``where``, the hop that failed; ``detail`` is a reason or a
    number of seconds.
    """

    # On the way to a connection.
    CONNECT_TIMEOUT = (
        httpxr.ConnectTimeout,
        "{where} could not be connected to within {detail} s",
        "is it reachable from here, or does it need longer?",
    )
    UNREAD = (
        httpxr.ConnectError,
        "{where}: the certificates to check it with could not be read ({detail})",
        "are too many files or connections open?",
    )
    NAME_TIMEOUT = (
        httpxr.ConnectTimeout,
        "{where}: its name was not resolved within {detail} s",
        "does the resolver of this machine answer?",
    )
    TLS_TIMEOUT = (
        httpxr.ConnectTimeout,
        "{where} is connected, but its TLS handshake was not done within {detail} s",
        "does it speak TLS on this port?",
    )
    TUNNEL_TIMEOUT = (
        httpxr.ConnectTimeout,
        "{where}: the proxy is connected, but opened no way within {detail} s",
        "is it a proxy of this kind, and can it reach that host?",
    )
    CERTIFICATE = (
        httpxr.ConnectError,
        "{where}: its certificate was rejected ({detail})",
        "it needs another one",
    )
    CERTIFICATE_DATES = (
        httpxr.ConnectError,
        "{where}: its certificate was rejected ({detail})",
        "it has to be renewed there, unless the clock here is wrong",
    )
    CERTIFICATE_NAME = (
        httpxr.ConnectError,
        "{where}: its certificate was rejected ({detail})",
        "correct the host name",
    )
    CERTIFICATE_AUTHORITY = (
        httpxr.ConnectError,
        "{where}: its certificate was rejected ({detail})",
        "trust its authority with verify=, or correct the host name",
    )
    TLS = (
        httpxr.ConnectError,
        "{where}: TLS failed ({detail})",
        "does it speak TLS on this port?",
    )
    BROKEN_OFF = (
        httpxr.ConnectError,
        "{where} broke off the connection as soon as it was open",
        "does it speak TLS on this port, or is it restarting?",
    )
    NAME = (
        httpxr.ConnectError,
        "{where}: its name was not resolved ({detail})",
        "is the name right?",
    )
    CONNECTION = (
        httpxr.ConnectError,
        "could not connect to {where}: {detail}",
        "is the address right, and a server listening there?",
    )

    # From there to the end of the response's headers.
    HEADERS_TIMEOUT = (
        httpxr.ReadTimeout,
        "{where} sent no complete response headers within {detail} s",
        "does it answer before its first event?",
    )
    HEADERS_HELD_BACK = (
        httpxr.ReadTimeout,
        "{where} sent no complete response headers within {detail} s",
        (
            "does it answer before its first event? A server that compresses without"
            " flushing holds even these back: ask for Accept-Encoding: identity"
        ),
    )
    REQUEST = (
        httpxr.WriteError,
        "{where} broke off the connection while the request was sent ({detail})",
        "does it accept a request of this size?",
    )
    RESET = (
        httpxr.ReadError,
        "{where} broke off the connection instead of answering ({detail})",
        "is the server, or a proxy before it, restarting?",
    )
    UNANSWERED = (
        httpxr.RemoteProtocolError,
        "{where} closed the connection without a complete response",
        "is the server, or a proxy before it, restarting?",
    )
    NOT_HTTP = (
        httpxr.RemoteProtocolError,
        "{where} did not answer as HTTP/1.1 should ({detail})",
        "is it an HTTP server, and are its headers of a reasonable size?",
    )
    TLS_ANSWER = (
        httpxr.RemoteProtocolError,
        "{where} answered in TLS, not in HTTP",
        "does it want https?",
    )

    # Within the body.
    SILENCE = (
        httpxr.ReadTimeout,
        "{where} sent nothing for {detail} s",
        "does it send comments more often than that?",
    )
    HELD_BACK = (
        httpxr.ReadTimeout,
        (
            "{where} sent nothing for {detail}:"
            " a server that compresses without flushing holds events back"
        ),
        "ask for Accept-Encoding: identity, or have it flush",
    )
    CODING = (
        httpxr.RemoteProtocolError,
        "{where} sent a body that does not decode as Content-Encoding says ({detail})",
        "is it compressed twice, or cut?",
    )
    FRAMING = (
        httpxr.RemoteProtocolError,
        "{where} ended the body before its end, or broke its framing",
        "connect again to go on",
    )
    LOSS = (
        httpxr.ReadError,
        "{where}: the connection was lost within the body ({detail})",
        "connect again to go on",
    )

    def __init__(
        self, kind: type[httpxr.TransportError], fact: str, advice: str
    ) -> None:
        self.kind = kind
        self.words: str = f"{fact}; {advice}"

    def at(self, where: str, detail: str = "") -> httpxr.TransportError:
        where, detail = shortened(where), shortened(detail)
        return self.kind(self.words.format(where=where, detail=detail))

    def within(
        self, where: str, seconds: float | None, more: str = ""
    ) -> httpxr.TransportError:
        """The same, where the detail is how long was waited; ``more`` follows."""
        return self.at(where, str(seconds).removesuffix(".0") + more)


# By OpenSSL's code (X509_V_ERR_…): what to do depends on it.
_REJECTIONS = {
    **dict.fromkeys((9, 10), Trouble.CERTIFICATE_DATES),
    **dict.fromkeys((62, 63, 64), Trouble.CERTIFICATE_NAME),
    **dict.fromkeys((2, 18, 19, 20, 21), Trouble.CERTIFICATE_AUTHORITY),
}


def not_connected(where: str, error: BaseException) -> httpxr.TransportError:
    """Why there is no connection."""
    detail = error.__cause__ or error
    # The order counts: a rejected certificate is an SSLError and a ValueError, too.
    match detail:
        case ssl.SSLCertVerificationError():
            code = getattr(detail, "verify_code", 0)
            trouble = _REJECTIONS.get(code, Trouble.CERTIFICATE)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionResetError():
            trouble = Trouble.BROKEN_OFF
        case ssl.SSLError():
            trouble = Trouble.TLS
        case socket.gaierror() | ValueError():
            # ValueError: a name that the resolver or TLS will not take.
            trouble = Trouble.NAME
        case _:
            trouble = Trouble.CONNECTION
    return trouble.at(where, reason(detail))


def reason(error: BaseException) -> str:
    """What it says, without its number and what else the message tells already."""
    number = getattr(error, "errno", 0)
    if number in errorcode and not isinstance(error, _NUMBERED_OTHERWISE):
        return os.strerror(number)
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return said or str(error) or type(error).__name__
