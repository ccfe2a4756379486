"""Print the messages of an ntfy topic, those of the last twelve hours first.

    python ntfy.py https://ntfy.sh/mytopic

What has arrived is known by the messages' IDs: the server is asked for those since the
last one. It keeps them for twelve hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport, dialects

if TYPE_CHECKING:
    from collections.abc import Iterator


def messages(client: httpxr.Client, topic: str) -> Iterator[dict[str, Any]]:
    """The messages, each once."""
    source = ReconnectingEventSource(
        client, "GET", f"{topic}/sse", params={"since": "all"}, dialect=dialects.NTFY
    )
    with source:
        for document in source.iter_json():
            if document["event"] == "message":  # not "open", nor "keepalive"
                yield document


@click.command(help=__doc__)
@click.argument("url")
def main(url: str) -> None:
    with httpxr.Client(transport=StreamingTransport()) as client:
        for message in messages(client, url):
            print(message.get("title", ""), message["message"], flush=True)


if __name__ == "__main__":
    main()
