"""Print what happens in a house with a bridge like Philips Hue's.

    HUE_KEY=… python hue.py 192.168.1.20 001788fffe123456 hue-ca.pem

The bridge is reached by its address, and its certificate names its ID: so that is what
the certificate is held against, and its maker's authority is the one that is trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport

if TYPE_CHECKING:
    from collections.abc import Iterator


def client_of(bridge_id: str, authority: str, key: str) -> httpxr.Client:
    """A client that trusts this bridge, and no other."""
    transport = StreamingTransport(verify=authority, server_hostname=bridge_id)
    return httpxr.Client(transport=transport, headers={"hue-application-key": key})


def changes(client: httpxr.Client, address: str) -> Iterator[dict[str, Any]]:
    """What has changed, resource by resource."""
    url = f"https://{address}/eventstream/clip/v2"
    with ReconnectingEventSource(client, "GET", url) as source:
        for document in source.iter_json():
            for message in document:
                if message["type"] == "update":
                    yield from message["data"]


@click.command(help=__doc__)
@click.argument("address")
@click.argument("bridge_id")
@click.argument("authority", type=click.Path(exists=True))
@click.option("--key", envvar="HUE_KEY", show_envvar=True, required=True)
def main(address: str, bridge_id: str, authority: str, key: str) -> None:
    with client_of(bridge_id.lower(), authority, key) as client:
        for change in changes(client, address):
            print(change["type"], change["id"], flush=True)


if __name__ == "__main__":
    main()
