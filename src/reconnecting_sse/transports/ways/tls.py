"""One layer of TLS over bytes that come and go, without a socket."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.steps import Steps

# RFC 8446, section 5.1: no record holds more, so one read takes all of one. The BIOs
# never shrink, and are never handed more at a time either.
_RECORD = 1 << 14


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
        self.is_told = self.is_ended = False

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
        if self._damage:
            raise self._damage.pop()
        parts: list[bytes] = []
        try:
            for start in range(0, len(data) or 1, _RECORD):
                self._incoming.write(data[start : start + _RECORD])
                self._read_into(parts)
        except ssl.SSLError as error:
            self.is_ended = True
            if not parts:
                raise
            self._damage.append(error.with_traceback(None))  # or it were a cycle
        return b"".join(parts)

    def _read_into(self, parts: list[bytes]) -> None:
        try:
            # Not until it wants more: the exception takes longer than a record.
            while self._incoming.pending and not self.is_ended:
                if plaintext := self._tls.read(_RECORD):
                    parts.append(plaintext)
                else:
                    self.is_told = self.is_ended = True
        except ssl.SSLWantReadError:
            pass

    def send(self, data: bytes) -> bytes:
        """The records to send for it, and what TLS itself has to send before."""
        records = []
        for start in range(0, len(data), _RECORD):
            self._tls.write(data[start : start + _RECORD])
            records.append(self._outgoing.read())
        return b"".join(records)

    def outgoing(self) -> bytes:
        """What TLS itself has to send: answers to a key update, alerts."""
        return self._outgoing.read()
