"""reconnecting-sse, on the async face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpxr

from benchmarks.peers.readers import AsyncReader
from benchmarks.peers.readers.ours import subscription
from reconnecting_sse import AsyncStreamingTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class OursAsync(AsyncReader):
    """reconnecting-sse, on the async face."""

    has_comments = True

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        self._source = subscription(self, client)

    async def open(self) -> AsyncIterator[Any]:
        return self._source.aiter_sse()

    def close(self) -> None:
        self._source.close()


READER = OursAsync
