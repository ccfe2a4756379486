"""What both transports are told, and the routes that follow from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Trust

if TYPE_CHECKING:
    from typing import Self

    import httpxr

    from reconnecting_sse.transports.ways.proxy import ProxyTypes
    from reconnecting_sse.transports.ways.trust import Certificate, StrPath, Verify


@dataclass(frozen=True, slots=True)
class Settings:
    """A transport's keywords, understood."""

    trust: Trust
    proxy: Proxy | None
    uds: str | None

    @classmethod
    def of(
        cls,
        verify: Verify,
        cert: Certificate | None,
        proxy: ProxyTypes | None,
        uds: StrPath | None,
    ) -> Self:
        """Checked, but nothing is loaded yet.

        Raises:
            ValueError: They do not fit together, or name no proxy.
            ImportError: A SOCKS proxy needs the extra ``socks``.
        """
        if proxy is not None and uds is not None:
            raise ValueError("give proxy= or uds=, not both: each says how to connect")
        return cls(
            Trust(verify, cert),
            None if proxy is None else Proxy.of(proxy),
            None if uds is None else os.fspath(uds),
        )

    def route(self, url: httpxr.URL) -> Route:
        """The way to a URL's origin."""
        return Route.to(url, proxy=self.proxy, uds=self.uds)
