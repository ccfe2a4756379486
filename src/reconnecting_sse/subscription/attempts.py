"""What the faces need of a caller's settings to make their calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.callers import ask
from reconnecting_sse.exchange.answers import answer_of
from reconnecting_sse.exchange.client import ClientSettings, Transports
from reconnecting_sse.exchange.exchange import Exchange
from reconnecting_sse.exchange.failures import failed_attempt
from reconnecting_sse.exchange.resuming import resuming
from reconnecting_sse.subscription import log
from reconnecting_sse.transports.abort import ABORT, AbortSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpxr

    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.core.dialect import Dialect
    from reconnecting_sse.core.lifecycle import Attempt, Lifecycle
    from reconnecting_sse.core.reconnection import Failure
    from reconnecting_sse.exchange.calls import Exchanged
    from reconnecting_sse.exchange.client import Client
    from reconnecting_sse.exchange.request import Prepare, StreamRequest
    from reconnecting_sse.exchange.urls import Origin


@dataclass(frozen=True, slots=True)
class Attempts:
    """What both faces need to make their calls.

    Attributes:
        request: What to send, but for the last event ID.
        content_types: What is read as events.
        dialect: How a position travels.
        prepare: Called before each attempt; gives the request to send in its place.
        timeout: What goes into the request's ``extensions["timeout"]``.
        listeners: Called with each fact, after it was logged.
        on_comment: Called with the text of each comment.
    """

    client: Client
    transports: Transports
    request: StreamRequest
    content_types: frozenset[str]
    dialect: Dialect
    prepare: Prepare | None
    url: str
    timeout: Mapping[str, float | None]
    logger: Any
    signal: AbortSignal
    listeners: Sequence[Callable[[Lifecycle], object]] = ()
    on_comment: Callable[[str], object] | None = None

    def exchange(
        self,
        attempt: Attempt,
        *,
        is_async: bool,
        admit: Callable[[Origin], Any] | None = None,
    ) -> Exchange:
        """The exchange of one attempt; ``admit`` is asked before each of its hosts."""
        return Exchange(
            resuming(self.request, self.dialect, attempt.last_event_id),
            ask(ClientSettings.of, self.client),
            self.transports,
            extensions={"timeout": dict(self.timeout), ABORT: self.signal},
            is_async=is_async,
            content_types=self.content_types,
            prepare=self.prepare and (lambda request: self.prepare(request, attempt)),
            admit=admit,
        )

    def failed(
        self, error: httpxr.HTTPError, attempt: Attempt, exchange: Exchange
    ) -> Failure:
        """What an attempt's error means to the loop."""
        failure = failed_attempt(
            error,
            self.url,
            substituted=self.transports.has_substituted,
            id_bytes=len(attempt.last_event_id.encode()),
        )
        return replace(failure, sent=exchange.sent)

    def answer(self, exchanged: Exchanged, exchange: Exchange) -> Answer:
        """What an attempt's response means to the session."""
        answer = answer_of(exchanged.response, exchanged.refusal)
        return replace(answer, sent=exchange.sent, wanted=self.content_types)

    def hear(self, comments: Iterable[str]) -> None:
        """Hand comments out, until the caller wants no more."""
        ask(self._hear, comments)

    def _hear(self, comments: Iterable[str]) -> None:
        assert self.on_comment is not None
        for comment in comments:
            if self.signal.aborted:
                break
            self.on_comment(comment)

    def tell(self, fact: Lifecycle) -> None:
        """Log a fact, and tell whoever listens."""
        ask(log.write, self.logger, fact)
        for listener in self.listeners:
            ask(listener, fact)
