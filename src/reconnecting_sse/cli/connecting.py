"""``--connect-to``: other places to connect to than URLs say, as curl has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from reconnecting_sse.exchange.urls import origin

if TYPE_CHECKING:
    import httpxr

_HOST = r"(\[[^]]*\]|[^][:]*)"
_PORT = r"([0-9]*)"
_RULE = re.compile(f"{_HOST}:{_PORT}:{_HOST}(?::{_PORT})?")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """One rule; what is empty is any host or port, or leaves it as it is."""

    host: str
    port: int | None
    other_host: str
    other_port: int | None

    @classmethod
    def of(cls, text: str) -> ConnectTo:
        """``HOST1:PORT1:HOST2:PORT2``, with IPv6 addresses in brackets.

        Raises:
            ValueError: It is not that.
        """
        parts = _RULE.fullmatch(text)
        if parts is None:
            raise ValueError("write it as HOST1:PORT1:HOST2:PORT2")
        host, other = parts[1].strip("[]").lower(), parts[3].strip("[]")
        as_sent = other.encode("idna").decode()
        return cls(host, _port(parts[2]), as_sent, _port(parts[4]))

    def target(self, url: httpxr.URL) -> tuple[str, int | None] | None:
        """Where it leads to; None: nowhere else than the URL says."""
        _, host, port = origin(url)
        as_sent = cast("Any", url).raw_host.decode()
        is_meant = self.host in ("", host, as_sent) and self.port in (None, port)
        if is_meant and (self.other_host or self.other_port):
            return self.other_host or as_sent, self.other_port or port
        return None


def _port(digits: str | None) -> int | None:
    if not digits:
        return None
    port = int(digits.lstrip("0")[:6] or 0)  # of any number of digits
    if not 0 < port <= _LAST_PORT:
        raise ValueError(f"a port is a number from 1 to {_LAST_PORT}")
    return port
