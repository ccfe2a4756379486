"""``prepare=``: the request about to be sent, and what may be made of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpxr
import pytest

from reconnecting_sse import (
    ConnectionFailed,
    Dialect,
    StreamEnded,
    StreamInterrupted,
    UnexpectedStatus,
    dialects,
)
from tests.scenarios import Played, Reply, Scene, stream

A = b"id: 1\ndata: a\n\n"
B = b"id: 2\ndata: b\n\n"


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_it_is_asked_before_every_attempt_with_what_is_known(scene):
    asked = []

    def prepare(request, attempt):
        error = type(attempt.error)
        cursor = request.headers.get("last-event-id")
        asked.append((attempt.number, attempt.last_event_id, cursor, error))
        return request

    script = [Reply(503), stream(A, httpxr.ReadError("cut")), stream(B), Reply(204)]
    scene.play(script, prepare=prepare)
    assert asked[4:] == asked[:4]
    assert asked[:4] == [
        (1, "", None, type(None)),
        (2, "", None, UnexpectedStatus),
        (2, "1", "1", StreamInterrupted),
        (2, "2", "2", StreamEnded),
    ]


def test_what_it_returns_is_sent(scene):
    def prepare(request, attempt):
        if not attempt.last_event_id:
            return request
        return replace(request, method="GET", url="http://feed.test/resume", body={})

    script = [stream(A, httpxr.ReadError("cut")), stream(B, httpxr.ReadError("cut"))]
    played = scene.play([*script, Reply(204)], method="POST", json={}, prepare=prepare)
    assert [line[1:] for line in played.trace.of("request")] == [
        ("POST", "/stream", None),
        ("GET", "/resume", "1"),
        ("GET", "/resume", "2"),
    ]


def test_a_token_may_be_fresh_for_every_attempt(monkeypatch):
    tokens = iter(["one", "two", "three"])
    seen = []

    def prepare(request, _attempt):
        return request.with_headers({"Authorization": f"Bearer {next(tokens)}"})

    for face in ("sync", "async"):
        script = [stream(A), Reply(204)]
        options = {"prepare": prepare, "headers": {"authorization": "Bearer old"}}
        played = Played(monkeypatch, face, script, "GET", options)
        answer = played.server.answer

        def look(request, answer=answer):
            seen.append(request.headers.get("authorization"))
            return answer(request)

        monkeypatch.setattr(played.server, "answer", look)
        played.consume()
        tokens = iter(["one", "two"])
    assert seen == ["Bearer one", "Bearer two"] * 2


def test_it_may_be_a_coroutine_function_on_the_async_face(monkeypatch):
    async def prepare(request, attempt):
        await asyncio.sleep(0)
        return request.with_params({"attempt": str(attempt.number)})

    script = [stream(A), Reply(204)]
    played = Played(monkeypatch, "async", script, "GET", {"prepare": prepare}).consume()
    targets = [line[2] for line in played.trace.of("request")]
    assert targets == ["/stream?attempt=1", "/stream?attempt=2"]


def test_what_turns_out_to_be_a_coroutine_is_refused_on_the_sync_face(monkeypatch):
    async def later(request):
        return request

    options = {"prepare": lambda request, _attempt: later(request)}
    played = Played(monkeypatch, "sync", [stream(A)], "GET", options)
    assert isinstance(played.consume().error, TypeError)
    assert "AsyncClient" in str(played.error)


def test_what_is_no_request_is_refused(scene):
    played = scene.play([stream(A)], prepare=lambda _request, _attempt: None)
    assert isinstance(played.error, TypeError)
    assert "StreamRequest" in str(played.error)


def test_an_error_of_httpxrs_is_a_failed_attempt(scene):
    failing = iter([True, False, False] * 2)

    def prepare(request, _attempt):
        if next(failing, False):
            raise httpxr.ReadTimeout("the token server is slow")
        return request

    played = scene.play([stream(A), Reply(204)], prepare=prepare)
    assert played.error is None
    assert played.source.stats.reconnects["ConnectionFailed"] == 1
    assert played.trace.lines[1] == ("log", "stream.dropped", ConnectionFailed.__name__)


def test_any_other_error_passes_through_and_closes(scene):
    def prepare(_request, _attempt):
        raise LookupError("no token")

    twice = (lambda *_: False,) * 2
    played = scene.play([stream(A)], *twice, prepare=prepare)
    assert isinstance(played.error, LookupError)
    assert played.source.state == "closed"


def test_a_request_that_cannot_be_built_raises_and_closes(scene):
    def prepare(request, _attempt):
        return replace(request, url="not absolute")

    played = scene.play([stream(A)], prepare=prepare)
    assert isinstance(played.error, ValueError)
    assert played.source.state == "closed"


# ---------------------------------------------------------------- the query


def targets_of(scene, **options):
    script = [stream(A), stream(b"id: a&b c\ndata: b\n\n"), Reply(204)]
    by_query = Dialect(resume=dialects.by_query("lastEventID"))
    played = scene.play(script, dialect=by_query, **options)
    return [line[2:] for line in played.trace.of("request")]


def test_the_position_travels_in_the_query_alone(scene):
    assert targets_of(scene) == [
        ("/stream", None),
        ("/stream?lastEventID=1", None),
        ("/stream?lastEventID=a%26b+c", None),
    ]


def test_the_start_that_the_caller_named_counts_until_there_is_a_cursor(scene):
    params = {"lastEventID": "earliest", "topic": "x"}
    assert [target for target, _ in targets_of(scene, params=params)] == [
        "/stream?lastEventID=earliest&topic=x",
        "/stream?topic=x&lastEventID=1",
        "/stream?topic=x&lastEventID=a%26b+c",
    ]


def test_a_start_in_the_url_itself_gives_way_to_the_cursor(monkeypatch):
    url = "http://feed.test/s?lastEventID=earliest&t=a%20b"
    monkeypatch.setattr("tests.scenarios.URL", url)
    options = {"dialect": Dialect(resume=dialects.by_query("lastEventID"))}
    played = Played(monkeypatch, "sync", [stream(A), Reply(204)], "GET", options)
    played.consume()
    first, second = [line[2] for line in played.trace.of("request")]
    assert first == "/s?lastEventID=earliest&t=a%20b"
    assert second in ("/s?t=a+b&lastEventID=1", "/s?t=a%20b&lastEventID=1")
