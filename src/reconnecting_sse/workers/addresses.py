"""Addresses to listen on, as people write them."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[^]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})"
)
_LAST_PORT = 65535


class CannotListen(OSError):
    """The address is taken, or none of this machine's."""


def parsed(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``:port`` or ``[IPv6]:port``.

    Raises:
        ValueError: It is none of these.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None or int(parts["port"]) > _LAST_PORT:
        raise ValueError(
            f"probes= is an address such as 127.0.0.1:8080, :8080 or [::1]:8080, not"
            f" {address!r}"
        )
    return parts["six"] or parts["host"], int(parts["port"])
