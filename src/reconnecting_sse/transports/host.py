"""Hosts as HTTP writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from reconnecting_sse.core.authority import bracketed

if TYPE_CHECKING:
    import httpxr


def host_of(url: httpxr.URL) -> bytes:
    """The Host header's value; httpxr leaves out the brackets of an IPv6 address."""
    # The attribute is missing from httpxr's stubs.
    host = bracketed(cast("Any", url).raw_host.decode("ascii"))
    return (host if url.port is None else f"{host}:{url.port}").encode()
