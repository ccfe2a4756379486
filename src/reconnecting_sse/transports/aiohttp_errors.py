"""What an aiohttp connection raises, as httpxr's errors: mapped here, nowhere else."""

from __future__ import annotations

import re

import aiohttp
import httpxr
from aiohttp.http_exceptions import HttpProcessingError

from reconnecting_sse.transports.aiohttp_silence import SilenceError
from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.troubles import Trouble, not_connected, reason

WIRE_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What a connection's reads raise."""

CONNECT_ERRORS = (aiohttp.ClientError, OSError, ValueError)
"""What connecting raises; ``ValueError`` for names that no resolver or TLS takes."""

# How its parsers quote an answer that begins as a TLS alert or handshake does.
_TLS_ANSWER = re.compile(r"""['"]\\x1[56]\\x03""")


class ClosedError(OSError):
    """The connection was closed by its owner, or by an abort."""

    def __init__(self) -> None:
        super().__init__("closed by the caller")


class OtherLoopError(OSError):
    """The connection was opened on another event loop, which is what wakes readers."""

    def __init__(self) -> None:
        super().__init__("it belongs to another event loop, and cannot be read on this")


def connect_timeout(where: str, seconds: float | None) -> httpxr.TransportError:
    return Trouble.CONNECT_TIMEOUT.within(where, seconds)


def headers_timeout(where: str, seconds: float | None) -> httpxr.TransportError:
    return Trouble.HEADERS_TIMEOUT.within(where, seconds)


def connect_error(where: str, error: Exception) -> httpxr.TransportError:
    if isinstance(error, ClosedError):
        return httpxr.ConnectError(f"{where}: closed by the caller while it connected")
    return not_connected(where, error)


def head_error(
    where: str, error: Exception, *, is_sending: bool
) -> httpxr.TransportError:
    """What ended the exchange before the response's headers were complete."""
    detail = error.__cause__ or error
    match error:
        case ClosedError():
            return httpxr.ReadError(f"{where}: closed by the caller while it waited")
        case HttpProcessingError() if _TLS_ANSWER.search(str(detail)):
            return Trouble.TLS_ANSWER.at(where)
        case HttpProcessingError():
            # What it says quotes the answer, which may be anything.
            return Trouble.NOT_HTTP.at(where, type(detail).__name__)
        case aiohttp.ServerDisconnectedError():
            return Trouble.UNANSWERED.at(where)
    trouble = Trouble.REQUEST if is_sending else Trouble.RESET
    return trouble.at(where, reason(detail))


def body_error(where: str, error: BaseException) -> httpxr.TransportError:
    """What ended the body before its proper end."""
    match error:
        case SilenceError():
            return Trouble.SILENCE.within(where, error.seconds)
        case ClosedError():
            return httpxr.ReadError(f"{where}: the response was closed by the caller")
        case DecodingError():
            return Trouble.CODING.at(where, reason(error))
        case HttpProcessingError() | aiohttp.ClientPayloadError():
            return Trouble.FRAMING.at(where)
    return Trouble.LOSS.at(where, reason(error.__cause__ or error))
