"""What a review broke: each failing input stays, on both faces."""

from __future__ import annotations

import asyncio
import gc
import gzip
import weakref
from dataclasses import replace

import httpxr
import pytest
import tenacity

from reconnecting_sse import (
    ConnectionFailed,
    Dialect,
    EventTooLarge,
    ReconnectingEventSource,
    StreamInterrupted,
)
from tests.scenarios import Interruption, Played, Reply, Scene, stream
from tests.subscription.test_scenarios import AGAIN, A, B, C, refused, reset


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def test_a_comment_that_raises_leaves_the_cursor_at_the_event_before_it(scene):
    def hear(_text):
        raise KeyError("mine")

    played = scene.play([stream(A + b": boom\n\n" + B)], on_comment=hear)
    assert isinstance(played.error, KeyError)
    assert played.trace.events == ["a"]
    assert played.source.last_event_id == "1"


def test_closing_while_a_chunk_is_decoded_discards_it(monkeypatch):
    for face in ("sync", "async"):
        sources = []
        options = {"on_comment": lambda _text, found=sources: found[0].close()}
        played = Played(monkeypatch, face, [stream(b": x\n" + A + B)], "GET", options)
        sources.append(played.source)
        played.consume()
        assert played.trace.events == []
        assert played.source.stats.events == 0
        assert played.source.last_event_id == ""


@pytest.mark.parametrize("step", [refused(), Reply(503)])
def test_a_post_answered_by_303_has_been_acted_on(scene, step):
    see_other = Reply(303, headers=(("Location", "/result"),))
    played = scene.play([see_other, step, stream(A)], method="POST")
    assert [line[1:3] for line in played.trace.of("request")] == [
        ("POST", "/stream"),
        ("GET", "/result"),
    ]
    assert played.error is not None


def test_what_prepare_makes_of_the_method_decides_whether_it_is_sent_again(scene):
    def prepare(request, _attempt):
        return replace(request, method="POST")

    script = [stream(b"data: x\n\n", reset()), stream(A)]
    played = scene.play(script, prepare=prepare)
    assert isinstance(played.error, StreamInterrupted)
    assert len(played.trace.of("request")) == 1


def test_a_retry_after_of_any_size_is_clamped(scene):
    after = Reply(503, headers=(("Retry-After", "9" * 5000),))
    assert scene.play([stream(A), after, Reply(204)]).trace.waits == [0.5, 3600]


def test_an_event_too_large_raises_without_waiting_for_another_byte(scene):
    # What follows would be an interruption: it is never read.
    body = (A + b"data: " + b"x" * 99, Interruption())
    played = scene.play([stream(*body)], max_event_bytes=50)
    assert played.trace.events == ["a"]
    assert isinstance(played.error, EventTooLarge)


def test_a_cookie_that_no_header_can_carry_is_forgotten(scene):
    bad = ("Set-Cookie", "a=\x01b; Path=/")
    first = Reply(200, (A,), (*Reply().headers, bad))
    played = scene.play([first, Reply(204)])
    assert played.error is None


def test_an_id_of_blanks_only_cannot_travel(scene):
    played = scene.play([stream(b"id:   \ndata: x\n\n"), Reply(204)])
    assert played.trace.cursors == [None, None]
    assert played.trace.logged.count("stream.gap") == 1
    (reason,) = [line[2] for line in played.trace.of("log") if line[1] == "stream.gap"]
    assert reason == "the position is nothing but blanks: no header can carry it"


LONG = "é" * 1000  # 2000 bytes
LONG_BLOCK = f"id: {LONG}\ndata: x\n\n".encode()


@pytest.mark.parametrize("status", [400, 413, 414, 431])
def test_a_refusal_right_after_a_long_id_says_that_it_may_be_that(scene, status):
    for script, given in (
        ([stream(LONG_BLOCK), Reply(status)], None),
        ([Reply(status)], LONG),
    ):
        played = scene.play(script, last_event_id=given)
        assert "Last-Event-ID of 2000 bytes may be too long" in str(played.error)


@pytest.mark.parametrize(("status", "given"), [(400, "7" * 100), (404, LONG)])
def test_no_other_refusal_does(scene, status, given):
    played = scene.play([Reply(status)], last_event_id=given)
    assert "too long" not in str(played.error)


