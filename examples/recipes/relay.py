"""An application that relays a feed to browsers, and hides its credentials from them.

    FEED_URL=https://example.com/feed FEED_TOKEN=… uvicorn relay:app

A browser that reconnects sends the ID of the last event that it saw. It is passed on,
so that the browser goes on where it was, whichever process serves it now.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import httpxr
from fastapi import FastAPI, Header
from fastapi.responses import StreamingResponse

from reconnecting_sse import AsyncStreamingTransport, ReconnectingEventSource, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEARTBEAT = 15.0
"""Seconds of silence after which a proxy in between is shown that all is well."""

app = FastAPI()


@app.get("/events")
async def events(last_event_id: Annotated[str, Header()] = "") -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        relayed(last_event_id), media_type="text/event-stream", headers=headers
    )


async def relayed(last_event_id: str) -> AsyncIterator[bytes]:
    """The feed's events as they come; the browser's leaving closes it."""
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
    token = os.environ.get("FEED_TOKEN", "")
    source = ReconnectingEventSource(
        client,
        "GET",
        os.environ["FEED_URL"],
        headers={"Authorization": f"Bearer {token}"},
        last_event_id=last_event_id,
    )
    async with source:
        feed = aiter(source)
        coming = asyncio.ensure_future(anext(feed, None))
        try:
            while True:
                # To break the wait off would break off the connection, too.
                done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT)
                if not done:
                    yield b": all is well\n\n"
                    continue
                event = coming.result()
                if event is None:  # the feed is over
                    return
                yield encode(event)
                coming = asyncio.ensure_future(anext(feed, None))
        finally:
            coming.cancel()
