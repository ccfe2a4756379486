"""Codings in a row (RFC 9110, section 8.4): what was done last is undone first."""

from __future__ import annotations

from reconnecting_sse.transports.codings.decoding import Decoder


class Chained(Decoder):
    """Undoes the outer coding, and in what that gives the inner one.

    One step is one of each at the most: a little of the one may be much to the other.
    """

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner
        self._tail = b""

    @property
    def is_whole(self) -> bool:
        return self._outer.is_whole and self._inner.is_whole

    def decode(self, data: bytes) -> bytes:
        data, self._tail = self._tail + data, b""
        if self._inner.pending:
            self._tail, between = data, b""
        else:
            between = self._outer.decode(data)
        output = self._inner.decode(between)
        self.pending: bool = (
            self._inner.pending or self._outer.pending or bool(self._tail)
        )
        return output
