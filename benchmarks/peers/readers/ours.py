"""reconnecting-sse, on the sync face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpxr

from benchmarks.peers.readers import Reader, Seen
from reconnecting_sse import (
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def subscription(reader: Reader, client: httpxr.Client | httpxr.AsyncClient) -> Any:
    limits = {}
    if reader.silence:
        limits = {"idle_timeout": reader.silence, "header_timeout": reader.silence}
    return ReconnectingEventSource(
        client,
        reader.method,
        reader.url,
        policy=ReconnectPolicy(initial_delay=0.05 if reader.quick else 1.0),
        last_event_id=reader.last_event_id or None,
        on_comment=reader.comments.append,
        **limits,
        **reader.request,
    )


class Ours(Reader):
    """reconnecting-sse, on the sync face."""

    has_comments = True

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._source = subscription(self, httpxr.Client(transport=StreamingTransport()))

    def events(self) -> Iterator[Seen]:
        for event in self._source.iter_sse():
            yield Seen(event.id, event.data)

    def close(self) -> None:
        self._source.close()


READER = Ours