@pytest.mark.parametrize(
    "kind", [httpxr.ReadError, httpxr.RemoteProtocolError, httpxr.WriteError]
)
def test_a_connection_closed_right_after_a_long_id_says_so_too(scene, kind):
    once = tenacity.stop_after_attempt(1)
    script = [kind("closed")]
    played = scene.play(script, last_event_id=LONG, stop=once)
    assert "(the Last-Event-ID of 2000 bytes may be too long" in str(played.error)
    played = scene.play(script, last_event_id="7", stop=once)
    assert "too long" not in str(played.error)


def test_a_connection_that_could_not_be_made_knows_nothing_of_the_id(scene):
    once = tenacity.stop_after_attempt(1)
    refused = [httpxr.ConnectError("refused")]
    played = scene.play(refused, last_event_id=LONG, stop=once)
    assert "too long" not in str(played.error)


def test_a_body_that_httpxr_has_decoded_is_an_event_stream():
    def answer(_request):
        headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
        body = gzip.compress(A)
        return httpxr.Response(200, headers=headers, content=body)

    client = httpxr.Client(transport=httpxr.MockTransport(answer))
    source = ReconnectingEventSource(client, "GET", "http://feed.test/")
    with source:
        assert next(source.iter_sse()).data == "a"


def test_a_post_with_an_id_that_cannot_travel_is_not_sent_again(scene):
    body = b"id: 5\x01\ndata: x\n\n"
    played = scene.play([stream(body, reset()), stream(A)], method="POST")
    assert isinstance(played.error, StreamInterrupted)


def test_a_wait_that_is_no_number_ends_the_subscription(scene):
    played = scene.play([stream(A), stream(B)], wait=lambda _: float("nan"))
    assert isinstance(played.error, ValueError)
    assert played.source.state == "closed"


def test_an_event_that_until_raised_on_was_not_handed_over(scene):
    def until(_event):
        raise ZeroDivisionError

    assert scene.play([stream(A)], until=until).source.stats.events == 0


@pytest.mark.parametrize("face", ["sync", "async"])
def test_leaving_the_block_after_a_break_tells_that_it_is_over(monkeypatch, face):
    played = Played(monkeypatch, face, [stream(A + B)], "GET", {})
    played.consume(lambda *_: True)
    if face == "sync":
        with played.source:
            pass
    else:

        async def leave():
            async with played.source:
                pass

        asyncio.run(leave())
    assert played.trace.lines[-1] == ("log", "stream.closed", "closed")
    played.consume()
    assert played.trace.logged.count("stream.closed") == 1


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_source_that_met_errors_is_freed_without_the_collector(monkeypatch, face):
    script = [refused(), stream(A, reset()), stream(B)]
    played = Played(monkeypatch, face, script, "GET", {})
    played.consume(lambda _source, event: event.data == "b")
    freed = weakref.ref(played.source._subscription)
    gc.disable()
    try:
        played.source = played.server = None
        assert freed() is None
    finally:
        gc.enable()


def test_an_errors_body_that_is_cut_is_kept_as_far_as_it_came(scene):
    played = scene.play([Reply(404, (b"no such", reset()))])
    assert played.error.body == b"no such"


def test_leaving_the_block_within_a_callback_leaves_the_rest_to_the_reader(
    monkeypatch,
):
    sources = []
    options = {"on_comment": lambda _text: sources[0].__exit__(None, None, None)}
    played = Played(monkeypatch, "sync", [stream(b": x\n" + A)], "GET", options)
    sources.append(played.source)
    played.consume()
    assert played.trace.lines[-2:] == [("log", "stream.closed", "closed"), ("ended",)]


@pytest.mark.parametrize("face", ["sync", "async"])
def test_without_a_connection_there_is_no_silence_to_allow(monkeypatch, face):
    played = Played(monkeypatch, face, [stream(A), Reply(204)], "GET", {})
    played.source._effects.allow_silence(1.0)
    assert played.consume().trace.events == ["a"]


@pytest.mark.parametrize(
    "script", [[stream(b"data: x\n\n", Interruption())], [Interruption()]]
)
def test_a_post_that_is_broken_off_from_outside_is_not_sent_again(scene, script):
    played = scene.play([*script, stream(A)], *AGAIN, *AGAIN, method="POST")
    assert isinstance(played.error, StreamInterrupted)
    assert "resend=True" in str(played.error)
    assert len(played.trace.of("request")) == 1
    assert played.trace.lines[-1] == ("ended",)


