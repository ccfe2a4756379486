"""Opening a way through a proxy: what to send and what to expect, without a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.transports.ways.arrived import Arrived
from reconnecting_sse.transports.ways.refusals import not_understood, refused

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_STATUS_LINE = re.compile(
    rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?![^ \r\n])(?: ([^\r\n]{0,80}))?"
)

_OK, _REDIRECTION = 200, 300


def opened(route: Route, target: str) -> Steps[None]:
    """The steps that open the way to ``target``, the origin's name or address.

    Raises:
        httpxr.ProxyError: The proxy does not.
    """
    arrived = Arrived(route)
    assert route.proxy is not None
    if route.proxy.is_socks:
        # An extra's.
        from reconnecting_sse.transports.ways.socks import by_socks  # noqa: PLC0415

        yield from by_socks(route, target, arrived)
    else:
        yield from _by_connect(route, arrived)
    if not arrived.is_empty:
        raise not_understood(route)


def _by_connect(route: Route, arrived: Arrived) -> Steps[None]:
    # RFC 9110, section 9.3.6.
    yield _request(route)
    status, reason = 100, b""
    while status < _OK:
        match = _STATUS_LINE.match((yield from arrived.head()))
        if match is None:
            raise not_understood(route)
        status, reason = int(match[1]), match[2] or b""
    if status >= _REDIRECTION:
        raise refused(route, status, reason)


def _request(route: Route) -> bytes:
    assert route.proxy is not None
    lines = [f"CONNECT {route.origin} HTTP/1.1", f"Host: {route.origin}"]
    fields = [b"%s: %s" % field for field in route.proxy.fields]
    return b"\r\n".join([*(line.encode() for line in lines), *fields, b"", b""])
