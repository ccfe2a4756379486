"""Hosts as HTTP writes them, and those that are none."""

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


def flaw_of(url: httpxr.URL) -> str:
    """Why nobody can be connected to for a URL that httpxr takes, or ``""``."""
    # RFC 3986 would allow the escapes; no resolver knows such a name.
    if "%" in url.host:
        return "there is a blank, or another character that no host has, in its host"
    return "port 0 is nobody's" if url.port == 0 else ""
