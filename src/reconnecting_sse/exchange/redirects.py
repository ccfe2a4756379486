"""Where an answer sends a request on to, and whether it may go there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.transports.host import flaw_of

if TYPE_CHECKING:
    from reconnecting_sse.exchange.hop import Hop

MAX_REDIRECTS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def next_hop(hop: Hop, response: httpxr.Response) -> tuple[Hop | None, str]:
    """The hop that the answer to ``hop`` leads to; None, and why, where it leads none.

    An answer that is no redirect needs no reason.
    """
    if response.status_code not in _REDIRECTS:
        return None, ""
    target = _target(hop.url, response.headers.get("location"))
    if isinstance(target, str):
        return None, target
    if hop.number == MAX_REDIRECTS:
        return None, f"more than {MAX_REDIRECTS} redirects; is there a loop?"
    return hop.redirected(response.status_code, target), ""


def _target(here: httpxr.URL, location: str | None) -> httpxr.URL | str:
    """Where it leads, or why it may not lead there."""
    if not location:
        return "a redirect without a Location"
    target = None
    with suppress(httpxr.InvalidURL, ValueError):  # httpxr's join raises either
        target = here.join(location)
    if target is None or flaw_of(target):
        return "a redirect to something that is no URL"
    if target.scheme not in ("http", "https") or not target.host:
        scheme = shortened(target.scheme)
        return f"a redirect to the scheme {scheme!r}, which is refused"
    if here.scheme == "https" and target.scheme == "http":
        return "a redirect from https to http, which is refused"
    return target
