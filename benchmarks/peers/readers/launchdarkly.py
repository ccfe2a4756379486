"""launchdarkly-eventsource with the strategy that always continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import urllib3
from ld_eventsource import SSEClient
from ld_eventsource.actions import Comment, Event
from ld_eventsource.config import ConnectStrategy, ErrorStrategy

from benchmarks.peers.readers import Reader, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator


class LaunchDarkly(Reader):
    """launchdarkly-eventsource with the strategy that always continues."""

    has_post = False
    has_comments = True

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        limits = urllib3.Timeout(connect=self.silence, read=self.silence)
        self._client = SSEClient(
            ConnectStrategy.http(
                url,
                headers=self.request.get("headers"),
                urllib3_request_options={"timeout": limits} if self.silence else None,
            ),
            initial_retry_delay=0.05 if self.quick else 1,
            error_strategy=None if self.strict else ErrorStrategy.always_continue(),
            last_event_id=self.last_event_id or None,
        )

    def events(self) -> Iterator[Seen]:
        for action in self._client.all:
            if isinstance(action, Event):
                yield Seen(action.last_event_id or "", action.data)
            elif isinstance(action, Comment):
                self.comments.append(action.comment)

    def close(self) -> None:
        self._client.close()


READER = LaunchDarkly
