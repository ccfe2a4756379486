"""What an aiohttp connection raises, as httpxr's errors: mapped here, nowhere else."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import httpxr
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from reconnecting_sse.transports._aiohttp_silence import SilenceError
from reconnecting_sse.transports._decoding import DecodingError

WIRE_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What a connection's reads raise."""

CONNECT_ERRORS = (aiohttp.ClientError, OSError, ValueError)
"""What connecting raises; ``ValueError`` for names that no resolver or TLS takes."""

_NAME_ERRORS = (aiohttp.ClientConnectorDNSError, socket.gaierror, ValueError)


class ClosedError(OSError):
    """The connection was closed by its owner, or by an abort."""

    def __init__(self) -> None:
        super().__init__("closed by the caller")


class OtherLoopError(OSError):
    """The connection was opened on another event loop, which is what wakes readers."""

    def __init__(self) -> None:
        super().__init__("it belongs to another event loop, and cannot be read on this")


def connect_timeout(where: str, seconds: float | None) -> httpxr.TransportError:
    return httpxr.ConnectTimeout(
        f"{where} could not be connected to within {seconds} s;"
        " is it reachable from here, or does it need longer?"
    )


def headers_timeout(where: str, seconds: float | None) -> httpxr.TransportError:
    return httpxr.ReadTimeout(
        f"{where} sent no complete response headers within {seconds} s;"
        " does it answer before its first event?"
    )


def connect_error(where: str, error: Exception) -> httpxr.TransportError:
    detail = error.__cause__ or error
    if isinstance(error, ClosedError):
        fact, advice = "the attempt was ended", "it was closed by the caller"
    elif isinstance(detail, ssl.SSLCertVerificationError):
        fact = "its certificate was not accepted"
        advice = "pass the CA that signed it as verify="
    elif isinstance(detail, ssl.SSLError):
        fact, advice = "TLS failed", "does it speak TLS on this port?"
    elif isinstance(error, _NAME_ERRORS):
        fact, advice = "its name was not resolved", "is the name right?"
    else:
        fact, advice = "it could not be reached", "is it up, and the port right?"
    return httpxr.ConnectError(f"{where}: {fact} ({detail}); {advice}")


def head_error(
    where: str, error: Exception, *, is_sending: bool
) -> httpxr.TransportError:
    """What ended the exchange before the response's headers were complete."""
    match error:
        case ClosedError():
            return httpxr.ReadError(f"{where}: closed by the caller while it waited")
        case LineTooLong() | HttpProcessingError():
            return httpxr.RemoteProtocolError(
                f"{where} did not answer as HTTP/1.1 should"
                f" ({type(error.__cause__ or error).__name__});"
                " is it an HTTP server, and are its headers of a reasonable size?"
            )
        case aiohttp.ServerDisconnectedError():
            return httpxr.RemoteProtocolError(
                f"{where} closed the connection without a response;"
                " is the server, or a proxy before it, restarting?"
            )
    if is_sending:
        return httpxr.WriteError(
            f"{where} reset the connection while the request was sent ({error});"
            " does it accept a body of this size?"
        )
    return httpxr.ReadError(
        f"{where} reset the connection instead of answering ({error});"
        " is the server, or a proxy before it, restarting?"
    )


def body_error(where: str, error: BaseException) -> httpxr.TransportError:
    """What ended the body before its proper end."""
    match error:
        case SilenceError():
            return httpxr.ReadTimeout(
                f"{where} sent nothing for {error.seconds} s;"
                " does it send comments more often than that?"
            )
        case ClosedError():
            return httpxr.ReadError(f"{where}: the response was closed by the caller")
        case DecodingError():
            return httpxr.RemoteProtocolError(
                f"{where} sent a body that does not decode as its Content-Encoding says"
                f" ({error}); is it compressed twice, or cut?"
            )
        case HttpProcessingError() | aiohttp.ClientPayloadError():
            return httpxr.RemoteProtocolError(
                f"{where} ended the body before its end, or broke its framing;"
                " connect again to go on"
            )
    return httpxr.ReadError(
        f"{where}: the connection was lost within the body ({error});"
        " connect again to go on"
    )
