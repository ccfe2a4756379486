"""Print the public statuses of a Mastodon server, those of every drop included.

    MASTODON_TOKEN=… python mastodon.py https://mastodon.example

The stream has no IDs and no replay: what was posted while nobody listened is fetched
from the REST API once a connection is open again, before the stream goes on.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport
from reconnecting_sse.lifecycle import Opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconnecting_sse import Lifecycle

PAGE = 40  # the most that a server gives at once


class Statuses:
    """The statuses of a server's public timeline, each once, the oldest first."""

    def __init__(self, client: httpxr.Client, server: str) -> None:
        self._client = client
        self._server = server
        self._newest = 0  # IDs are numbers, as text, and ascend
        self._missed: deque[dict[str, Any]] = deque()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        source = ReconnectingEventSource(
            self._client,
            "GET",
            f"{self._server}/api/v1/streaming/public",
            on_lifecycle=self._heard,
        )
        with source:
            for event in source:
                # What a connection missed comes before its first event.
                while self._missed:
                    yield from self._new(self._missed.popleft())
                if event.event == "update":
                    yield from self._new(event.json())

    def _new(self, status: dict[str, Any]) -> Iterator[dict[str, Any]]:
        # One that was posted while the others were fetched is in both.
        if int(status["id"]) > self._newest:
            self._newest = int(status["id"])
            yield status

    def _heard(self, fact: Lifecycle) -> None:
        if isinstance(fact, Opened) and self._newest:
            self._missed.extend(self._since(self._newest))

    def _since(self, newest: int) -> Iterator[dict[str, Any]]:
        url = f"{self._server}/api/v1/timelines/public"
        while True:
            # min_id: the page just above it; since_id would be the newest page.
            answer = self._client.get(url, params={"min_id": newest, "limit": PAGE})
            answer.raise_for_status()
            page = sorted(answer.json(), key=lambda status: int(status["id"]))
            if not page:
                return
            yield from page
            newest = int(page[-1]["id"])


def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['MASTODON_TOKEN']}"}
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        for status in Statuses(client, sys.argv[1]):
            print(status["account"]["acct"], status["url"], flush=True)


if __name__ == "__main__":
    main()
