"""The proxy that the environment names, and transports of ours that go through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.request import getproxies, proxy_bypass

from reconnecting_sse.exchange.urls import authority_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpxr

_Transport = TypeVar("_Transport")


class UnusableProxyError(ValueError):
    """What the environment names as a proxy is none, or needs what is not installed."""


def environment_proxy(url: httpxr.URL) -> str | None:
    """The proxy that the environment names for the URL, or None."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host) or proxy_bypass(authority_of(url)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class Substitutes(Generic[_Transport]):
    """One transport for each proxy: all it holds is its TLS context.

    Attributes:
        made: Those that were needed so far, by their proxy.
    """

    def __init__(self, make: Callable[..., _Transport]) -> None:
        self._make = make
        self.made: dict[str | None, _Transport] = {}

    def through(self, proxy: str | None) -> _Transport:
        """The transport that goes through the environment's proxy; None for none.

        Raises:
            UnusableProxyError: No transport can.
        """
        if proxy not in self.made:
            try:
                self.made[proxy] = self._make(proxy=proxy)
            except (ValueError, ImportError) as error:
                raise UnusableProxyError(f"the environment's proxy: {error}") from error
        return self.made[proxy]
