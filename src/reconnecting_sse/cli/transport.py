"""The way to a URL as curl goes it: by the environment, and by ``--connect-to``."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.exchange.failures import cause_of
from reconnecting_sse.exchange.urls import authority_of
from reconnecting_sse.transports.ways.environment import environment_proxy
from reconnecting_sse.transports.ways.route import CONNECT_TO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconnecting_sse.cli.connecting import ConnectTo


class TailTransport(httpxr.BaseTransport):
    """Says of this program's options what the library says of its keywords."""

    is_live: ClassVar[bool] = True

    def __init__(
        self, verify: bool | ssl.SSLContext, connect_to: Sequence[ConnectTo]
    ) -> None:
        self._ours = StreamingTransport(verify=verify, trust_env=True)
        self._connect_to = connect_to

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        targets = [rule.target(request.url) for rule in self._connect_to]
        # httpxr's stubs do not know the attribute. As in curl the first one counts.
        extensions = cast("Any", request).extensions
        extensions[CONNECT_TO] = next(filter(None, targets), None)
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
