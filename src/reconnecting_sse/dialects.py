"""How the feeds people use are resumed; and what one's own dialect is made of.

Each is a ``Dialect`` for ``dialect=``, or a function that makes one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.dialect import (
    STANDARD,
    Dialect,
    by_body,
    by_header,
    by_query,
    by_url,
)

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.exchange.request import StreamRequest

__all__ = [
    "COUCHDB",
    "DURABLE_STREAMS",
    "HORIZON",
    "LAUNCHDARKLY",
    "MCP",
    "NTFY",
    "OPENAI",
    "STANDARD",
    "WIKIMEDIA",
    "Dialect",
    "by_body",
    "by_header",
    "by_query",
    "by_url",
    "mercure",
]


def _document(event: ServerSentEvent) -> dict[str, Any]:
    """The event's data, if it is a JSON object; else an empty one."""
    try:
        document = json.loads(event.data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def mercure(parameter: str = "lastEventID") -> Dialect:
    """A Mercure hub: the ID travels in the query.

    The Mercure protocol, section "Reconciliation": hubs of its newer revision take
    ``last_event_id``. Either names in a response header what it resumed after.
    """
    return Dialect(
        resume=by_query(parameter),
        gap_headers=("Mercure-Last-Event-ID", "Last-Event-ID"),
    )


WIKIMEDIA = Dialect(once=("since",))
"""Wikimedia's EventStreams: IDs are JSON arrays, and ``since`` is for a first start.

wikitech.wikimedia.org/wiki/Event_Platform/EventStreams_HTTP_Service
"""


# ------------------------------------------------------------------ OpenAI

_OPENAI_ENDS = {
    "response.completed",
    "response.failed",
    "response.incomplete",
    "response.cancelled",
}


def _openai_position(event: ServerSentEvent, before: str) -> str | None:
    document = _document(event)
    response = document.get("response")
    known, _, _ = before.partition(" ")
    name = response.get("id") if isinstance(response, dict) else known
    number = document.get("sequence_number")
    return f"{name} {number}" if name and isinstance(number, int) else None


def _openai_resume(request: StreamRequest, position: str) -> StreamRequest:
    name, _, number = position.partition(" ")
    url, _, _ = request.url.partition("?")
    kept = replace(request, method="GET", url=f"{url.rstrip('/')}/{name}", body={})
    return kept.with_params({"stream": "true", "starting_after": number})


def _is_openai_end(event: ServerSentEvent) -> bool:
    return _document(event).get("type") in _OPENAI_ENDS


OPENAI = Dialect(
    position=_openai_position, resume=_openai_resume, is_end=_is_openai_end
)
"""OpenAI's background responses: a POST with ``background`` and ``stream``, and then
GETs of the response after the number of the last event.

platform.openai.com/docs/guides/background, "Streaming a background response". The
position holds both, as "resp_1 42": few events name the response, all have a number. A
connection that ends before the response does is resumed with ``on_end="reconnect"``.
"""


# ------------------------------------------------------------------ ntfy


def _ntfy_position(event: ServerSentEvent, _before: str) -> str | None:
    document = _document(event)
    is_message = document.get("event") == "message"
    return document.get("id") if is_message else None


NTFY = Dialect(position=_ntfy_position, resume=by_query("since"))
"""ntfy: messages have their ID in the data, and ``since`` names one.

docs.ntfy.sh/subscribe/api, "Fetch cached messages". ``open`` and ``keepalive`` events
have IDs, too, which name nothing.
"""


# ------------------------------------------------------------------ Stellar Horizon


def _horizon_position(event: ServerSentEvent, _before: str) -> str | None:
    is_greeting = event.data in ('"hello"', '"byebye"')
    return None if is_greeting else event.id


HORIZON = Dialect(position=_horizon_position, resume=by_query("cursor"))
"""Stellar's Horizon: IDs are paging tokens, and travel as ``cursor``.

developers.stellar.org/docs/data/apis/horizon/api-reference/structure/streaming: "hello"
and "byebye" come with each connection, and are no events of the feed.
"""


# ------------------------------------------------------------------ CouchDB


def _couchdb_position(event: ServerSentEvent, _before: str) -> str | None:
    return None if event.event == "heartbeat" else event.id


COUCHDB = Dialect(position=_couchdb_position, resume=by_query("since"))
"""CouchDB's ``_changes?feed=eventsource``: IDs are update sequences.

docs.couchdb.org/en/stable/api/database/changes.html: ``since`` in the query counts,
whatever it was at first ("now", say).
"""


# ------------------------------------------------------------------ LaunchDarkly


def _launchdarkly_position(event: ServerSentEvent, _before: str) -> str | None:
    if event.event != "payload-transferred":
        return None
    return _document(event).get("state")


LAUNCHDARKLY = Dialect(position=_launchdarkly_position, resume=by_query("basis"))
"""LaunchDarkly's second data system (FDv2): what was transferred whole has a state.

As its public SDKs do: ``payload-transferred`` ends a transfer and names the state,
which travels as ``basis``; a transfer that was cut off comes again.
"""


# ------------------------------------------------------------------ Durable Streams


def _durable_streams_position(event: ServerSentEvent, _before: str) -> str | None:
    if event.event != "control":
        return None
    return _document(event).get("streamNextOffset")


def _is_durable_streams_end(event: ServerSentEvent) -> bool:
    return event.event == "control" and bool(_document(event).get("streamClosed"))


DURABLE_STREAMS = Dialect(
    position=_durable_streams_position,
    resume=by_query("offset"),
    is_end=_is_durable_streams_end,
)
"""Durable Streams with ``live=sse``: offsets come in events of their own.

github.com/durable-streams/durable-streams, PROTOCOL.md, "Read Stream - Live (SSE)": a
``control`` event follows the data it is about; what followed the last one comes again.
"""


# ------------------------------------------------------------------ MCP


def _mcp_resume(request: StreamRequest, position: str) -> StreamRequest:
    resumed = replace(request, method="GET", body={})
    return resumed.with_headers({"Last-Event-ID": position})


MCP = Dialect(resume=_mcp_resume)
"""The Model Context Protocol's Streamable HTTP, up to its revision 2025-11-25.

modelcontextprotocol.io/specification/2025-11-25/basic/transports, "Resumability and
Redelivery": also the stream that answers a POST is resumed by a GET with
``Last-Event-ID``, of the same URL.
"""
