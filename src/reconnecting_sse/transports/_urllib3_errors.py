"""What a blocking socket raises, as httpxr's errors: mapped here and nowhere else."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.transports._decoding import DecodingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconnecting_sse.transports._urllib3_connection import Connection

# UnicodeError and ValueError: a host that the resolver or TLS will not take.
_WIRE_ERRORS = (OSError, HTTPException, DecodingError, ValueError)


class Stage(Enum):
    """How far a request had come; the values complete a message."""

    CONNECTING = "could not connect to"
    SENDING = "could not send the request to"
    WAITING = "no response came from"
    READING = "the response was cut off by"


_ADVICE = {
    httpxr.ConnectError: "is the address right, and a server listening there?",
    httpxr.ConnectTimeout: "is the address reachable, and the timeout long enough?",
    httpxr.WriteError: "does the server take such a request?",
    httpxr.ReadTimeout: "is the server alive, and the timeout long enough?",
    httpxr.ReadError: "the request can be made again",
    httpxr.RemoteProtocolError: "does the server, or a proxy, end connections early?",
}


@dataclass(frozen=True, slots=True)
class WireErrors:
    """The mapping for one connection."""

    connection: Connection

    @property
    def where(self) -> str:
        """The hop that failed, for the messages."""
        return self.connection.hop

    @property
    def is_given_up(self) -> bool:
        """Whether the connection was given up on purpose."""
        return self.connection.release.requested

    @contextmanager
    def mapped(self, stage: Stage) -> Iterator[None]:
        try:
            yield
        except _WIRE_ERRORS as error:
            raise self.of(error, stage) from error

    def of(self, error: BaseException, stage: Stage) -> BaseException:
        """The httpxr error for a wire's error; any other is returned as it is."""
        if not isinstance(error, _WIRE_ERRORS):
            return error
        if self.is_given_up:
            return self.closed(stage)
        kind = _kind(error, stage)
        reason, advice = _reason(error), _advice(error, kind)
        return kind(f"{stage.value} {self.where}: {reason}; {advice}")

    def closed(self, stage: Stage) -> httpxr.TransportError:
        """The error for a connection that was given up."""
        is_connecting = stage is Stage.CONNECTING
        kind = httpxr.ConnectError if is_connecting else httpxr.ReadError
        return kind(f"the connection to {self.where} was closed by this program")


def _kind(error: BaseException, stage: Stage) -> type[httpxr.TransportError]:
    if isinstance(error, TimeoutError):
        is_connecting = stage is Stage.CONNECTING
        return httpxr.ConnectTimeout if is_connecting else httpxr.ReadTimeout
    if stage is Stage.CONNECTING:
        return httpxr.ConnectError
    if isinstance(error, HTTPException | ssl.SSLEOFError | DecodingError):
        return httpxr.RemoteProtocolError
    return httpxr.WriteError if stage is Stage.SENDING else httpxr.ReadError


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was rejected ({error.verify_message})"
    if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
        return "what it answered is not HTTP"  # and may be anything: not quoted
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _advice(error: BaseException, kind: type[httpxr.TransportError]) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "trust its authority with verify=, or correct the host name"
    return _ADVICE[kind]
