"""The way to a URL as curl goes it: through the proxy that the environment names."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.exchange.client import environment_proxy

if TYPE_CHECKING:
    import ssl


class UnusableProxyError(Exception):
    """What the environment names as a proxy is none, or needs what is not there."""


class EnvironmentTransport(httpxr.BaseTransport):
    """Asks the environment anew for each URL: a redirect may need another proxy."""

    is_live: ClassVar[bool] = True

    def __init__(self, *, verify: bool | ssl.SSLContext) -> None:
        self._through = cache(partial(_through, verify))

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        transport = self._through(environment_proxy(request.url))
        return transport.handle_request(request)


def _through(
    verify: bool | ssl.SSLContext,
    proxy: str | None,
) -> StreamingTransport:
    try:
        return StreamingTransport(verify=verify, proxy=proxy)
    except (ValueError, ImportError) as error:
        raise UnusableProxyError(f"the environment's proxy: {error}") from error
