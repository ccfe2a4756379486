"""Opening a way through a proxy: what to send and what to expect, without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.authority import authority
from reconnecting_sse.transports.http1.faults import Fault, MalformedError
from reconnecting_sse.transports.http1.head import HeadReader
from reconnecting_sse.transports.ways.refusals import closed, not_understood, refused

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_OK, _REDIRECTION = 200, 300


def opened(route: Route, target: str) -> Steps[None]:
    """The steps that open the way to ``target``, the origin's name or address.

    Raises:
        httpxr.ProxyError: The proxy does not.
    """
    assert route.proxy is not None
    if route.proxy.is_socks:
        # An extra's.
        from reconnecting_sse.transports.ways.socks import by_socks  # noqa: PLC0415

        rest = yield from by_socks(route, target)
    else:
        rest = yield from _by_connect(route)
    if rest:
        raise not_understood(route)


def _by_connect(route: Route) -> Steps[bytes]:
    """RFC 9110, section 9.3.6; what has come behind the answer."""
    yield _request(route)
    reader, data = HeadReader(), b""
    while (head := reader.receive(data)) is None:
        data = yield None
        if not data:
            raise closed(route)
    if isinstance(head, Fault):
        raise not_understood(route) from MalformedError(head.message)
    if head.status < _OK:
        raise not_understood(route)
    if head.status >= _REDIRECTION:
        raise refused(route, head.status, head.reason)
    return reader.rest


def _request(route: Route) -> bytes:
    assert route.proxy is not None
    place = authority(*route.target)
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    fields = [b"%s: %s" % field for field in route.proxy.fields]
    return b"\r\n".join([*(line.encode() for line in lines), *fields, b"", b""])
