"""The way to a URL as curl goes it: by the environment, and by ``--connect-to``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse import StreamingTransport
from reconnecting_sse.transports.ways.route import CONNECT_TO

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from reconnecting_sse.cli.connecting import ConnectTo


class TailTransport(httpxr.BaseTransport):
    """Has each request connect to where the first rule that is for it says."""

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
        # httpxr's stubs do not know the attribute.
        extensions = cast("Any", request).extensions
        extensions[CONNECT_TO] = next(filter(None, targets), None)
        return self._ours.handle_request(request)
