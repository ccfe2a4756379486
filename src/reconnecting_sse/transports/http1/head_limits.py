"""How long and how large a response's head may be."""

from __future__ import annotations

import io
import time
from http.client import HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

HEAD_LIMIT = 65536
"""Bytes of head, interim responses included, that are always accepted."""

BUFFER_SIZE = 8192
"""What the buffered reader above takes at once."""


# An alert, or a handshake.
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")


class TLSAnswer(HTTPException):
    """The answer begins with a TLS record."""


class HeadLimits(io.RawIOBase):
    """The socket's reader; while ``in_head``, bounded in time and in size."""

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, deadline: float | None
    ) -> None:
        self._raw = raw
        self._socket = sock
        self._deadline = deadline
        self._received = 0
        self.in_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview[int]) -> int | None:  # type: ignore[override] # BufferedReader hands nothing else
        if not self.in_head:
            return self._raw.readinto(buffer)
        self._arm()
        count = self._raw.readinto(buffer)
        if not count:
            place = "within its response's head" if self._received else "unanswered"
            raise RemoteDisconnected(f"the server closed the connection {place}")
        if not self._received and bytes(buffer[:count]).startswith(_TLS_RECORDS):
            raise TLSAnswer
        self._received += count
        # The reader's last fill may hold the body's first bytes.
        if self._received > HEAD_LIMIT + BUFFER_SIZE:
            raise HTTPException(f"the response's head exceeds {HEAD_LIMIT} bytes")
        return count

    def _arm(self) -> None:
        if self._deadline is not None:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("the response's head was not complete in time")
            self._socket.settimeout(remaining)

    def close(self) -> None:
        self._raw.close()
        super().close()
