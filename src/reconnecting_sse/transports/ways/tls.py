"""One layer of TLS over bytes that come and go, without a socket."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconnecting_sse.transports.ways.steps import Steps

# RFC 8446, section 5.1: no record holds more, so one read takes all of one.
_RECORD = 1 << 14

# What the BIOs are handed at a time: they never shrink. In pieces as large as a record
# an idle stream would hold 41 KB after a burst instead of 26 KB (and 21 KB without).
_PIECE = 1 << 12


class TLSLayer:
    """A client's end of TLS.

    Attributes:
        is_told: The peer has said that this is the end (RFC 9112, section 9.8).
        is_ended: It has, or the records are damaged: nothing more can be read.

    Raises:
        ValueError: TLS does not take such a name.
    """

    __slots__ = ("_damage", "_incoming", "_outgoing", "_tls", "is_ended", "is_told")

    def __init__(self, context: ssl.SSLContext, server_hostname: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # RFC 6066, section 3: without the root's dot.
        name = server_hostname.removesuffix(".")
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name
        )
        self._damage: list[ssl.SSLError] = []
        self.is_told: bool = False
        self.is_ended: bool = False

    def handshake(self) -> Steps[None]:
        """The steps to a secured connection; what came behind them is kept.

        Raises:
            ssl.SSLError: There is none.
        """
        try:
            while not self._is_established():
                yield from self._sent()
                yield from self._arrived()
        except ssl.SSLError:
            with suppress(OSError):
                yield from self._sent()  # the alert, for who reads it
            raise
        yield from self._sent()

    def _is_established(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def _sent(self) -> Steps[None]:
        if flight := self.outgoing():
            yield flight

    def _arrived(self) -> Steps[None]:
        data = yield None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def receive(self, data: bytes) -> bytes:
        """What is complete with these bytes: nothing, or all of it.

        Raises:
            ssl.SSLError: The records are damaged, or the peer broke off; all that was
                good has been returned before.
        """
        if self.is_ended:
            data = b""
        if len(data) <= _PIECE:
            plaintext = self._read(data)
        else:
            plaintext = b"".join(map(self._read, _pieces(data)))
        if self._damage and not plaintext:
            raise self._damage.pop()
        return plaintext

    def _read(self, data: bytes) -> bytes:
        incoming, parts = self._incoming, []
        incoming.write(data)
        try:
            # Not until it wants more: the exception takes longer than a record.
            while incoming.pending and not self.is_ended:
                if plaintext := self._tls.read(_RECORD):
                    parts.append(plaintext)
                else:
                    self.is_told = self.is_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.is_ended = True
            self._damage.append(error.with_traceback(None))  # its frames know the layer
        return b"".join(parts)

    def send(self, data: bytes) -> bytes:
        """The records to send for it, and what TLS itself has to send before.

        Raises:
            ssl.SSLWantReadError: The peer wants another handshake first (TLS 1.2).
        """
        return b"".join(map(self._written, _pieces(data)))

    def _written(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """What TLS itself has to send: an alert, another handshake (TLS 1.2)."""
        return self._outgoing.read()


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
