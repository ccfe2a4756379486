"""OpenTelemetry: spans and metrics of a worker, by its API alone (extra ``otel``).

The names are those of the semantic conventions for HTTP clients and for messaging. The
latter are still in development: they are written here, and pinned by tests.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import SpanKind, StatusCode

from reconnecting_sse.core.lifecycle import Closed, Connecting, Dropped, Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, SpanContext, TracerProvider

    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.lifecycle import Lifecycle

    Reading = Callable[[Health], float | None]

SCOPE = "reconnecting_sse"
BOUNDARIES = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Of the histograms' buckets: seconds, as the conventions advise."""

_GAUGES: tuple[tuple[str, str, str, Reading], ...] = (
    (
        "sse.worker.position.age",
        "s",
        "Time since the position moved.",
        lambda health: health.position_age,
    ),
    (
        "sse.worker.uncommitted_events",
        "{event}",
        "Events that were handed over and that the store does not have.",
        lambda health: health.uncommitted,
    ),
    (
        "sse.worker.last_byte.age",
        "s",
        "Time since bytes came, of heartbeats too.",
        lambda health: health.last_byte_age,
    ),
    (
        "sse.worker.owner",
        "1",
        "Whether the claim on the durable name is this worker's.",
        lambda health: int(health.is_owner),
    ),
)


class Telemetry:
    """Spans and metrics of one worker.

    Each attempt to connect is a client span that ends with the response's head. Each
    call of the handler is a consumer span, ``process`` and the feed, linked to the
    attempt that brought its events; it is current while the handler runs.

    Args:
        tracer_provider: Instead of the global one.
        meter_provider: Instead of the global one.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            "{message}",
            "Number of messages that were delivered to the application.",
        )
        self._process_duration = meter.create_histogram(
            "messaging.process.duration",
            "s",
            "Duration of processing operation.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self._operation_duration = meter.create_histogram(
            "messaging.client.operation.duration",
            "s",
            "Duration of messaging operation initiated by a producer or consumer"
            " client.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self._meter = meter
        self._feed = self._method = self._process = ""
        self._about: dict[str, Any] = {}
        self._server: dict[str, Any] = {}
        self._processing: dict[str, Any] = {}
        self._attempt: Span | None = None
        self._began = 0.0
        self._links: list[SpanContext] = []

    def bind(
        self, *, url: str, method: str, name: str, health: Callable[[], Health]
    ) -> None:
        """Say what it is about: a feed, by its redacted URL, and a durable name."""
        parts = urlsplit(url)
        self._feed, self._method = url, method
        self._process = f"process {url}"
        self._about = {
            "messaging.system": "sse",
            "messaging.destination.name": url,
            "messaging.destination.subscription.name": name,
        }
        self._server = {"server.address": parts.hostname or ""}
        if parts.port is not None:
            self._server["server.port"] = parts.port
        self._processing = self._about | {"messaging.operation.name": "process"}
        for gauge, unit, about, read in _GAUGES:
            callback = self._observed(read, health)
            self._meter.create_observable_gauge(gauge, [callback], unit, about)

    def _observed(self, read: Reading, health: Callable[[], Health]) -> Any:
        def observe(_options: object) -> Iterable[Observation]:
            value = read(health())
            return [] if value is None else [Observation(value, self._about)]

        return observe

    # ------------------------------------------------------------------ attempts

    def hear(self, fact: Lifecycle) -> None:
        """A fact of the source's life: attempts begin and end."""
        if isinstance(fact, Connecting):
            self._connecting()
        elif isinstance(fact, Opened):
            self._ended(fact.status, None)
        elif isinstance(fact, Dropped):
            self._ended(fact.status, fact.cause)
        elif isinstance(fact, Closed):
            self._ended(None, fact.reason)

    def _connecting(self) -> None:
        self._ended(None, "interrupted")
        self._began = time.perf_counter()
        self._attempt = span = self._tracer.start_span(
            self._method, kind=SpanKind.CLIENT
        )
        if span.is_recording():
            span.set_attributes(
                {
                    "http.request.method": self._method,
                    "url.full": self._feed,
                    **self._server,
                }
            )

    def _ended(self, status: int | None, error: str | None) -> None:
        """The response's head came, or nothing will."""
        span, self._attempt = self._attempt, None
        if span is None:
            return
        about = self._about | {"messaging.operation.name": "subscribe"}
        if error is not None:
            about["error.type"] = error
        self._operation_duration.record(time.perf_counter() - self._began, about)
        if span.is_recording():
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            if error is not None:
                span.set_attribute("error.type", error)
                span.set_status(StatusCode.ERROR)
        if error is None:
            context = span.get_span_context()
            self._links = [context] if context.is_valid else []
        span.end()

    # ------------------------------------------------------------------ events

    def around(self, handler: Callable[..., Any], *, is_async: bool) -> Any:
        """The handler, with its time told.

        Where nobody records, it costs as little as the API lets it: no context is made
        current, nor are links and attributes built.
        """
        if is_async:

            @wraps(handler)
            async def ahandle(events: Any, *more: Any) -> None:
                processing = _Processing(self, events)
                if not processing.is_recorded:
                    with processing:
                        await handler(events, *more)
                    return
                with processing, trace.use_span(processing.span):
                    await handler(events, *more)

            return ahandle

        @wraps(handler)
        def handle(events: Any, *more: Any) -> None:
            processing = _Processing(self, events)
            if not processing.is_recorded:
                with processing:
                    handler(events, *more)
                return
            with processing, trace.use_span(processing.span):
                handler(events, *more)

        return handle

    def start_processing(self, events: Any) -> Span:
        """Count what is handed over; its span."""
        count = len(events) if isinstance(events, list) else 1
        self._consumed.add(count, self._processing)
        span = self._tracer.start_span(self._process, kind=SpanKind.CONSUMER)
        if span.is_recording():
            for context in self._links:
                span.add_link(context)
            span.set_attributes(self._of_span(events, count))
        return span

    def _of_span(self, events: Any, count: int) -> dict[str, Any]:
        found = self._processing | {"messaging.operation.type": "process"}
        if isinstance(events, list):
            return found | {"messaging.batch.message_count": count}
        return found | ({"messaging.message.id": events.id} if events.id else {})

    def processed(self, seconds: float, error: str | None) -> None:
        """Record how long it took, and what it failed with."""
        about = self._processing
        if error is not None:
            about = about | {"error.type": error}
        self._process_duration.record(seconds, about)


class _Processing:
    """The time in which a handler has an event, or a list of them."""

    __slots__ = ("_began", "_telemetry", "is_recorded", "span")

    def __init__(self, telemetry: Telemetry, events: Any) -> None:
        self._telemetry = telemetry
        self.span: Span = telemetry.start_processing(events)
        self.is_recorded: bool = self.span.is_recording()
        self._began = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        error = None if kind is None else kind.__name__
        self._telemetry.processed(time.perf_counter() - self._began, error)
        if self.is_recorded:
            if error is not None:
                self.span.set_attribute("error.type", error)
            self.span.end()
