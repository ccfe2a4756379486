"""Print a chat completion as it is generated.

    OPENAI_API_KEY=… python chat.py "Why is the sky blue?"

A POST is not sent again once the server may have acted on it: a cut is a
``StreamInterrupted``, and an end before ``[DONE]`` a ``StreamEnded``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import (
    ReconnectingEventSource,
    StreamEnded,
    StreamingTransport,
    StreamInterrupted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://api.openai.com/v1/chat/completions"
MODEL = "gpt-4o-mini"


def spoken(client: httpxr.Client, url: str, question: str) -> Iterator[str]:
    """The answer, piece by piece, until ``[DONE]``."""
    messages = [{"role": "user", "content": question}]
    body = {"model": MODEL, "stream": True, "messages": messages}
    # A stream that ends before [DONE] is a StreamEnded: the answer is not whole.
    source = ReconnectingEventSource(
        client, "POST", url, json=body, until=lambda event: event.data == "[DONE]"
    )
    with source:
        for document in source.iter_json():
            if "error" in document:  # the answer had begun: it is no status any more
                raise RuntimeError(document["error"])
            for choice in document["choices"]:  # there may be none, with the usage
                yield choice["delta"].get("content") or ""


@click.command(help=__doc__)
@click.argument("prompt")
@click.option("--key", envvar="OPENAI_API_KEY", show_envvar=True, required=True)
@click.option("--url", envvar="CHAT_URL", default=URL, show_default=True)
def main(prompt: str, key: str, url: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpxr.Client(transport=StreamingTransport(), headers=headers) as client:
        try:
            for piece in spoken(client, url, prompt):
                print(piece, end="", flush=True)
            print()
        except (StreamInterrupted, StreamEnded) as error:
            sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
