"""What a blocking socket raises, as httpxr's errors: mapped here and nowhere else."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.http1.head_limits import TLSAnswer
from reconnecting_sse.transports.troubles import Trouble, not_connected, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconnecting_sse.transports.urllib3_connection import Connection

# UnicodeError and ValueError: a host that the resolver or TLS will not take.
_WIRE_ERRORS = (OSError, HTTPException, DecodingError, ValueError)


class Stage(Enum):
    """How far a request had come."""

    CONNECTING = auto()
    SENDING = auto()
    WAITING = auto()
    READING = auto()


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

    def of(
        self, error: BaseException, stage: Stage, *, silence: float | None = None
    ) -> BaseException:
        """The httpxr error for a wire's error; any other is returned as it is.

        ``silence`` is how long a read of the body would have waited.
        """
        if not isinstance(error, _WIRE_ERRORS):
            return error
        if self.is_given_up:
            return self.closed(stage)
        # The system has timeouts, too; its own have a number.
        if isinstance(error, TimeoutError) and error.errno is None:
            return self._late(stage, silence)
        if stage is Stage.CONNECTING:
            return not_connected(self.where, error)
        if stage is Stage.READING:
            return _in_body(error).at(self.where, reason(error))
        return _in_head(error, stage).at(self.where, _fault(error))

    def closed(self, stage: Stage) -> httpxr.TransportError:
        """The error for a connection that was given up."""
        is_connecting = stage is Stage.CONNECTING
        kind = httpxr.ConnectError if is_connecting else httpxr.ReadError
        return kind(f"the connection to {self.where} was closed by this program")

    def _late(self, stage: Stage, silence: float | None) -> httpxr.TransportError:
        timeouts = self.connection.timeouts
        if stage is Stage.CONNECTING:
            return Trouble.CONNECT_TIMEOUT.within(self.where, timeouts.connect)
        if stage is Stage.READING:
            return Trouble.SILENCE.within(self.where, silence)
        return Trouble.HEADERS_TIMEOUT.within(self.where, timeouts.headers)


def _in_head(error: BaseException, stage: Stage) -> Trouble:
    match error:
        case RemoteDisconnected() | ssl.SSLEOFError():
            return Trouble.UNANSWERED
        case TLSAnswer():
            return Trouble.TLS_ANSWER
        case HTTPException():
            return Trouble.NOT_HTTP
    return Trouble.REQUEST if stage is Stage.SENDING else Trouble.RESET


def _in_body(error: BaseException) -> Trouble:
    match error:
        case DecodingError():
            return Trouble.CODING
        case HTTPException() | ssl.SSLEOFError():
            return Trouble.FRAMING
    return Trouble.LOSS


def _fault(error: BaseException) -> str:
    # What http.client's own say quotes the answer, which may be anything.
    if isinstance(error, HTTPException) and type(error) is not HTTPException:
        return type(error).__name__
    return reason(error)
