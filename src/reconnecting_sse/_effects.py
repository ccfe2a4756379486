"""What the faces need of a caller's settings to make their calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse import _log
from reconnecting_sse._callers import ask
from reconnecting_sse._client import ClientSettings, Transports
from reconnecting_sse._exchange import Exchange
from reconnecting_sse._failures import PERMANENT, failed_attempt
from reconnecting_sse._loop import Failure, Raised
from reconnecting_sse._request import resuming
from reconnecting_sse.transports._abort import ABORT, AbortSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpxr

    from reconnecting_sse._calls import Steps
    from reconnecting_sse._client import Client
    from reconnecting_sse._request import Prepare, StreamRequest
    from reconnecting_sse.lifecycle import Attempt, Lifecycle


@dataclass(frozen=True, slots=True)
class Effects:
    """What both faces need to make their calls.

    Attributes:
        request: What to send, but for the last event ID.
        prepare: Called before each attempt; gives the request to send in its place.
        timeout: What goes into the request's ``extensions["timeout"]``.
        listeners: Called with each fact, after it was logged.
    """

    client: Client
    transports: Transports
    request: StreamRequest
    prepare: Prepare | None
    url: str
    timeout: Mapping[str, float | None]
    logger: Any
    signal: AbortSignal
    listeners: Sequence[Callable[[Lifecycle], object]] = ()

    def exchange(self, attempt: Attempt, *, is_async: bool) -> tuple[Exchange, Steps]:
        """The exchange of one attempt, and the steps it takes."""
        client = ask(ClientSettings.of, self.client)
        exchange = Exchange(
            client,
            self.transports,
            extensions={"timeout": dict(self.timeout), ABORT: self.signal},
            is_async=is_async,
        )
        request = resuming(self.request, attempt.last_event_id, client.headers)
        if self.prepare is None:
            return exchange, exchange.run(request)
        prepare = partial(self.prepare, request, attempt)
        return exchange, exchange.run(request, prepare)

    def failed(self, error: httpxr.HTTPError, exchange: Exchange) -> Failure | Raised:
        """What an attempt's error means to the loop."""
        if isinstance(error, PERMANENT):
            return Raised(error)
        is_substituted = self.transports.has_substituted
        failure = failed_attempt(error, self.url, substituted=is_substituted)
        return replace(failure, acted=failure.acted and exchange.has_sent)

    def tell(self, fact: Lifecycle) -> None:
        """Log a fact, and tell whoever listens."""
        ask(_log.write, self.logger, fact)
        for listener in self.listeners:
            ask(listener, fact)
