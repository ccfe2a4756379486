"""Follow topics of a Mercure hub, and hear when its history is shorter than the drop.

    MERCURE_TOKEN=… python mercure.py https://example.com/.well-known/mercure books/1

The position travels in the query. A hub that does not have it any more says where it
resumed instead: then the current state is to be fetched anew.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport, dialects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse import Gap, ServerSentEvent


def updates(
    client: httpxr.Client,
    hub: str,
    topics: list[str],
    missed: Callable[[Gap], object],
    *,
    parameter: str = "lastEventID",
) -> Iterator[ServerSentEvent]:
    """The updates; ``missed`` is called where some were lost."""
    source = ReconnectingEventSource(
        client,
        "GET",
        hub,
        params=[("topic", topic) for topic in topics],
        dialect=dialects.mercure(parameter),
        on_gap=missed,
    )
    with source:
        yield from source


@click.command(help=__doc__)
@click.argument("hub")
@click.argument("topics", nargs=-1, required=True)
@click.option("--token", envvar="MERCURE_TOKEN", show_envvar=True)
@click.option(
    "--parameter",
    envvar="MERCURE_PARAMETER",
    default="lastEventID",
    help="Newer hubs want last_event_id.",
)
def main(hub: str, topics: tuple[str, ...], token: str | None, parameter: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def missed(gap: Gap) -> None:
        print(f"missed what came after {gap.asked_for}", file=sys.stderr)

    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        for update in updates(client, hub, topics, missed, parameter=parameter):
            print(update.id, update.data, flush=True)


if __name__ == "__main__":
    main()
