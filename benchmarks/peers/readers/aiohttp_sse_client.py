"""aiohttp-sse-client as it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import ClientTimeout
from aiohttp_sse_client.client import EventSource

from benchmarks.peers.readers import AsyncReader, Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class AiohttpSSE(AsyncReader):
    """aiohttp-sse-client as it comes."""

    async def open(self) -> AsyncIterator[Any]:

        headers = dict(self.request.pop("headers", {}))
        if self.last_event_id:
            headers["Last-Event-Id"] = self.last_event_id
        limits = {}
        if self.silence:
            limits = {"timeout": ClientTimeout(sock_read=self.silence)}
        self._source = EventSource(
            self.url,
            option={"method": self.method},
            reconnection_time=timedelta(seconds=0.05 if self.quick else 5),
            headers=headers,
            **limits,
            **self.request,
        )
        await self._source.__aenter__()
        return self._source

    async def _next(self) -> Seen:
        event = await anext(self._source)
        return Seen(event.last_event_id, event.data)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(
            lambda: self._loop.create_task(self._source.close())
        )


READER = AiohttpSSE
