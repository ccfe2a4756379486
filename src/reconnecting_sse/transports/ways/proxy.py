"""A proxy, read from whatever names it."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS, authority
from reconnecting_sse.transports.host import flaw_of, parsed
from reconnecting_sse.transports.http1.fields import check_fields

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.core.headers import Fields

ProxyTypes = str | httpxr.URL | httpxr.Proxy

_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")

# RFC 1929: each has one byte for its length.
_SOCKS_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Proxy:
    """How to reach a proxy, and what it is told; credentials are never shown."""

    scheme: str
    host: str
    port: int
    username: bytes = field(default=b"", repr=False)
    password: bytes = field(default=b"", repr=False)
    headers: Fields = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, given: ProxyTypes) -> Self:
        """The proxy that a URL or an ``httpxr.Proxy`` names.

        Credentials are percent-decoded. An ``httpxr.Proxy`` does not tell whether its
        came from a URL or from ``auth=``: they are decoded, too.

        Raises:
            ValueError: It names none, or one of a kind that is not supported.
            ImportError: SOCKS needs the extra ``socks``.
        """
        headers: Fields = []
        username = password = b""
        # httpxr's stubs know neither class.
        if isinstance(given, httpxr.Proxy):
            described: Any = given
            url = _parsed(str(described.url))
            headers = described.headers.raw
            if described.auth is not None:
                username, password = map(unquote_to_bytes, described.auth)
        else:
            url = _parsed(str(given))
            name, _, secret = url.userinfo.partition(b":")
            username, password = unquote_to_bytes(name), unquote_to_bytes(secret)
        try:
            check_fields(headers)
        except httpxr.LocalProtocolError as error:
            raise ValueError(f"the proxy's headers: {error}") from None
        port = _PORTS[url.scheme] if url.port is None else url.port
        host = url.raw_host.decode("ascii")
        proxy = cls(url.scheme, host, port, username, password, headers)
        if proxy.is_socks:
            proxy._check_socks()
        return proxy

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def resolves_names(self) -> bool:
        """Whether the origin's name is the proxy's to resolve."""
        return self.scheme != "socks5"

    @property
    def where(self) -> str:
        return f"the proxy {authority(self.host, self.port)}"

    @property
    def fields(self) -> Fields:
        """The header fields that are the proxy's, and nobody else's."""
        if not self.username and not self.password:
            return self.headers
        basic = b64encode(self.username + b":" + self.password)
        return [*self.headers, (b"Proxy-Authorization", b"Basic " + basic)]

    def _check_socks(self) -> None:
        if max(len(self.username), len(self.password)) > _SOCKS_LIMIT:
            raise ValueError(f"a SOCKS user or password has {_SOCKS_LIMIT} bytes")
        try:
            import_module("socksio")
        except ImportError as error:
            raise ImportError(
                f"{self.scheme}:// proxies need socksio;"
                ' pip install "reconnecting-sse[socks]"'
            ) from error


def _parsed(text: str) -> Any:
    # The environment's often have no scheme. What is wrong is never shown: it may
    # hold a password.
    try:
        url: Any = parsed(text if _SCHEME.match(text) else f"http://{text}")
    except httpxr.InvalidURL:
        raise ValueError("the proxy's URL is invalid (it is not shown)") from None
    if url.scheme not in _PORTS:
        raise ValueError(
            f"a proxy's URL begins with {'://, '.join(_PORTS)}://, not {url.scheme}://"
        )
    if not url.host:
        raise ValueError("the proxy's URL has no host; write http://host:port")
    if flaw := flaw_of(url):
        raise ValueError(f"the proxy's URL is invalid (it is not shown): {flaw}")
    return url
