"""What a connection brings behind a head: bytes in, the body's content out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.http1.payload import UntilClose
from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.wire_errors import AnswerError

if TYPE_CHECKING:
    from reconnecting_sse.transports.codings.decoding import Decoder
    from reconnecting_sse.transports.http1.payload import Payload
    from reconnecting_sse.transports.ways.layers import Layers


class Inflow:
    """Undoes layers, framing and content coding, in this order, as bytes come.

    Good bytes before any damage are given first: what ended the body is raised by
    ``is_over``, which is asked where nothing more was given.
    """

    __slots__ = ("_cut", "_decoder", "_has_ended", "_layers", "_payload")

    def __init__(
        self, layers: Layers, payload: Payload, decoder: Decoder | None
    ) -> None:
        self._layers = layers
        self._payload = payload
        self._decoder = decoder
        self._cut: Exception | None = None
        self._has_ended = payload.is_done

    @property
    def is_pending(self) -> bool:
        """Whether there is more content without more bytes."""
        return self._decoder is not None and self._decoder.pending

    def receive(self, raw: bytes) -> bytes:
        """The content that a connection's bytes add; ``b""`` is its end."""
        if self._has_ended:
            return b""
        if not raw:
            self._end()
            return b""
        try:
            data = raw if self._layers.is_plain else self._layers.receive(raw)
        except OSError as error:  # TLS's own
            self._cut = error
            return b""
        return self.pass_on(data)

    def pass_on(self, data: bytes) -> bytes:
        """The content that the body's bytes add."""
        payload = self._payload
        content = payload.feed(data)
        if payload.is_done:
            self._has_ended = True
        elif payload.fault is not None:
            self._cut = AnswerError(Trouble.FRAMING)
        elif self._layers.is_ended:
            self._end()
        return content if self._decoder is None else self._decoded(content)

    def reply(self) -> bytes:
        """What TLS itself wants to have sent."""
        return b"" if self._layers.is_plain else self._layers.outgoing()

    def more(self) -> bytes:
        """The content that is pending."""
        return self._decoded(b"")

    def is_over(self) -> bool:
        """Whether the body has come to its proper end.

        Raises:
            AnswerError: It was cut, or its framing is broken.
            DecodingError: Its content does not decode.
            OSError: TLS failed.
        """
        if self.is_pending:
            return False
        if self._cut is not None:
            raise self._cut
        is_whole = self._decoder is None or self._decoder.is_whole
        if self._has_ended and not is_whole:
            raise DecodingError("the compressed data is incomplete")
        return self._has_ended

    def _end(self) -> None:
        """The connection has ended: properly, or as anyone on the way may end it."""
        layers, payload = self._layers, self._payload
        try:
            layers.receive(b"")
        except OSError as error:  # what TLS was damaged by, after what was good
            self._cut = error
            return
        # RFC 9112, section 9.8: where the end alone ends the body, TLS has to tell it.
        is_told = layers.is_told or not isinstance(payload, UntilClose)
        if payload.may_end and is_told:
            self._has_ended = True
        else:
            self._cut = AnswerError(Trouble.FRAMING)

    def _decoded(self, data: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decode(data)
        except DecodingError as error:
            self._cut = error
            return b""
