"""Attempts to connect, for OpenTelemetry: a span each, which ends with the head.

A span over the weeks that a stream may last would ruin every chart of latencies.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind, StatusCode

from reconnecting_sse.core.authority import DEFAULT_PORTS
from reconnecting_sse.core.lifecycle import Closed, Connecting, Dropped, Opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span, SpanContext, Tracer

    from reconnecting_sse.core.lifecycle import Lifecycle

# Those that the conventions know; any other may be anything, and is no part of a name.
_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)
_OTHER = {"http.request.method": "_OTHER"}
_FIRST_ERROR = 400


def server_of(url: str) -> dict[str, Any]:
    """Where it is asked for, in the conventions' words."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    found: dict[str, Any] = {"server.address": parts.hostname or ""}
    return found if port is None else found | {"server.port": port}


class AttemptSpans:
    """Made from the facts of a source's life.

    Args:
        url: The feed's, redacted.
        duration: Where the time of each is recorded, with ``about``.

    Attributes:
        opened: The span of the attempt that the stream at hand came from; nothing
            where nobody keeps it.
    """

    def __init__(
        self,
        tracer: Tracer,
        duration: Histogram,
        *,
        url: str,
        method: str,
        about: Mapping[str, Any],
    ) -> None:
        self._tracer = tracer
        self._duration = duration
        self._about = {**about, "messaging.operation.name": "subscribe"}
        is_known = method in _METHODS
        self._name = method if is_known else "HTTP"
        asked = {"http.request.method": method} if is_known else _OTHER
        self._attributes = asked | {"url.full": url} | server_of(url)
        self._span: Span | None = None
        self._began = 0.0
        self.opened: tuple[SpanContext, ...] = ()

    def hear(self, fact: Lifecycle) -> None:
        """An attempt begins, or ends; or something else happens."""
        match fact:
            case Connecting():
                self._ended(None, "interrupted")
                self._begun()
            case Opened():
                self._ended(fact.status, None)
            case Dropped():
                self._ended(fact.status, fact.cause)
            case Closed():
                # The feed's own end is an answer as good as any.
                is_well = fact.status is not None and fact.status < _FIRST_ERROR
                self._ended(
                    fact.status,
                    None if is_well and fact.error is None else fact.reason,
                )
            case _:
                pass

    def _begun(self) -> None:
        self._began = time.perf_counter()
        self._span = span = self._tracer.start_span(self._name, kind=SpanKind.CLIENT)
        if span.is_recording():
            span.set_attributes(self._attributes)

    def _ended(self, status: int | None, cause: str | None) -> None:
        """The response's head came, or nothing will."""
        span, self._span = self._span, None
        if span is None:
            return
        error = cause
        if error is not None and status is not None and status >= _FIRST_ERROR:
            error = str(status)
        found = {} if error is None else {"error.type": error}
        self._duration.record(time.perf_counter() - self._began, self._about | found)
        if span.is_recording():
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            span.set_attributes(found)
            if error is not None:
                span.set_status(StatusCode.ERROR)
        context = span.get_span_context()
        if error is None:
            self.opened = (context,) if context.is_valid else ()
        span.end()
