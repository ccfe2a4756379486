"""What fails on a wire, as httpxr's errors: mapped here and nowhere else."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

import httpxr

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.http1.faults import MalformedError
from reconnecting_sse.transports.troubles import Trouble, not_connected, reason

if TYPE_CHECKING:
    from reconnecting_sse.transports.http1.faults import Fault
    from reconnecting_sse.transports.timeouts import Timeouts
    from reconnecting_sse.transports.ways.way import Way


class Stage(Enum):
    """How far a request has come."""

    CONNECTING = auto()
    ANSWERING = auto()
    READING = auto()


class Wire(Protocol):
    """What the mapping asks either driver."""

    @property
    def is_sending(self) -> bool:
        """Whether the request was not read to its end."""

    @property
    def is_given_up(self) -> bool:
        """Whether the connection was given up on purpose."""


class ClosedError(Exception):
    """The connection was given up by this program."""


class SilenceError(Exception):
    """Nothing came for as long as the reader would wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing came for {seconds} s")
        self.seconds = seconds


class AnswerError(Exception):
    """What came is not, or not yet, what it should be."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(detail or trouble.name)
        self.trouble = trouble
        self.detail = detail


def malformed(fault: Fault) -> AnswerError:
    """The error for a head, or its framing, that is none."""
    detail = "" if fault.is_tls else fault.message
    trouble = Trouble.TLS_ANSWER if fault.is_tls else Trouble.NOT_HTTP
    error = AnswerError(trouble, detail)
    error.__cause__ = MalformedError(fault.message)
    return error


OF_THE_WIRE = (OSError, DecodingError, AnswerError, ClosedError, SilenceError)
# A host that the resolver or TLS will not take; later a ValueError is a stranger's.
_OF_CONNECTING = (*OF_THE_WIRE, ValueError)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A block whose errors of the wire are raised as httpxr's.

    No generator: from Python 3.12 on the frames of one that raises hold each other, and
    with them the request, until the collector comes.
    """

    errors: WireErrors
    stage: Stage

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> None:
        is_connecting = self.stage is Stage.CONNECTING
        if isinstance(error, _OF_CONNECTING if is_connecting else OF_THE_WIRE):
            raise self.errors.of(error, self.stage) from error


@dataclass(frozen=True, slots=True)
class WireErrors:
    """The mapping for one connection.

    Attributes:
        timeouts: What may have passed.
        coding: What may hold an answer back: first the content codings that were
            offered, then the one that came.
    """

    timeouts: Timeouts
    way: Way
    wire: Wire
    coding: str = ""

    @property
    def where(self) -> str:
        """What the connection leads to at this moment, as messages name it."""
        return shortened(self.way.hop)

    def read_after_close(self) -> httpxr.TransportError:
        """The error for whoever reads a body that is closed."""
        return httpxr.ReadError(
            f"the response from {self.where} is closed; make a new request"
        )

    def mapped(self, stage: Stage) -> Mapped:
        """Raise what the block raises as one of httpxr's errors."""
        return Mapped(self, stage)

    def of(self, error: Exception, stage: Stage) -> httpxr.TransportError:
        """The httpxr error for one of the wire's."""
        where = self.where
        if isinstance(error, ClosedError) or self.wire.is_given_up:
            is_connecting = stage is Stage.CONNECTING
            kind = httpxr.ConnectError if is_connecting else httpxr.ReadError
            return kind(f"the connection to {where} was closed by this program")
        if stage is Stage.READING:
            return self._not_read(where, error)
        if stage is Stage.ANSWERING:
            return self._not_answered(where, error)
        return self._not_connected(where, error)

    def _not_connected(self, where: str, error: Exception) -> httpxr.TransportError:
        if _is_late(error):
            return self.way.late.within(where, self.timeouts.connect)
        return not_connected(where, error)

    def _not_answered(self, where: str, error: Exception) -> httpxr.TransportError:
        if _is_late(error):
            held = Trouble.HEADERS_HELD_BACK if self.coding else Trouble.HEADERS_TIMEOUT
            return held.within(where, self.timeouts.headers)
        is_end = isinstance(error, ssl.SSLEOFError) or _is(error, Trouble.UNANSWERED)
        if self.wire.is_sending and (is_end or isinstance(error, OSError)):
            return Trouble.REQUEST.at(where, reason(error))
        if isinstance(error, AnswerError):
            return error.trouble.at(where, error.detail)
        trouble = Trouble.UNANSWERED if is_end else Trouble.RESET
        return trouble.at(where, reason(error))

    def _not_read(self, where: str, error: Exception) -> httpxr.TransportError:
        match error:
            case SilenceError() if self.coding:
                kind = f" s of a {self.coding} stream"
                return Trouble.HELD_BACK.within(where, error.seconds, kind)
            case SilenceError():
                return Trouble.SILENCE.within(where, error.seconds)
            case DecodingError():
                return Trouble.CODING.at(where, reason(error))
            case AnswerError():
                return error.trouble.at(where, error.detail)
            case ssl.SSLEOFError():
                return Trouble.FRAMING.at(where)
        return Trouble.LOSS.at(where, reason(error))


def _is_late(error: BaseException) -> bool:
    # The system has timeouts, too; its own have a number.
    return isinstance(error, TimeoutError) and error.errno is None


def _is(error: BaseException, trouble: Trouble) -> bool:
    return isinstance(error, AnswerError) and error.trouble is trouble


def without_frames(error: Exception) -> Exception:
    """The error, as it may be kept: its frames would hold who read, and be held."""
    error.__traceback__ = None
    return error
