"""Where a response's body ends: decided once, from its head (RFC 9112, section 6.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.transports.http1.chunked import Chunked
from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.payload import Counted, Nothing, UntilClose

if TYPE_CHECKING:
    from reconnecting_sse.transports.http1.head import Head
    from reconnecting_sse.transports.http1.payload import Payload

_BODYLESS = frozenset({101, 204, 304})
_LENGTH = re.compile(r"[0-9]+")

# Nobody reads so far; int() refuses, or crawls over, endless digits.
_DIGITS = 30
_ENDLESS = 10**_DIGITS


def payload_of(head: Head, method: str) -> Payload | Fault:
    """How to read the body behind the head of the answer to that method."""
    if method == "HEAD" or head.status in _BODYLESS:
        return Nothing()
    # RFC 9112, section 6.1 calls it faulty in HTTP/1.0; it is chunked all the same.
    codings = head.members(b"transfer-encoding")
    if codings == ["chunked"]:
        return Chunked()
    if codings not in ([], ["identity"]):
        return Fault("its Transfer-Encoding is other than chunked")
    return _counted(head.members(b"content-length"))


def _counted(said: list[str]) -> Payload | Fault:
    if not all(map(_LENGTH.fullmatch, said)):
        return Fault("its Content-Length is not a number")
    lengths = {digits.lstrip("0") for digits in said}
    if len(lengths) > 1:
        return Fault("its Content-Length is told twice, and not the same")
    return Counted(_number(lengths.pop())) if lengths else UntilClose()


def _number(digits: str) -> int:
    return int(digits or "0") if len(digits) <= _DIGITS else _ENDLESS
