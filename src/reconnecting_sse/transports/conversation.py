"""One request and its answer, as steps: what both drivers run, and neither decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.transports.codings.codings import decoder_for
from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.framing import payload_of
from reconnecting_sse.transports.http1.head import HeadReader
from reconnecting_sse.transports.http1.payload import Nothing
from reconnecting_sse.transports.inflow import Inflow
from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.wire_errors import AnswerError, malformed

if TYPE_CHECKING:
    from reconnecting_sse.transports.http1.head import Head
    from reconnecting_sse.transports.ways.layers import Layers
    from reconnecting_sse.transports.ways.steps import Steps


# To encrypt a large message whole would keep a loop, or an abort, waiting.
_SLICE = 1 << 18


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer whose head is complete.

    Attributes:
        inflow: What the connection brings from here on.
        first: The content that came along with the head.
        is_decoded: Whether the content coding is undone.
    """

    head: Head
    inflow: Inflow
    first: bytes
    is_decoded: bool


def asked(layers: Layers, method: str, message: bytes) -> Steps[Answered]:
    """Send the message; the final response, once its head is complete.

    Raises:
        AnswerError: There is no answer, or it is not HTTP.
    """
    for start in range(0, len(message), _SLICE):
        yield layers.send(message[start : start + _SLICE])
    reader = HeadReader()
    arrived = layers.receive(b"")  # it may have come along with a handshake
    while (head := reader.receive(arrived)) is None:
        raw = yield None
        arrived = layers.receive(raw) if raw else b""
        if not arrived and (not raw or layers.is_ended):
            raise AnswerError(Trouble.UNANSWERED)
    if isinstance(head, Fault):
        raise malformed(head)
    return _answered(layers, method, head, reader.rest)


def _answered(layers: Layers, method: str, head: Head, rest: bytes) -> Answered:
    payload = payload_of(head, method)
    if isinstance(payload, Fault):
        raise malformed(payload)
    is_empty = isinstance(payload, Nothing)
    decoder = None if is_empty else decoder_for(head.members(b"content-encoding"))
    inflow = Inflow(layers, payload, decoder)
    first = inflow.pass_on(rest) if rest and not payload.is_done else b""
    return Answered(head, inflow, first, decoder is not None)
