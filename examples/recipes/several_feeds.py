"""Follow several feeds at once: one task each, in one group.

    python several_feeds.py https://example.com/prices https://example.com/news

A feed that fails for good cancels the others, and the error is raised; Ctrl-C ends
all. (For feeds that are to be restarted on their own there is ``run_workers``.)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import AsyncStreamingTransport, ReconnectingEventSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse import ServerSentEvent

    Handle = Callable[[str, ServerSentEvent], object]


async def follow(client: httpxr.AsyncClient, url: str, handle: Handle) -> None:
    """One feed, to its end."""
    async with ReconnectingEventSource(client, "GET", url) as source:
        async for event in source:
            handle(url, event)


async def follow_all(urls: list[str], handle: Handle) -> None:
    """All feeds, to their ends."""
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(follow(client, url, handle))


@click.command(help=__doc__)
@click.argument("urls", nargs=-1, required=True)
def main(urls: tuple[str, ...]) -> None:
    def show(url: str, event: ServerSentEvent) -> None:
        print(url, event.data, flush=True)

    asyncio.run(follow_all(urls, show))


if __name__ == "__main__":
    main()
