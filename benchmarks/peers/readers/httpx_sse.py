"""httpx-sse with the retry loop that its documentation builds from stamina."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import stamina
from httpx_sse import connect_sse

from benchmarks.peers.readers import Reader, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator


class HttpxSSE(Reader):
    """httpx-sse with the retry loop that its documentation builds from stamina."""

    drop = "reset"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        limits = {"timeout": self.silence} if self.silence else {}
        self._client = httpx.Client(follow_redirects=True, **limits)

    def events(self) -> Iterator[Seen]:
        cursor, delay = self.last_event_id, 0.0
        own = self.request.pop("headers", {})

        @stamina.retry(on=httpx.ReadError)
        def stream() -> Iterator[Seen]:
            nonlocal cursor, delay
            time.sleep(delay)
            headers = {**own, "Last-Event-ID": cursor} if cursor else own
            how = {**self.request, "headers": headers}
            with connect_sse(self._client, self.method, self.url, **how) as source:
                for event in source.iter_sse():
                    cursor = event.id
                    if event.retry is not None:
                        delay = event.retry / 1000
                    yield Seen(event.id, event.data)

        yield from stream()

    def close(self) -> None:
        self._client.close()


READER = HttpxSSE
