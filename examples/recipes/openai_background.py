"""Print a response that is generated in the background, through every drop.

    OPENAI_API_KEY=… python openai_background.py "Write a long story."

The response goes on at the server whoever listens. Each event has a number; after a
drop the rest is fetched by a GET after the last one.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

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


def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    url = os.environ.get("RESPONSES_URL", URL)
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        for piece in spoken(client, url, sys.argv[1]):
            print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
