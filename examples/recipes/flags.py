"""Keep feature flags up to date, as SDKs of LaunchDarkly's kind do.

    FLAGS_KEY=… python flags.py https://stream.example.com/all

Each connection begins with all flags, and then sends what changes. Changes have
versions, so that one that comes late does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import (
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# A server that restarts has many clients: long waits, and for ever. A key that is
# refused (401) is raised at once.
POLICY = ReconnectPolicy(initial_delay=1.0, max_delay=30.0, unexpected="retry")


class Flags:
    """Flags by their keys; safe to read from any thread."""

    def __init__(self) -> None:
        self._flags: dict[str, dict[str, Any]] = {}

    def value(self, key: str, default: Any) -> Any:
        """Whether it is on, or what was asked for where nobody knows it."""
        flag = self._flags.get(key)
        return default if flag is None or flag.get("deleted") else flag["on"]

    def put(self, flags: dict[str, dict[str, Any]]) -> None:
        """All of them, at the beginning of a connection."""
        self._flags = dict(flags)

    def patch(self, key: str, flag: dict[str, Any]) -> None:
        """One of them, unless a newer one is there."""
        known = self._flags.get(key)
        if known is None or known["version"] < flag["version"]:
            self._flags = {**self._flags, key: flag}


def followed(client: httpxr.Client, url: str, flags: Flags) -> Iterator[Flags]:
    """The flags, after each change."""
    with ReconnectingEventSource(client, "GET", url, policy=POLICY) as source:
        for event in source:
            document = event.json()
            key = document.get("path", "").removeprefix("/flags/")
            match event.event:
                case "put":
                    flags.put(document["data"]["flags"])
                case "patch" | "delete" if key.startswith("/"):
                    continue  # of something else: segments
                case "patch":
                    flags.patch(key, document["data"])
                case "delete":
                    gone = {"version": document["version"], "deleted": True}
                    flags.patch(key, gone)
                case _:  # of a newer server
                    continue
            yield flags


@click.command(help=__doc__)
@click.argument("url")
@click.option("--key", envvar="FLAGS_KEY", show_envvar=True, required=True)
def main(url: str, key: str) -> None:
    headers = {"Authorization": key}
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        for flags in followed(client, url, Flags()):
            print("dark-mode is", flags.value("dark-mode", default=False), flush=True)


if __name__ == "__main__":
    main()
