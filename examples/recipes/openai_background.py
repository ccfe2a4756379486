"""Print a response that is generated in the background, through every drop.

    OPENAI_API_KEY=… python openai_background.py "Write a long story."

The response goes on at the server whoever listens. Each event has a number; after a
drop the rest is fetched by a GET after the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import ReconnectingEventSource, StreamingTransport, dialects

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://api.openai.com/v1/responses"
MODEL = "gpt-5"
FAILURES = ("response.failed", "response.incomplete", "response.cancelled", "error")


def spoken(client: httpxr.Client, url: str, prompt: str) -> Iterator[str]:
    """The answer, piece by piece, until the response is completed."""
    body = {"model": MODEL, "background": True, "stream": True, "input": prompt}
    source = ReconnectingEventSource(
        client, "POST", url, json=body, dialect=dialects.OPENAI, on_end="reconnect"
    )
    with source:
        for event in source:
            if event.event == "response.output_text.delta":
                yield event.json()["delta"]
            elif event.event in FAILURES:
                raise RuntimeError(event.data)


@click.command(help=__doc__)
@click.argument("prompt")
@click.option("--key", envvar="OPENAI_API_KEY", show_envvar=True, required=True)
@click.option("--url", envvar="RESPONSES_URL", default=URL, show_default=True)
def main(prompt: str, key: str, url: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        for piece in spoken(client, url, prompt):
            print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
