"""The way to a URL as curl goes it: through the proxy that the environment names."""

from __future__ import annotations

import ssl
from functools import partial
from typing import ClassVar

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.exchange.environment import Substitutes, environment_proxy
from reconnecting_sse.exchange.failures import cause_of
from reconnecting_sse.exchange.urls import authority_of


class EnvironmentTransport(httpxr.BaseTransport):
    """Asks the environment anew for each URL: a redirect may need another proxy."""

    is_live: ClassVar[bool] = True

    def __init__(self, *, verify: bool | ssl.SSLContext) -> None:
        self._ours = Substitutes(partial(StreamingTransport, verify=verify))

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        proxy = environment_proxy(request.url)
        transport = self._ours.through(proxy)
        try:
            return transport.handle_request(request)
        except httpxr.ConnectError as error:
            rejected = cause_of(error, ssl.SSLCertVerificationError)
            if rejected is None:
                raise
            words = _advice(request.url, rejected, is_proxied=proxy is not None)
            raise httpxr.ConnectError(words) from rejected


def _advice(
    url: httpxr.URL, rejected: ssl.SSLCertVerificationError, *, is_proxied: bool
) -> str:
    """What the library says of its keywords, said of this program's options."""
    where = authority_of(url) + ", or the proxy before it" * is_proxied
    return (
        f"{where}: its certificate was rejected ({rejected.verify_message}); trust its"
        " authority with --cacert FILE, or correct the host name"
    )
