"""What a proxy is told to have done that opens no way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.core.errors import shortened

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route

LOGIN_REQUIRED = 407

_SHOWN = 80
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]+")


class ProxyRefused(httpxr.ProxyError):
    """A proxy answered, and does not open the way.

    Attributes:
        status: Its HTTP status; None from a SOCKS proxy.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def refuse_login(route: Route, status: int) -> None:
    """Raise for an answer that can only be the forwarding proxy's own."""
    if route.is_forwarded and status == LOGIN_REQUIRED:
        raise refused(route, status, b"Proxy Authentication Required")


def refused(route: Route, status: int, reason: bytes) -> ProxyRefused:
    shown = _UNPRINTABLE.sub(b" ", reason[:_SHOWN]).decode("ascii")
    said = f"{status} {shown}".strip()
    advice = "does it allow this host and port?"
    if status == LOGIN_REQUIRED:
        advice = "are there credentials in the proxy's URL, and the right ones?"
    return ProxyRefused(
        f"{route.first_hop} refused to connect to {shortened(route.origin)}: {said};"
        f" {advice}",
        status,
    )


def not_understood(route: Route) -> httpxr.ProxyError:
    assert route.proxy is not None
    return httpxr.ProxyError(
        f"{route.first_hop} did not answer as a proxy should; does it speak"
        f" {route.proxy.scheme}?"
    )


def closed(route: Route) -> httpxr.ProxyError:
    return httpxr.ProxyError(
        f"{route.first_hop} closed the connection instead of opening one"
        f" to {shortened(route.origin)}; does it allow this host and port?"
    )
