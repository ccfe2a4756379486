"""Hosts as HTTP writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpxr


def host_of(url: httpxr.URL) -> bytes:
    """The Host header's value; httpxr leaves out the brackets of an IPv6 address."""
    host = cast("Any", url).raw_host.decode("ascii")  # missing from httpxr's stubs
    bracketed = f"[{host}]" if ":" in host else host
    return (bracketed if url.port is None else f"{bracketed}:{url.port}").encode()
