"""Keep a copy of a place in a database like Firebase's, for as long as it may be read.

    FIREBASE_TOKEN_FILE=token python firebase.py https://example.firebaseio.com/chat

The server redirects to the host that has the data, and sends all of it first on each
connection: so nothing has to be resumed. It says when the token has run out; the next
one is read from the file, which somebody else keeps fresh.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse import Attempt, StreamRequest


def copies(
    client: httpxr.Client, place: str, token: Callable[[], str]
) -> Iterator[Any]:
    """What is at the place, after each change."""

    def prepare(request: StreamRequest, _attempt: Attempt) -> StreamRequest:
        return request.with_params({"auth": token()})  # a fresh one each time

    copy: Any = None
    source = ReconnectingEventSource(client, "GET", f"{place}.json", prepare=prepare)
    with source:
        for event in source:
            match event.event:
                case "put":
                    change = event.json()
                    copy = with_put(copy, steps_of(change["path"]), change["data"])
                    yield copy
                case "patch":
                    change = event.json()
                    for name, value in change["data"].items():
                        steps = steps_of(f"{change['path']}/{name}")
                        copy = with_put(copy, steps, value)
                    yield copy
                case "auth_revoked":
                    source.reconnect()
                case "cancel":  # the rules do not let it be read any more
                    raise PermissionError(event.data)


def steps_of(path: str) -> list[str]:
    return [step for step in path.split("/") if step]


def with_put(copy: Any, steps: list[str], value: Any) -> Any:
    """The copy with another value at a place; None is nothing there."""
    if not steps:
        return value
    first, *others = steps
    children = children_of(copy)
    child = with_put(children.pop(first, None), others, value)
    # A place without children is none.
    return (children if child is None else {**children, first: child}) or None


def children_of(copy: Any) -> dict[str, Any]:
    """By name; where most names are numbers, the server writes an array instead."""
    if isinstance(copy, list):
        numbered = enumerate(copy)
        return {str(n): child for n, child in numbered if child is not None}
    return dict(copy) if isinstance(copy, dict) else {}


@click.command(help=__doc__)
@click.argument("url")
@click.option(
    "--token-file",
    envvar="FIREBASE_TOKEN_FILE",
    show_envvar=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def main(url: str, token_file: Path) -> None:
    with httpxr.Client(transport=StreamingTransport()) as client:
        for copy in copies(client, url, lambda: token_file.read_text().strip()):
            print(json.dumps(copy), flush=True)


if __name__ == "__main__":
    main()
