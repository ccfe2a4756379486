"""What is to be sent, and a peer that does not read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class Outgoing:
    """Bytes that wait for room in the system.

    A peer that stops reading may have answered all the same: what it stopped with is
    kept, and raised where it turns out to have said nothing.
    """

    __slots__ = ("_is_refused", "_refusal", "_waiting")

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._refusal: list[OSError] = []
        self._is_refused = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def is_stuck(self) -> bool:
        """Whether not all was taken."""
        return self._is_refused or bool(self._waiting)

    def send(self, sock: socket.socket, data: bytes = b"") -> None:
        """Send as much of it as there is room for."""
        self._waiting += data
        try:
            while self._waiting:
                del self._waiting[: sock.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError as error:
            self._waiting.clear()
            self._is_refused = True
            # Its frames know who sends.
            self._refusal.append(error.with_traceback(None))

    def blame(self) -> None:
        """The peer said nothing: raise what it stopped reading with, if it did."""
        if self._refusal:
            raise self._refusal.pop()
