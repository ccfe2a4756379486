"""What a script is made of: one step answers one request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl

EVENT_STREAM = (("Content-Type", "text/event-stream"),)

Ending: TypeAlias = Literal["finish", "cut", "reset", "hang"]
"""How an answer ends.

``finish`` ends it as its framing says, ``cut`` closes the connection without that,
``reset`` sends a TCP reset, ``hang`` keeps it open, silent, until the client leaves.
"""

Origin: TypeAlias = Literal["main", "other"]
"""Which of a server's two listeners."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PartOfChunk:
    """Bytes of an HTTP chunk that is larger than they are.

    Attributes:
        data: The bytes to send now.
        size: The whole chunk's size, when it begins; None goes on with it. Its end
            is sent when it is full, or never.
    """

    data: str | bytes
    size: int | None = None


Piece: TypeAlias = str | bytes | Pause | PartOfChunk | threading.Event
"""Part of a body: text (as UTF-8), bytes, or something to wait for.

Each text or bytes is one HTTP chunk of a chunked body, and flushed through the encoder.
An event is a gate: the server goes on when it is set, and gives up after 10 s.
"""

Body: TypeAlias = Iterable[Piece] | bytes
"""Pieces, made as they are sent if the iterable is lazy; or one text or bytes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps have in common.

    Attributes:
        before: Seconds between the request and the first byte of the answer.
    """

    before: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Answer(Step):
    """An HTTP response; without arguments an event stream that ends at once.

    Attributes:
        status: The status code; 204, 304 and answers to HEAD have no body.
        headers: Sent as given, in Latin-1; ``{origin}`` and ``{other}`` stand for the
            origins of the two listeners. ``Connection: close`` is added if missing.
        body: The pieces of the body.
        framing: ``chunked``, ``length`` (Content-Length), or ``close``: the
            connection's end is the body's.
        end: How the answer ends, once the body is sent.
        stop_after: Bytes of the body, encoded and framed, after which the end comes
            early: anywhere in an event, a character or a chunk's size. It cannot
            ``finish`` then, and is ``cut``.
        encoding: A content encoding to apply, if the request accepts it.
        declared_length: What Content-Length claims, with ``framing="length"``.
        interim: Statuses of interim (1xx) responses to send first.
        reason: The reason phrase; the status's usual one if empty.
        listener: Where the request must have come in not to be ``unexpected``.
    """

    status: int = 200
    headers: Iterable[tuple[str, str]] = EVENT_STREAM
    body: Body = ()
    framing: Literal["chunked", "length", "close"] = "chunked"
    end: Ending = "finish"
    stop_after: int | None = None
    encoding: Literal["gzip", "deflate"] | None = None
    declared_length: int | None = None
    interim: Sequence[int] = ()
    reason: str = ""
    listener: Origin = "main"


@dataclass(frozen=True, slots=True)
class Raw(Step):
    """Bytes instead of an HTTP response: garbage, or a response written by hand."""

    body: Body
    end: Ending = "finish"


@dataclass(frozen=True, slots=True)
class Close(Step):
    """Close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Reset the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Hang(Step):
    """Answer nothing, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Refuse(Step):
    """Refuse connections to the main listener.

    In a list of steps: while the connection before it lasts, so that no reconnect can
    slip in, and for ``seconds`` after its end. It answers no request of its own. From
    a callable: the request at hand gets no answer, and then connections are refused.
    """

    seconds: float


@dataclass(slots=True)
class RecordedRequest:
    """A request as it came in.

    Attributes:
        method: As sent.
        target: Path and query, as sent.
        headers: In order, names in lower case, values in Latin-1.
        body: Without its framing.
        listener: Which listener it came to.
        unexpected: Nothing in the script was meant for it.
        at: When it was complete, in seconds of ``time.monotonic``.
        closed_by_client: Set when the client left before the answer's end.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    listener: Origin = "main"
    unexpected: bool = False
    at: float = field(default_factory=time.monotonic)
    closed_by_client: threading.Event = field(
        default_factory=threading.Event, compare=False
    )

    def header(self, name: str) -> str | None:
        """The first value of the header of that name, in any letter case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def query(self, name: str) -> str | None:
        """The first value of the query's parameter of that name, decoded."""
        given = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        return next((value for key, value in given if key == name), None)


Handler: TypeAlias = Callable[[RecordedRequest], Step]
"""Decides on a step when the request is there. It runs in the connection's thread."""

Script: TypeAlias = Sequence[Step | Handler] | Handler
"""Steps for the requests to come, in order; or one handler for all of them."""
