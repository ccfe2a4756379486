"""OpenTelemetry: the names and values that its SDK sees, and nothing where none is."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode
from tenacity import Retrying, stop_after_attempt, wait_none

from reconnecting_sse import (
    ReconnectingEventSource,
    ReconnectionExhausted,
    ReconnectPolicy,
    SubscriptionWorker,
    UnexpectedContentType,
    UnexpectedStatus,
)
from reconnecting_sse.core.lifecycle import Connecting
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from reconnecting_sse.workers.attempt_spans import server_of
from reconnecting_sse.workers.telemetry import Telemetry
from tests.workers.making import FACES, QUICK, Async, Running, Sync, until, worker_of


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


class Sdk:
    """All that was recorded, in memory."""

    def __init__(self, **options):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(**options)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider(metric_readers=[self.reader])

    @property
    def telemetry(self):
        """One for one worker."""
        return Telemetry(self.tracers, self.meters)

    def spans(self, kind):
        return [s for s in self.exporter.get_finished_spans() if s.kind is kind]

    def metrics(self):
        """By name: unit and data points."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: (metric.unit, list(metric.data.data_points))
            for resource in ([] if data is None else data.resource_metrics)
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
    # The feed's end is no error.
    assert last.attributes["http.response.status_code"] == 204
    assert "error.type" not in last.attributes
    assert last.status.status_code is StatusCode.UNSET
    handled = sdk.spans(SpanKind.CONSUMER)
    assert first.end_time <= handled[0].start_time


def test_an_attempt_that_fails_says_with_what(face, sdk):
    with ScriptedServer(
        [Answer(503, headers=[("Retry-After", "0")]), Answer(204)]
    ) as s:
        run(face, sdk, s.url, lambda _: None)
    failed = sdk.spans(SpanKind.CLIENT)[0]
    assert failed.attributes["http.response.status_code"] == 503
    assert failed.attributes["error.type"] == "503"
    assert failed.status.status_code is StatusCode.ERROR


def test_so_does_one_that_is_the_last(face, sdk):
    with ScriptedServer([Answer(401)]) as server, pytest.raises(UnexpectedStatus):
        run(face, sdk, server.url, lambda _: None)
    (failed,) = sdk.spans(SpanKind.CLIENT)
    assert failed.attributes["http.response.status_code"] == 401
    assert failed.attributes["error.type"] == "401"


def test_one_without_an_answer_says_what_it_was_ended_by(face, sdk):
    with ScriptedServer([Answer(headers=[("Content-Type", "text/html")])]) as server:
        url = server.url
        with pytest.raises(UnexpectedContentType):
            run(face, sdk, url, lambda _: None)
    policy = ReconnectPolicy(stop=stop_after_attempt(1))
    with pytest.raises(ReconnectionExhausted):
        run(face, sdk, url, lambda _: None, source={"policy": policy})
    first, last = sdk.spans(SpanKind.CLIENT)
    assert first.attributes["http.response.status_code"] == 200
    assert first.attributes["error.type"] == "UnexpectedContentType"
    assert "http.response.status_code" not in last.attributes
    assert last.attributes["error.type"] == "ReconnectionExhausted"


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://a.test/feed", 443), ("http://[::1]/", 80), ("x:/", None)],
)
def test_the_port_is_said_that_nobody_wrote(url, port):
    assert server_of(url).get("server.port") == port


@pytest.mark.parametrize(("method", "name"), [("POST", "POST"), ("SUBSCRIBE", "HTTP")])
def test_a_span_is_called_by_a_method_that_the_conventions_know(sdk, method, name):
    telemetry = sdk.telemetry
    telemetry.bind(url="http://a.test/", method=method, name="x", health=lambda: None)
    for attempt in (1, 2):
        telemetry.hear(Connecting(url="", attempt=attempt, last_event_id=""))
    (span,) = sdk.spans(SpanKind.CLIENT)  # broken off: another one has begun
    assert span.name == name
    expected = method if name == method else "_OTHER"
    assert span.attributes["http.request.method"] == expected
    assert span.attributes["error.type"] == "interrupted"


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
        "server.address": "127.0.0.1",
        "server.port": urlsplit(url).port,
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
        "server.address": "127.0.0.1",
        "server.port": urlsplit(url).port,
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


def test_each_of_several_workers_is_told_of_while_it_runs(face, sdk):
    """In one instrument: of two by one name, a meter asks the first alone."""

    def told():
        points = sdk.metrics().get("sse.worker.owner", ("", []))[1]
        key = "messaging.destination.subscription.name"
        return {p.attributes[key]: p.value for p in points}

    def worker(name):
        return worker_of(
            face,
            server.url,
            MemoryStore(),
            lambda _: None,
            source={"name": name},
            telemetry=sdk.telemetry,
        )

    with feed(then="hang") as server:
        never_run = worker("c")
        with Running(face, worker("a")) as first, Running(face, worker("b")):
            until(lambda: told() == {"a": 1, "b": 1})
            first.worker.stop()
            first.join()
            assert told() == {"b": 1}
            with Running(face, worker("a")):  # its next life
                until(lambda: told() == {"a": 1, "b": 1})
        assert told() == {}
    assert never_run.health().token is None


def test_what_belongs_to_a_worker_is_refused_to_another(face, sdk):
    telemetry = sdk.telemetry
    options = {"telemetry": telemetry}
    words = (face, "http://a.test/", MemoryStore(), lambda _: None)
    worker_of(*words, **options)
    with pytest.raises(ValueError, match="make one for each"):
        worker_of(*words, **options)


def test_what_is_not_kept_of_a_trace_is_not_kept_within_the_handler(face):
    sdk = Sdk(sampler=ParentBased(ALWAYS_OFF))
    kept = trace.get_tracer("the user's", tracer_provider=TracerProvider())
    inner = []

    def handle(_event):
        with kept.start_as_current_span("inner") as span:
            inner.append(span.is_recording())

    with feed(1) as server:
        run(face, sdk, server.url, handle)
    assert inner == [False]


def test_a_handler_that_would_have_to_be_awaited_is_found_out_all_the_same(sdk):
    async def handle(_event):
        raise AssertionError("nobody awaits this")

    def seems_plain(event):
        return handle(event)

    with feed(1) as server, pytest.raises(TypeError, match="use arun"):
        run(Sync, sdk, server.url, seems_plain)


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
