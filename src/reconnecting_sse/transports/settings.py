"""What both transports are told, and the routes that follow from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.transports.ways.environment import environment_proxy
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
    trust_env: bool

    @classmethod
    def of(
        cls,
        verify: Verify,
        cert: Certificate | None,
        proxy: ProxyTypes | None,
        uds: StrPath | None,
        *,
        trust_env: bool,
    ) -> Self:
        """Checked, but nothing is loaded yet.

        Raises:
            ValueError: They do not fit together, or name no proxy.
            ImportError: A SOCKS proxy needs the extra ``socks``.
        """
        ways = {"proxy=": proxy, "uds=": uds, "trust_env=True": trust_env or None}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            one, other, *_ = given
            raise ValueError(
                f"give {one} or {other}, not both: each says how to connect"
            )
        return cls(
            Trust(verify, cert),
            None if proxy is None else Proxy.of(proxy),
            None if uds is None else os.fspath(uds),
            trust_env,
        )

    def route(self, url: httpxr.URL) -> Route:
        """The way to a URL's origin.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        proxy = environment_proxy(url) if self.trust_env else self.proxy
        return Route.to(url, proxy=proxy, uds=self.uds)
