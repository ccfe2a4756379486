"""The proxy that the environment names for a URL, as curl reads it."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, cast
from urllib.request import getproxies, proxy_bypass

from reconnecting_sse.core.authority import DEFAULT_PORTS
from reconnecting_sse.transports.ways.proxy import Proxy

if TYPE_CHECKING:
    import httpxr

_SEPARATORS = re.compile(r"[\s,]+")

# A name, an address or a block, and a port; more than one colon are an address's own.
_ENTRY = re.compile(r"(\[[^]]*\][^:]*|[^:]*|.*)(?::([0-9]{1,5}))?")


class UnusableProxyError(ValueError):
    """What the environment names as a proxy is none, or needs what is not installed."""


def environment_proxy(url: httpxr.URL) -> Proxy | None:
    """The proxy that the environment names for the URL, or None.

    Raises:
        UnusableProxyError: It is none that can be used.
    """
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named or _is_exempt(url, proxies.get("no")):
        return None
    try:
        return Proxy.of(named)
    except (ValueError, ImportError) as error:
        raise UnusableProxyError(f"the environment's proxy: {error}") from error


def _is_exempt(url: httpxr.URL, no_proxy: str | None) -> bool:
    if no_proxy is None:  # systems that keep proxies elsewhere keep exceptions there
        return bool(proxy_bypass(url.host))
    port = url.port or DEFAULT_PORTS.get(url.scheme)
    hosts = {url.host, cast("Any", url).raw_host.decode()}
    return any(exempts(no_proxy, host, port) for host in hosts)


def exempts(no_proxy: str, host: str, port: int | None) -> bool:
    """Whether a value of ``NO_PROXY`` has the host go without a proxy.

    curl's reading: ``*`` alone is every host; else names, which stand for what is below
    them, too, addresses and CIDR blocks, between commas or blanks. A name or a block
    may be followed by a port, which then has to be the same.
    """
    entries = list(filter(None, _SEPARATORS.split(no_proxy.lower())))
    if entries == ["*"]:
        return True
    return any(
        _covers(entry, host.lower().removesuffix("."), port) for entry in entries
    )


def _covers(entry: str, host: str, port: int | None) -> bool:
    parts = _ENTRY.fullmatch(entry)
    assert parts is not None
    pattern, wanted = parts[1].replace("[", "").replace("]", ""), parts[2]
    if wanted is not None and int(wanted) != port:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        name = pattern.removeprefix(".").removesuffix(".")
        return host == name or host.endswith(f".{name}")
    try:
        return address in ip_network(pattern, strict=False)
    except ValueError:  # a name is no address's
        return False
