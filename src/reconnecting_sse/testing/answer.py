"""Playing one step: everything but its end."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from reconnecting_sse.testing.pieces import (
    Compression,
    Identity,
    bare,
    chunked,
    encoded,
)
from reconnecting_sse.testing.script import (
    Answer,
    Close,
    Hang,
    Pause,
    Raw,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconnecting_sse.testing.connection import Connection
    from reconnecting_sse.testing.pieces import Framed
    from reconnecting_sse.testing.script import Ending, RecordedRequest

    Headers = list[tuple[str, str]]

GATE_TIMEOUT = 10.0
"""How long a gate may stay shut."""

_NO_CONTENT = (204, 304)


def play(
    step: Step,
    request: RecordedRequest,
    connection: Connection,
    origins: Mapping[str, str],
) -> Ending:
    """Send what the step says but its end, and return that."""
    if not isinstance(step, Step):
        raise TypeError(f"{step!r} is not a step of a script")
    connection.pause(step.before)
    match step:
        case Answer():
            headers, pieces = _message(step, request)
            connection.send(_head(step, headers, origins))
            return _deliver(pieces, connection, step.end, step.stop_after)
        case Raw():
            raw = encoded(step.body, Identity(), is_finished=False)
            return _deliver(bare(raw), connection, step.end)
        case Hang():
            return "hang"
        case Close():
            return "cut"
        case _:  # Reset; and Refuse, whose request must not look answered
            return "reset"


def _message(
    answer: Answer, request: RecordedRequest
) -> tuple[Headers, Iterable[Framed]]:
    """The headers that tell how the body is sent, and the body, ready to be sent."""
    is_finished = answer.end == "finish"
    headers, encoder = _negotiated(answer, request)
    pieces = encoded(answer.body, encoder, is_finished=is_finished)
    framed: Iterable[Framed]
    if answer.status in _NO_CONTENT:
        return headers, ()
    if answer.framing == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
        framed = chunked(pieces, is_finished=is_finished)
    else:
        framed = bare(pieces)
    if answer.framing == "length":
        framed = list(framed)
        size = sum(len(piece) for piece in framed if isinstance(piece, bytes))
        declared = answer.declared_length
        headers.append(("Content-Length", str(size if declared is None else declared)))
    return headers, () if request.method == "HEAD" else framed


def _negotiated(answer: Answer, request: RecordedRequest) -> tuple[Headers, Identity]:
    offered = (request.header("accept-encoding") or "").lower().split(",")
    names = [name.partition(";")[0].strip() for name in offered]
    if answer.encoding is None or answer.encoding not in names:
        return [], Identity()
    return [("Content-Encoding", answer.encoding)], Compression(answer.encoding)


def _head(answer: Answer, added: Headers, origins: Mapping[str, str]) -> bytes:
    """The interim responses and the head of the final one."""
    lines = []
    for status in answer.interim:
        lines += [_status_line(status), "Link: </style.css>; rel=preload", ""]
    lines.append(_status_line(answer.status, answer.reason))
    headers = [*answer.headers, *added]
    if not any(name.lower() == "connection" for name, _ in headers):
        headers.append(("Connection", "close"))
    for name, value in headers:
        for placeholder, origin in origins.items():
            value = value.replace(placeholder, origin)  # noqa: PLW2901 - builds it up
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _status_line(status: int, reason: str = "") -> str:
    return f"HTTP/1.1 {status} {reason or http.client.responses.get(status, '')}"


def _deliver(
    pieces: Iterable[Framed],
    connection: Connection,
    end: Ending,
    stop_after: int | None = None,
) -> Ending:
    """Send the pieces, at most ``stop_after`` bytes of them; how to end then."""
    left = stop_after
    for piece in pieces:
        if left == 0:
            return "cut" if end == "finish" else end
        match piece:
            case bytes():
                connection.send(piece[:left])
                left = None if left is None else left - min(left, len(piece))
            case Pause():
                connection.pause(piece.seconds)
            case gate:
                if not connection.wait(GATE_TIMEOUT, gate):
                    raise TimeoutError(f"a gate was not set within {GATE_TIMEOUT:g} s")
    return end
