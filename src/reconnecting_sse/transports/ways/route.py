"""The way from here to an origin: directly, through a proxy, or through a socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS, authority
from reconnecting_sse.core.errors import shortened

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.transports.ways.proxy import Proxy

CONNECT_TO = "reconnecting_sse.connect_to"
"""Where a request's ``extensions`` carry the host and port to connect to instead."""

SNI_HOSTNAME = "sni_hostname"
"""Where they carry the name that the certificate must have; the word is httpcore's."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and by which hops; the texts name them in messages.

    Attributes:
        server_hostname: The name that the origin's certificate must have; None: the
            host's.
        connect_to: The host and port that stand for the origin's; None: its own.
    """

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None
    uds: str | None = None
    server_hostname: str | None = None
    connect_to: tuple[str, int] | None = None

    @classmethod
    def to(cls, url: httpxr.URL, **hops: Any) -> Self:
        """The route to a URL's origin; ``hops`` are the other fields.

        Raises:
            httpxr.UnsupportedProtocol: The URL is neither http nor https.
            httpxr.InvalidURL: It has no host.
        """
        if url.scheme not in DEFAULT_PORTS:
            raise httpxr.UnsupportedProtocol(
                f"the URL's scheme is {shortened(url.scheme)!r}; a stream's URL begins"
                " with http:// or https://"
            )
        host = cast("Any", url).raw_host.decode("ascii")  # missing from httpxr's stubs
        if not host:
            raise httpxr.InvalidURL("the URL has no host; write http://host/path")
        port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
        return cls(url.scheme, host, port, **hops)

    @property
    def needs_tls(self) -> bool:
        """Whether the origin speaks TLS."""
        return self.scheme == "https"

    @property
    def needs_proxy_tls(self) -> bool:
        """Whether the proxy itself speaks TLS."""
        return self.proxy is not None and self.proxy.scheme == "https"

    @property
    def is_tunnelled(self) -> bool:
        """Whether the proxy only carries bytes, and never sees the request."""
        # A proxy that reads the request goes where its URL says.
        is_blind = self.needs_tls or self.connect_to is not None
        return self.proxy is not None and (is_blind or self.proxy.is_socks)

    @property
    def is_forwarded(self) -> bool:
        """Whether the proxy itself reads the request, and passes it on."""
        return self.proxy is not None and not self.is_tunnelled

    @property
    def address(self) -> tuple[str, int]:
        """What is connected to first."""
        if self.proxy is not None:
            return self.proxy.host, self.proxy.port
        return self.target

    @property
    def target(self) -> tuple[str, int]:
        """What has to be reached in the end."""
        return self.connect_to or (self.host, self.port)

    @property
    def origin(self) -> str:
        at = "" if self.connect_to is None else f" at {authority(*self.connect_to)}"
        return f"{authority(self.host, self.port)}{at}"

    @property
    def first_hop(self) -> str:
        if self.proxy is not None:
            return self.proxy.where
        return self.where

    @property
    def tunnel(self) -> str:
        return f"{self.origin} through {self.first_hop}"

    @property
    def where(self) -> str:
        if self.proxy is not None:
            return f"{self.origin} behind {self.proxy.where}"
        if self.uds is not None:
            return f"{self.origin} at the socket {self.uds}"
        return self.origin
