"""OpenTelemetry: the names and values that its SDK sees, and nothing where none is."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tenacity import Retrying, stop_after_attempt, wait_none

from reconnecting_sse import ReconnectingEventSource, SubscriptionWorker
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from reconnecting_sse.workers.telemetry import Telemetry
from tests.workers.making import FACES, QUICK, Async, Running, until, worker_of


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


class Sdk:
    """All that was recorded, in memory."""

    def __init__(self):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider(metric_readers=[self.reader])
        self.telemetry = Telemetry(tracers, meters)

    def spans(self, kind):
        return [s for s in self.exporter.get_finished_spans() if s.kind is kind]

    def metrics(self):
        """By name: unit and data points."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: (metric.unit, list(metric.data.data_points))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def sdk():
    return Sdk()


def feed(count=3, **options):
    return ScriptedServer(NumberedFeed(count, retry=10, **{"then": "stop"} | options))


def run(face, sdk, url, handle, **options):
    telemetry = {"telemetry": sdk.telemetry}
    face.run(worker_of(face, url, MemoryStore(), handle, **telemetry, **options))


def test_an_attempt_is_a_span_that_ends_with_the_head(face, sdk):
    with feed() as server:
        run(face, sdk, f"{server.url}/x?key=secret", lambda _: None)
        port = int(server.url.rpartition(":")[2])
    first, last = sdk.spans(SpanKind.CLIENT)
    assert first.name == "GET"
    assert dict(first.attributes) == {
        "http.request.method": "GET",
        "url.full": first.attributes["url.full"],
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
    }
    assert "secret" not in first.attributes["url.full"]
    assert first.status.status_code is StatusCode.UNSET
    # The feed's end: 204.
    assert last.attributes["error.type"] == "no content"
    handled = sdk.spans(SpanKind.CONSUMER)
    assert first.end_time <= handled[0].start_time


def test_an_attempt_that_fails_says_with_what(face, sdk):
    with ScriptedServer(
        [Answer(503, headers=[("Retry-After", "0")]), Answer(204)]
    ) as s:
        run(face, sdk, s.url, lambda _: None)
    failed = sdk.spans(SpanKind.CLIENT)[0]
    assert failed.attributes["http.response.status_code"] == 503
    assert failed.attributes["error.type"] == "UnexpectedStatus"
    assert failed.status.status_code is StatusCode.ERROR


def test_an_event_is_a_span_linked_to_its_attempt(face, sdk):
    current = []

    def handle(event):
        current.append(trace.get_current_span().get_span_context().span_id)

    with feed(2) as server:
        run(face, sdk, server.url, handle)
        url = server.url
    spans, (attempt, _) = sdk.spans(SpanKind.CONSUMER), sdk.spans(SpanKind.CLIENT)
    assert [span.name for span in spans] == [f"process {url}"] * 2
    assert [span.context.span_id for span in spans] == current
    assert [link.context.span_id for link in spans[0].links] == [
        attempt.context.span_id
    ]
    assert dict(spans[0].attributes) == {
        "messaging.system": "sse",
        "messaging.destination.name": url,
        "messaging.destination.subscription.name": "prices",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": "1",
    }


def test_a_batch_is_one_span_with_its_count(face, sdk):
    with feed(1) as server:
        run(face, sdk, server.url, lambda _: None, batch=5)
    (span,) = sdk.spans(SpanKind.CONSUMER)
    assert span.attributes["messaging.batch.message_count"] == 1
    assert "messaging.message.id" not in span.attributes


def test_an_event_without_an_id_has_none(face, sdk):
    with ScriptedServer([Answer(body="data: x\n\n"), Answer(204)]) as server:
        run(face, sdk, server.url, lambda _: None)
    (span,) = sdk.spans(SpanKind.CONSUMER)
    assert "messaging.message.id" not in span.attributes


def test_a_handlers_error_is_in_its_span_and_its_metric(face, sdk):
    def handle(event):
        raise ValueError("no")

    with feed(1) as server:
        policy = Retrying(stop=stop_after_attempt(2), wait=wait_none())
        run(face, sdk, server.url, handle, retrying=policy)
    spans = sdk.spans(SpanKind.CONSUMER)
    assert [span.attributes["error.type"] for span in spans] == ["ValueError"] * 2
    assert spans[0].status.status_code is StatusCode.ERROR
    assert spans[0].events[0].name == "exception"
    (point,) = sdk.metrics()["messaging.process.duration"][1]
    assert (point.count, point.attributes["error.type"]) == (2, "ValueError")


BOUNDARIES = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10),
)


def test_the_metrics_have_the_conventions_names(face, sdk):
    with feed(3, then="hang") as server:
        worker = worker_of(
            face, server.url, MemoryStore(), lambda _: None, telemetry=sdk.telemetry
        )
        with Running(face, worker):
            until(lambda: worker.health().position == "3")
            found = sdk.metrics()
        url = server.url
    about = {
        "messaging.system": "sse",
        "messaging.destination.name": url,
        "messaging.destination.subscription.name": "prices",
    }
    units = {name: unit for name, (unit, _) in found.items()}
    assert units == {
        "messaging.client.consumed.messages": "{message}",
        "messaging.process.duration": "s",
        "messaging.client.operation.duration": "s",
        "sse.worker.position.age": "s",
        "sse.worker.uncommitted_events": "{event}",
        "sse.worker.last_byte.age": "s",
        "sse.worker.owner": "1",
    }
    (consumed,) = found["messaging.client.consumed.messages"][1]
    processing = about | {"messaging.operation.name": "process"}
    assert (consumed.value, dict(consumed.attributes)) == (3, processing)
    (processed,) = found["messaging.process.duration"][1]
    assert (processed.count, processed.explicit_bounds) == (3, BOUNDARIES)
    (attempted,) = found["messaging.client.operation.duration"][1]
    assert attempted.count == 1
    assert dict(attempted.attributes) == about | {
        "messaging.operation.name": "subscribe"
    }
    (owner,) = found["sse.worker.owner"][1]
    assert (owner.value, dict(owner.attributes)) == (1, about)


def test_without_an_sdk_it_costs_little_and_tells_nobody(face):
    got = []
    with feed() as server:
        telemetry = Telemetry()
        handle = lambda event: got.append(event.id)  # noqa: E731
        worker = worker_of(face, server.url, MemoryStore(), handle, telemetry=telemetry)
        face.run(worker)
    assert got == ["1", "2", "3"]


def test_a_cancelled_handler_ends_its_span(sdk):
    reached = asyncio.Event()

    async def main(url):
        async def handle(_event):
            reached.set()
            await asyncio.sleep(60)

        source = ReconnectingEventSource(
            Async.client(), "GET", url, store=MemoryStore(), name="x", commits=QUICK
        )
        worker = SubscriptionWorker(source, handle, telemetry=sdk.telemetry)
        task = asyncio.create_task(worker.arun())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with feed(then="hang") as server:
        asyncio.run(main(server.url))
    (span,) = sdk.spans(SpanKind.CONSUMER)
    assert span.attributes["error.type"] == "CancelledError"
