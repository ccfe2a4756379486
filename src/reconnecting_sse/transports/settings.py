"""What both transports are told, and the routes that follow from it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.transports.ways.environment import environment_proxy
from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.route import CONNECT_TO, SNI_HOSTNAME, Route
from reconnecting_sse.transports.ways.trust import Trust

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.transports.ways.proxy import ProxyTypes
    from reconnecting_sse.transports.ways.trust import Certificate, StrPath, Verify


@dataclass(frozen=True, slots=True)
class Settings:
    """A transport's keywords, understood."""

    trust: Trust
    proxy: Proxy | None
    uds: str | None
    trust_env: bool
    server_hostname: str | None

    @classmethod
    def of(
        cls,
        verify: Verify,
        cert: Certificate | None,
        proxy: ProxyTypes | None,
        uds: StrPath | None,
        *,
        trust_env: bool,
        server_hostname: str | None,
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
            None if server_hostname is None else _named(server_hostname),
        )

    def route(self, request: httpxr.Request) -> Route:
        """The way to where a request's URL leads.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
            httpxr.LocalProtocolError: The request wants a name that cannot be one.
        """
        url = request.url
        # httpxr's stubs do not know the attribute.
        extensions = cast("Any", request).extensions
        name = extensions.get(SNI_HOSTNAME)
        try:
            name = _named(name) if name else self.server_hostname
        except ValueError as error:
            raise httpxr.LocalProtocolError(f"sni_hostname: {error}") from None
        return Route.to(
            url,
            proxy=environment_proxy(url) if self.trust_env else self.proxy,
            uds=self.uds,
            server_hostname=name,
            connect_to=extensions.get(CONNECT_TO),
        )


def _named(name: Any) -> str:
    """The name, if TLS takes it.

    Raises:
        ValueError: It does not.
    """
    with suppress(UnicodeError):
        if isinstance(name, str) and name.encode("idna") and "\0" not in name:
            return name
    raise ValueError(f"{name!r} is no name that a certificate can have")
