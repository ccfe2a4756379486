"""A feed from memory: transports that answer without any socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.core.encoder import encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from httpxr.sse import ServerSentEvent

_HEADERS = {"Content-Type": "text/event-stream"}


class _Feed:
    def __init__(self, events: Sequence[ServerSentEvent]) -> None:
        self._events = events

    def _after(self, request: httpxr.Request) -> bytes:
        """The events after the client's; all of them, where it has none of these."""
        known = request.headers.get("Last-Event-ID")
        ids = [event.id for event in self._events]
        first = ids.index(known) + 1 if known in ids else 0
        return b"".join(map(encode, self._events[first:]))


class Feed(_Feed, httpxr.BaseTransport):
    """For a ``Client``."""

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        """The rest of the feed, which then ends."""
        body = iter([self._after(request)])
        return httpxr.Response(200, headers=_HEADERS, stream=body)


class AsyncFeed(_Feed, httpxr.AsyncBaseTransport):
    """For an ``AsyncClient``."""

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        """The rest of the feed, which then ends."""
        body = _asynchronous(self._after(request))
        return httpxr.Response(200, headers=_HEADERS, stream=body)


async def _asynchronous(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
