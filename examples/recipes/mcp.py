"""Call a tool of an MCP server over streamable HTTP, through drops.

    python mcp.py https://example.com/mcp slow_tool '{"seconds": 60}'

A request is a POST; its answer is JSON, or a stream with the answer as one of its
events. A stream that ends before that is gone on with by a GET after its last event:
servers close long ones on purpose, and say by ``retry`` when to come back. (Model
Context Protocol, revision 2025-11-25, "Transports".)
"""

from __future__ import annotations

import json
from itertools import count
from time import sleep as pause
from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import (
    EventStreamDecoder,
    ReconnectingEventSource,
    StreamingTransport,
    connect_sse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse import ServerSentEvent

REVISION = "2025-11-25"
UNDERSTOOD = (REVISION, "2025-06-18")  # before, an answer could be a batch
BOTH = "application/json, text/event-stream"
ENDED = "the server ended the stream without an answer"
CLIENT = {"name": "recipe", "version": "1.0"}


class Session:
    """One session with a server."""

    def __init__(self, client: httpxr.Client, url: str) -> None:
        self._client = client
        self._url = url
        self._headers = {"Accept": BOTH}
        self._numbers = count(1)

    def initialize(self) -> Any:
        """What the server says of itself."""
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": CLIENT}
        found = self.request("initialize", params)
        if found["protocolVersion"] not in UNDERSTOOD:
            raise RuntimeError(f"it speaks revision {found['protocolVersion']}")
        self._headers["MCP-Protocol-Version"] = found["protocolVersion"]
        notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        answer = self._client.post(self._url, json=notice, headers=self._headers)
        answer.raise_for_status()
        return found

    def close(self) -> None:
        """Tell the server that the session is over; it may not care (405)."""
        if "MCP-Session-Id" in self._headers:
            self._client.delete(self._url, headers=self._headers)

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request; what the server reports meanwhile is printed."""
        number = next(self._numbers)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with connect_sse(
            self._client, "POST", self._url, json=message, headers=self._headers
        ) as source:
            source.response.raise_for_status()
            if session := source.response.headers.get("mcp-session-id"):
                self._headers["MCP-Session-Id"] = session
            if source.response.headers["content-type"].startswith("application/json"):
                return _result(json.loads(source.response.read()))
            return self._streamed(source.response, number)

    def _streamed(self, response: httpxr.Response, number: int) -> Any:
        # A decoder hears of IDs and times, too, that come without an event.
        decoder = EventStreamDecoder()
        try:
            for chunk in response.stream:  # iter_bytes() waits for the end
                for event in decoder.feed(chunk):
                    if _is_answer(event, number):
                        return _result(event.json())
        except httpxr.TransportError:  # cut
            if not decoder.last_event_id:  # there is nothing to go on after
                raise
        if not decoder.last_event_id:
            raise RuntimeError(ENDED)
        pause((decoder.retry_ms or 0) / 1000)
        return self._resumed(decoder.last_event_id, number)

    def _resumed(self, last_event_id: str, number: int) -> Any:
        headers = {**self._headers, "Accept": "text/event-stream"}
        with ReconnectingEventSource(
            self._client, "GET", self._url, headers=headers, last_event_id=last_event_id
        ) as rest:
            return _first_answer(rest, number)


def _first_answer(events: Iterable[ServerSentEvent], number: int) -> Any:
    for event in events:
        if _is_answer(event, number):
            return _result(event.json())
    raise RuntimeError(ENDED)


def _is_answer(event: ServerSentEvent, number: int) -> bool:
    if not event.data:  # it only has an ID to go on after
        return False
    message = event.json()
    if message.get("method"):
        print("…", message["method"], message.get("params"), flush=True)
    return "method" not in message and message.get("id") == number


def _result(message: dict[str, Any]) -> Any:
    if "error" in message:
        raise RuntimeError(message["error"]["message"])
    return message["result"]


@click.command(help=__doc__)
@click.argument("url")
@click.argument("tool")
@click.argument("arguments", type=json.loads, default="{}", metavar="JSON")
def main(url: str, tool: str, arguments: dict[str, Any]) -> None:
    with httpxr.Client(transport=StreamingTransport()) as client:
        session = Session(client, url)
        session.initialize()
        params = {"name": tool, "arguments": arguments}
        try:
            print(json.dumps(session.request("tools/call", params)))
        finally:
            session.close()


if __name__ == "__main__":
    main()
