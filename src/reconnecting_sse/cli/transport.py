"""The way to a URL as curl goes it: by the environment, and by ``--connect-to``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpxr

from reconnecting_sse import AsyncStreamingTransport, StreamingTransport
from reconnecting_sse.transports.ways.route import CONNECT_TO

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from reconnecting_sse.cli.connecting import ConnectTo

    Verify = bool | ssl.SSLContext


class CurlTransport(httpxr.BaseTransport):
    """Has each request connect to where the first rule that is for it says."""

    is_live: ClassVar[bool] = True

    def __init__(self, verify: Verify, connect_to: Sequence[ConnectTo]) -> None:
        self._ours = StreamingTransport(verify=verify, trust_env=True)
        self._connect_to = connect_to

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        _direct(request, self._connect_to)
        return self._ours.handle_request(request)


class AsyncCurlTransport(httpxr.AsyncBaseTransport):
    """The same for asyncio."""

    is_live: ClassVar[bool] = True

    def __init__(self, verify: Verify, connect_to: Sequence[ConnectTo]) -> None:
        self._ours = AsyncStreamingTransport(verify=verify, trust_env=True)
        self._connect_to = connect_to

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """Send the request.

        Raises:
            UnusableProxyError: The environment names a proxy that is none.
        """
        _direct(request, self._connect_to)
        return await self._ours.handle_async_request(request)


def _direct(request: httpxr.Request, rules: Sequence[ConnectTo]) -> None:
    targets = [rule.target(request.url) for rule in rules]
    # httpxr's stubs do not know the attribute.
    extensions = cast("Any", request).extensions
    extensions[CONNECT_TO] = next(filter(None, targets), None)
