"""Hosts as HTTP writes them, and those that are none."""

from __future__ import annotations

import re
from typing import Any, cast

import httpxr

from reconnecting_sse.core.authority import bracketed

# What resolvers look up, though no domain is registered so: a service of a compose
# file, and a name that says by its last dot that it is complete.
_LABEL = r"[a-z0-9_-]{1,63}"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")

_OF_THE_HOST = re.compile("IDNA|domain name|IPv6")


def host_of(url: httpxr.URL) -> bytes:
    """The Host header's value; httpxr leaves out the brackets of an IPv6 address."""
    # The attribute is missing from httpxr's stubs.
    host = bracketed(cast("Any", url).raw_host.decode("ascii"))
    return (host if url.port is None else f"{host}:{url.port}").encode()


def other_name(error: httpxr.InvalidURL) -> str:
    """What to do about a URL that is none, if it is for its host; or ``""``."""
    if not _OF_THE_HOST.search(str(error)):
        return ""
    return (
        "; httpxr takes no such host: give it another name, an alias in the DNS or in"
        " the hosts file"
    )


def parsed(text: str) -> httpxr.URL:
    """The URL, its host also one that httpxr's ``URL`` refuses and its clients ask.

    Raises:
        httpxr.InvalidURL: It is none.
    """
    try:
        return httpxr.URL(text)
    except httpxr.InvalidURL as error:
        url = httpxr.Request("GET", text).url
        if _NAME.fullmatch(url.host):
            return url
        raise error from None


def flaw_of(url: httpxr.URL) -> str:
    """Why nobody can be connected to for a URL that httpxr takes, or ``""``."""
    # RFC 3986 would allow the escapes; no resolver knows such a name.
    if "%" in url.host:
        return "there is a blank, or another character that no host has, in its host"
    return "port 0 is nobody's" if url.port == 0 else ""
