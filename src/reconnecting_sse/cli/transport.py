"""The way to a URL as curl goes it: through the proxy that the environment names."""

from __future__ import annotations

import ssl
from typing import ClassVar

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.exchange.failures import cause_of
from reconnecting_sse.exchange.urls import authority_of
from reconnecting_sse.transports.ways.environment import environment_proxy


class EnvironmentTransport(httpxr.BaseTransport):
    """Says what the library says of its keywords of this program's options instead."""

    is_live: ClassVar[bool] = True

    def __init__(self, *, verify: bool | ssl.SSLContext) -> None:
        self._ours = StreamingTransport(verify=verify, trust_env=True)

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        try:
            return self._ours.handle_request(request)
        except httpxr.ConnectError as error:
            rejected = cause_of(error, ssl.SSLCertVerificationError)
            if rejected is None:
                raise
            is_proxied = environment_proxy(request.url) is not None
            words = _advice(request.url, rejected, is_proxied=is_proxied)
            raise httpxr.ConnectError(words) from rejected


def _advice(
    url: httpxr.URL, rejected: ssl.SSLCertVerificationError, *, is_proxied: bool
) -> str:
    where = authority_of(url) + ", or the proxy before it" * is_proxied
    return (
        f"{where}: its certificate was rejected ({rejected.verify_message}); trust its"
        " authority with --cacert FILE, or correct the host name"
    )
