"""OpenTelemetry: spans and metrics of a worker, by its API alone (extra ``otel``).

The names are those of the semantic conventions for HTTP clients and for messaging. The
latter are still in development: they are written here, and pinned by tests.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind

from reconnecting_sse.core.lifecycle import Closed
from reconnecting_sse.workers.attempt_spans import AttemptSpans, server_of
from reconnecting_sse.workers.gauges import SCOPE, gauges_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.lifecycle import Lifecycle

BOUNDARIES = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Of the histograms' buckets: seconds, as the conventions advise."""


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
        self._gauges = gauges_of(meter_provider)
        self._process = ""
        self._processing: dict[str, Any] = {}
        self.about: Mapping[str, Any] = {}

    def bind(
        self, *, url: str, method: str, name: str, health: Callable[[], Health]
    ) -> None:
        """Say what it is about: a feed, by its redacted URL, and a durable name.

        Raises:
            ValueError: It is about another one already.
        """
        if self.about:
            raise ValueError("telemetry= is another worker's: make one for each")
        self.health: Callable[[], Health] = health
        self.about = {
            "messaging.system": "sse",
            "messaging.destination.name": url,
            "messaging.destination.subscription.name": name,
            **server_of(url),
        }
        self._process = f"process {url}"
        self._processing = {**self.about, "messaging.operation.name": "process"}
        self._attempts = AttemptSpans(
            self._tracer,
            self._operation_duration,
            url=url,
            method=method,
            about=self.about,
        )

    def hear(self, fact: Lifecycle) -> None:
        """A fact of the source's life: it has begun, if this is the first."""
        self._attempts.hear(fact)
        if isinstance(fact, Closed):
            self._gauges.remove(self)
        else:
            self._gauges.add(self)

    # ------------------------------------------------------------------ events

    def around(self, handler: Callable[..., Any], *, is_async: bool) -> Any:
        """The handler, with its time told.

        Where there is no SDK it costs as little as the API lets it: no context is made
        current, nor are links and attributes built.
        """
        if is_async:

            @wraps(handler)
            async def ahandle(events: Any, *more: Any) -> Any:
                processing = _Processing(self, events)
                if not processing.is_traced:
                    with processing:
                        return await handler(events, *more)
                with processing, trace.use_span(processing.span):
                    return await handler(events, *more)

            return ahandle

        @wraps(handler)
        def handle(events: Any, *more: Any) -> Any:
            processing = _Processing(self, events)
            if not processing.is_traced:
                with processing:
                    return handler(events, *more)
            with processing, trace.use_span(processing.span):
                return handler(events, *more)

        return handle

    def start_processing(self, events: Any) -> Span:
        """Count what is handed over; its span."""
        count = len(events) if isinstance(events, list) else 1
        self._consumed.add(count, self._processing)
        span = self._tracer.start_span(self._process, kind=SpanKind.CONSUMER)
        if span.is_recording():
            for context in self._attempts.opened:
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
    """The time in which a handler has an event, or a list of them.

    Attributes:
        is_traced: Whether the span is of a trace, be it one that is not kept: then
            those within it are not kept, either.
    """

    __slots__ = ("_began", "_telemetry", "is_traced", "span")

    def __init__(self, telemetry: Telemetry, events: Any) -> None:
        self._telemetry = telemetry
        self.span: Span = telemetry.start_processing(events)
        self.is_traced: bool = self.span.get_span_context().is_valid
        self._began = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        error = None if kind is None else kind.__name__
        self._telemetry.processed(time.perf_counter() - self._began, error)
        if self.is_traced:
            if error is not None:
                self.span.set_attribute("error.type", error)
            self.span.end()
