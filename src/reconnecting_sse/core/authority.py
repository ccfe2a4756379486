"""Hosts and ports, as HTTP and messages write them (RFC 3986, section 3.2)."""

from __future__ import annotations

DEFAULT_PORTS = {"http": 80, "https": 443}


def bracketed(host: str) -> str:
    """The host as it stands in a URL or a Host field: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def authority(host: str, port: int) -> str:
    """Host and port."""
    return f"{bracketed(host)}:{port}"
