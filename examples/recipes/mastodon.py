"""Print the public statuses of a Mastodon server, those of every drop included.

    MASTODON_TOKEN=… python mastodon.py https://mastodon.example

The stream has no IDs and no replay: what was posted while nobody listened is fetched
from the REST API as soon as a connection is open again.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport
from reconnecting_sse.lifecycle import Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse import Lifecycle

PAGE = 40  # the most that a server gives at once
OVERLAP = 40  # statuses; they may be streamed in another order than that of their IDs
REMEMBERED = 10_000


class Timeline:
    """The public timeline of a server from now on; ``handle`` gets each status once."""

    def __init__(
        self,
        client: httpxr.Client,
        server: str,
        handle: Callable[[dict[str, Any]], object],
    ) -> None:
        self._client = client
        self._server = server
        self._handle = handle
        self._told: deque[str] = deque(maxlen=REMEMBERED)
        # The newest ID, as it was after each of the last statuses.
        self._newest: deque[int] = deque(maxlen=OVERLAP)
        self._behind: int | None = None  # what is above it has to be fetched

    def follow(self) -> None:
        """Hand over statuses for ever."""
        self._newest.append(max(map(_number, self._page(limit=1)), default=0))
        source = ReconnectingEventSource(
            self._client,
            "GET",
            f"{self._streaming()}/api/v1/streaming/public",
            on_lifecycle=self._heard,
            on_comment=lambda _: self._catch_up(),  # one comes every 15 s
        )
        with source:
            for event in source:
                self._catch_up()
                if event.event == "update":
                    self._tell(event.json())

    def _streaming(self) -> str:
        # Its host may be another one; it is given for WebSockets.
        instance = self._asked("/api/v2/instance")
        url: str = instance["configuration"]["urls"]["streaming"]
        return url.replace("ws", "http", 1) if url.startswith("ws") else url

    def _heard(self, fact: Lifecycle) -> None:
        if isinstance(fact, Opened):
            if self._behind is None:
                self._behind = self._newest[0]
            self._catch_up()

    def _catch_up(self) -> None:
        if self._behind is None:
            return
        try:
            for status in self._above(self._behind):
                self._tell(status)
        except httpxr.HTTPError as error:  # it is tried again soon
            print("not caught up:", type(error).__name__, file=sys.stderr)
        else:
            self._behind = None

    def _above(self, number: int) -> Iterator[dict[str, Any]]:
        # min_id gives the page just above it; since_id would give the newest page.
        while page := self._page(min_id=number, limit=PAGE):
            yield from sorted(page, key=_number)
            number = max(map(_number, page))

    def _page(self, **params: int) -> list[dict[str, Any]]:
        page: list[dict[str, Any]] = self._asked("/api/v1/timelines/public", **params)
        return page

    def _asked(self, path: str, **params: int) -> Any:
        answer = self._client.get(f"{self._server}{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    def _tell(self, status: dict[str, Any]) -> None:
        if status["id"] not in self._told:
            self._handle(status)
            self._told.append(status["id"])
            self._newest.append(max(self._newest[-1], _number(status)))


def _number(status: dict[str, Any]) -> int:
    return int(status["id"])  # numbers, as text


@click.command(help=__doc__)
@click.argument("url")
@click.option("--token", envvar="MASTODON_TOKEN", show_envvar=True, required=True)
def main(url: str, token: str) -> None:
    def show(status: dict[str, Any]) -> None:
        print(status["account"]["acct"], status["url"], flush=True)

    headers = {"Authorization": f"Bearer {token}"}
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        Timeline(client, url, show).follow()


if __name__ == "__main__":
    main()