@pytest.mark.parametrize(
    ("body", "options"),
    [(A, {}), (b"data: x\n\n", {"resend": True})],
)
def test_a_post_that_may_be_sent_again_goes_on(scene, body, options):
    script = [stream(body, Interruption()), stream(B)]
    played = scene.play(script, *AGAIN, method="POST", **options)
    assert played.error is None
    assert len(played.trace.of("request")) == 2


def test_a_post_broken_off_before_it_was_sent_is_sent_later(scene):
    broken_off = iter([True, False] * 2)

    def prepare(request, _attempt):
        if next(broken_off):
            raise Interruption
        return request

    played = scene.play([stream(A)], *AGAIN, method="POST", prepare=prepare)
    assert played.trace.events == ["a"]


def test_a_response_hook_that_fails_says_that_a_post_was_answered(monkeypatch):
    def hook(_response):
        raise httpxr.ConnectError("telemetry is down")

    for face in ("sync", "async"):
        played = Played(monkeypatch, face, [stream(A), stream(B)], "POST", {})
        played.client.event_hooks = {"response": [hook]}
        played.consume()
        assert isinstance(played.error, ConnectionFailed)
        assert len(played.trace.of("request")) == 1


@pytest.mark.parametrize(
    "kind", [httpxr.UnsupportedProtocol, httpxr.LocalProtocolError]
)
def test_whatever_httpx_error_prepare_raises_is_a_failed_attempt(scene, kind):
    failing = iter([True, False, False] * 2)

    def prepare(request, _attempt):
        if next(failing):
            raise kind("of the token server")
        return request

    played = scene.play([stream(A), Reply(204)], prepare=prepare)
    assert played.error is None
    assert played.trace.events == ["a"]


def test_an_id_that_moved_and_came_back_is_progress(scene):
    there_and_back = stream(A, B, A)
    script = [there_and_back] * 3
    assert scene.play([*script, Reply(204)]).trace.waits == [0.5, 0.5, 0.5]


def test_an_error_in_on_gap_passes_through_before_the_event(scene):
    def on_gap(_gap):
        raise ZeroDivisionError

    tells = Dialect(is_gap=lambda event: event.data == "b")
    script = [stream(A + B + C)]
    played = scene.play(script, *AGAIN, on_gap=on_gap, dialect=tells)
    assert isinstance(played.error, ZeroDivisionError)
    assert played.trace.events == ["a"]
    assert played.source.last_event_id == "1"
    assert played.source.stats.events == 1
    assert played.trace.lines[-1] == ("ended",)


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize(
    "script", [[refused(), stream(A)], [Interruption(), stream(A)]]
)
def test_an_auth_flow_lets_go_of_what_it_holds_when_an_attempt_fails(
    monkeypatch, face, script
):
    held = []

    class Locking(httpxr.Auth):
        def auth_flow(self, request):
            held.append(1)
            try:
                yield request
            finally:
                held.pop()

    class AsyncLocking(httpxr.Auth):
        async def async_auth_flow(self, request):
            held.append(1)
            try:
                yield request
            finally:
                held.pop()

    auths = [Locking()] if face == "sync" else [Locking(), AsyncLocking()]
    for auth in auths:
        played = Played(monkeypatch, face, script, "GET", {"auth": auth})
        heard = []

        def note(*_, heard=heard):
            heard.append(len(held))

        monkeypatch.setattr(played.source._effects, "drop", note)
        played.consume(lambda *_: True).consume(lambda *_: True)
        assert played.trace.events == ["a"]
        assert not any(heard)
        assert held == []


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_clean_end_during_a_reconnect_is_no_wait(monkeypatch, face):
    sources = []

    def reconnect():
        sources[0].reconnect()

    script = [stream(A, reconnect), stream(B), Reply(204)]
    played = Played(monkeypatch, face, script, "GET", {})
    sources.append(played.source)
    played.consume(lambda _source, event: event.data == "b")
    assert played.trace.events == ["a", "b"]
    assert played.trace.waits == []
    assert played.source.stats.reconnects == {"reconnect": 1}


@pytest.mark.parametrize("ending", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("name", ["prepare", "until", "on_comment", "retry", "wait"])
def test_what_would_end_a_loop_silently_is_an_error(scene, name, ending):
    """A token iterator that is exhausted must not look like the end of the feed."""

    def exhausted(*_):
        raise ending

    script = [stream(b": x\n" + A), stream(b"")]
    played = scene.play(script, **{name: exhausted})
    assert isinstance(played.error, RuntimeError)
    assert ending.__name__ in str(played.error)
    assert isinstance(played.error.__cause__, ending)
    assert played.source.state == "closed"
