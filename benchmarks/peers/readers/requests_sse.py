"""requests-sse as it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from requests_sse import EventSource

from benchmarks.peers.readers import Reader, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator


class RequestsSSE(Reader):
    """requests-sse as it comes."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._source = EventSource(
            url,
            method=self.method,
            reconnection_time=timedelta(seconds=0.05 if self.quick else 5),
            timeout=self.silence,
            latest_event_id=self.last_event_id or None,
            **self.request,
        )
        self._is_entered = False

    def events(self) -> Iterator[Seen]:
        if not self._is_entered:
            self._source.__enter__()
            self._is_entered = True
        for event in self._source:
            yield Seen(event.last_event_id, event.data)

    def close(self) -> None:
        self._source.close()


READER = RequestsSSE
