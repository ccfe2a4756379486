"""Print the edits of one wiki, and go on tomorrow where it stopped today.

    python wikimedia.py dewiki

IDs are JSON arrays, one offset for each partition of the feed's topics; the server
goes on after them. They are kept in a file, so that another run does, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import (
    ReconnectingEventSource,
    StreamingTransport,
    dialects,
    stores,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://stream.wikimedia.org/v2/stream/recentchange"
# Their operators ask for a way to reach whoever asks.
AGENT = {"User-Agent": "recent-changes/1.0 (me@example.com)"}


def edits(
    client: httpxr.Client, url: str, wiki: str, store: stores.Store
) -> Iterator[str]:
    """The titles of pages that were edited."""
    source = ReconnectingEventSource(
        client,
        "GET",
        url,
        headers=AGENT,
        dialect=dialects.WIKIMEDIA,
        store=store,
        name=f"edits of {wiki}",
    )
    with source:
        for change in source.iter_json():
            # Canary events keep a feed alive that nobody edits.
            is_real = change["meta"]["domain"] != "canary"
            if is_real and change["wiki"] == wiki and change["type"] == "edit":
                yield change["title"]


@click.command(help=__doc__)
@click.argument("wiki")
@click.option("--url", envvar="WIKIMEDIA_URL", default=URL, show_default=True)
def main(wiki: str, url: str) -> None:
    store = stores.SqliteStore("wikimedia.db")
    with httpxr.Client(transport=StreamingTransport()) as client:
        for title in edits(client, url, wiki, store):
            print(title, flush=True)


if __name__ == "__main__":
    main()
