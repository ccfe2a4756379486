"""One request and its answer, as steps: what both drivers run, and neither decides."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.media import content_codings
from reconnecting_sse.transports.body import reads_live
from reconnecting_sse.transports.codings.codings import decoder_for, without_coding
from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.framing import payload_of
from reconnecting_sse.transports.http1.head import HeadReader
from reconnecting_sse.transports.http1.message import Message
from reconnecting_sse.transports.http1.payload import Nothing
from reconnecting_sse.transports.inflow import Inflow
from reconnecting_sse.transports.timeouts import Timeouts
from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.ways.refusals import refuse_login
from reconnecting_sse.transports.ways.steps import Dial, Resolve, Within
from reconnecting_sse.transports.ways.way import Way
from reconnecting_sse.transports.wire_errors import (
    AnswerError,
    Stage,
    WireErrors,
    malformed,
)

if TYPE_CHECKING:
    from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody
    from reconnecting_sse.transports.http1.head import Head
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Address, AllSteps, Steps
    from reconnecting_sse.transports.ways.trust import Contexts
    from reconnecting_sse.transports.wire_errors import Wire

# To encrypt a large message whole would keep a loop, or an abort, waiting.
_SLICE = 1 << 18


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer whose head is complete.

    Attributes:
        inflow: What the connection brings from here on.
        first: The content that came along with the head.
        coding: The content coding that is undone, or an empty string.
        is_empty: Whether it is one that has no content.
    """

    head: Head
    inflow: Inflow
    first: bytes
    coding: str
    is_empty: bool


class Conversation:
    """One request's exchange of bytes.

    Attributes:
        timeouts: The request's.
        errors: What it may end with, as httpxr's.

    Raises:
        httpxr.LocalProtocolError: The request cannot be sent as it is.
    """

    def __init__(
        self,
        request: httpxr.Request,
        content: bytes,
        route: Route,
        contexts: Contexts,
        wire: Wire,
    ) -> None:
        self._request = request
        message = Message.of(request, route)
        self._message = message.with_body(content)
        self._route = route
        self._way = Way(route, contexts)
        self.timeouts: Timeouts = Timeouts.of(request)
        offered = ", ".join(message.offered)
        self.errors: WireErrors = WireErrors(self.timeouts, self._way, wire, offered)

    def steps(self) -> AllSteps[Answered]:
        """Connect and ask; the final response, once its head is complete.

        Raises:
            httpxr.TransportError: There is none.
        """
        with self.errors.mapped(Stage.CONNECTING):
            yield Within(self.timeouts.connect)
            yield from self._connected()
        with self.errors.mapped(Stage.ANSWERING):
            yield Within(self.timeouts.headers)
            steps = asked(self._way, self._request.method, self._message)
            answered = yield from steps
            yield Within(None)  # from here on each read has a time of its own
        refuse_login(self._route, answered.head.status)
        return answered

    def _connected(self) -> AllSteps[None]:
        route, way = self._route, self._way
        if route.uds is None:
            addresses = yield from self._resolved(*route.address)
        else:
            addresses = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", route.uds)]
        way.late = Trouble.CONNECT_TIMEOUT
        yield Dial(addresses)
        target, port = route.target
        if route.proxy is not None and not route.proxy.resolves_names:
            way.hop = route.tunnel
            found = yield from self._resolved(target, port)
            target = str(found[0][4][0])
        yield from way.opened(target)

    def _resolved(self, host: str, port: int) -> AllSteps[list[Address]]:
        self._way.late = Trouble.NAME_TIMEOUT
        found: list[Address] = yield Resolve(host, port)
        return found

    def errors_within(self, answered: Answered) -> WireErrors:
        """What the answer's body may end with."""
        return replace(self.errors, coding=answered.coding)

    def is_live(self, answered: Answered) -> bool:
        """Whether the body is to be read as it arrives."""
        types = answered.head.values(b"content-type")
        fields = tuple(("content-type", value.decode("latin-1")) for value in types)
        answer = Answer(answered.head.status, fields)
        return not answered.is_empty and reads_live(self._request, answer)

    def response(
        self, answered: Answered, body: LiveBody | AsyncLiveBody | bytes
    ) -> httpxr.Response:
        """What httpxr makes of it, its body read whole or not at all."""
        head = answered.head
        fields = without_coding(head.fields) if answered.coding else head.fields
        kind = "content" if isinstance(body, bytes) else "stream"
        return httpxr.Response(
            head.status,
            headers=cast("Any", fields),  # bytes, too, whatever the stubs say
            request=self._request,
            extensions={"http_version": head.version, "reason_phrase": head.reason},
            **cast("Any", {kind: body}),
        )


def asked(way: Way, method: str, message: bytes) -> Steps[Answered]:
    """Send the message; the final response, once its head is complete.

    Raises:
        AnswerError: There is no answer, or it is not HTTP.
    """
    layers, reader = way.layers, HeadReader()
    for start in range(0, len(message), _SLICE):
        yield layers.send(message[start : start + _SLICE])
    arrived = layers.receive(b"")  # it may have come along with a handshake
    while (head := reader.receive(arrived)) is None:
        # TLS may have told the end on a connection that stays open.
        raw = b"" if layers.is_ended else (yield None)
        arrived = layers.receive(raw)
        if reply := layers.outgoing():  # TLS 1.2 may be negotiated anew first
            yield reply
        if not raw:
            raise AnswerError(Trouble.UNANSWERED)
    if isinstance(head, Fault):
        raise malformed(head)
    payload = payload_of(head, method)
    if isinstance(payload, Fault):
        raise malformed(payload)
    codings = content_codings(head.members(b"content-encoding"))
    decoder = None if isinstance(payload, Nothing) else decoder_for(codings)
    inflow = Inflow(layers, payload, decoder)
    first = b"" if payload.is_done else inflow.pass_on(reader.rest)
    coding = ", ".join(codings) if decoder else ""
    return Answered(head, inflow, first, coding, isinstance(payload, Nothing))
