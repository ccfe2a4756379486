"""An application that runs a worker beside its requests.

    FEED_URL=https://example.com/prices uvicorn fastapi_app:app --workers 2

Each process has a worker, so there is a lease: one works, the others stand by. Signals
are uvicorn's; the lifespan's end drains the worker.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpxr
from fastapi import FastAPI

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    SubscriptionWorker,
    stores,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconnecting_sse import ServerSentEvent

STORE = os.environ.get("STORE_URL", "sqlite:///prices.db")


async def handle(event: ServerSentEvent) -> None:
    print("handled", event.id, flush=True)


def new_worker() -> SubscriptionWorker:
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport(trust_env=True))
    source = ReconnectingEventSource(
        client,
        "GET",
        os.environ["FEED_URL"],
        store=stores.open_store(STORE),
        name="prices",
        lease=10.0,
    )
    return SubscriptionWorker(source, handle)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    worker = app.state.worker = new_worker()
    task = asyncio.create_task(worker.arun())
    yield
    worker.stop()
    await task


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, Any]:
    found = app.state.worker.health()
    return {"state": found.state, "position": found.position, "ready": found.is_ready}
