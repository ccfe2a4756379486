"""The sockets that are tried at once, until one of them is connected (RFC 8305)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from reconnecting_sse.transports.ways.race import Race, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from reconnecting_sse.transports.ways.steps import Address


def resolved(host: str, port: int, flags: int = 0) -> list[Address]:
    """The addresses of a host; blocks for as long as the system's resolver does."""
    # As bytes: text would load the codec of IDNA, which a URL's host has been through.
    name = host.encode("ascii")
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)


class Dialing:
    """Begins connections as they are due, and says which one stands.

    Leaving the block closes all sockets but the one that was given.

    Args:
        addresses: As the resolver gave them.
        now: Seconds on the driver's clock.
        hold: Told of each socket before it is connected.
    """

    def __init__(
        self,
        addresses: list[Address],
        now: float,
        hold: Callable[[socket.socket], object] = id,
    ) -> None:
        self.trying: list[socket.socket] = []
        self._race = Race(interleaved(addresses), now)
        self._hold = hold

    def begin_due(self, now: float) -> float | None:
        """Begin what is due; the seconds until more is, None if all have begun.

        Raises:
            OSError: All have failed; this is the last one's error.
        """
        race = self._race
        while (wait := race.wait(now)) == 0:
            try:
                self._begin(race.begin(now))
            except OSError as error:
                race.failed(error, now)
        if race.is_lost:
            raise race.lost()
        return wait

    def _begin(self, address: Address) -> None:
        family, kind, protocol, _, where = address
        sock = socket.socket(family, kind, protocol)
        self.trying.append(sock)
        try:
            self._hold(sock)
            sock.setblocking(False)
            if isinstance(where, str):  # a path; not every platform has AF_UNIX
                sock.connect(where)  # at once, or not: there is nothing to wait for
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(BlockingIOError):
                sock.connect(where)
        except OSError:
            self._drop(sock)
            raise

    def connected(self, now: float) -> socket.socket | None:
        """The one that stands, if there is one among those that are tried."""
        for sock in list(self.trying):
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._drop(sock)
                self._race.failed(OSError(number, os.strerror(number)), now)
            elif _has_peer(sock):
                self.trying.remove(sock)
                return sock
        return None

    def _drop(self, sock: socket.socket) -> None:
        self.trying.remove(sock)
        sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self.trying:
            sock.close()


def _has_peer(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
