"""The way to a URL as curl goes it: through the proxy that the environment names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.exchange.environment import Substitutes, environment_proxy

if TYPE_CHECKING:
    import ssl


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
        return self._ours.through(proxy).handle_request(request)
