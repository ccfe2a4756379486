"""What a dialect is made of: section 9, on both faces."""

from __future__ import annotations

import json

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse import Dialect, StreamRequest
from reconnecting_sse.dialects import (
    NTFY,
    OPENAI,
    by_body,
    by_header,
    by_query,
    by_url,
)
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.dialects.test_dialects import read
from tests.scenarios import Reply, Scene, stream

A = b"id: 1\ndata: a\n\n"
B = b"id: 2\ndata: b\n\n"


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def by_data(event, _before):
    return event.data if event.event == "message" else None


def requests_of(played):
    return [line[2:] for line in played.trace.of("request")]


# ---------------------------------------------------------------- positions


def test_a_position_is_what_the_dialect_says_and_ids_move_nothing(scene):
    positions = Dialect(position=by_data)
    body = A + b"event: made-up\nid: 9\ndata: x\n\n" + b"id: 99\n\n"
    played = scene.play([stream(body), stream(B), Reply(204)], dialect=positions)
    assert played.trace.cursors == [None, "a", "b"]
    assert played.source.position == "b"
    assert played.source.last_event_id == "2"


def test_a_position_never_leaks_into_an_events_id(scene):
    positions = Dialect(position=by_data)
    script = [stream(b"data: a\n\n"), stream(b"data: b\n\n"), Reply(204)]
    played = scene.play(script, dialect=positions)
    assert [line[1] for line in played.trace.of("event")] == ["", ""]
    assert played.source.last_event_id == ""


def test_a_position_is_given_the_one_before(scene):
    seen = []

    def count(_event, before):
        seen.append(before)
        return str(int(before or 0) + 1)

    script = [stream(A + B), stream(A), Reply(204)]
    played = scene.play(script, dialect=Dialect(position=count), last_event_id="5")
    assert seen == ["5", "6", "7"] * 2
    assert played.trace.cursors == ["5", "7", "8"]


def test_a_position_that_raises_puts_the_event_back_and_closes(scene):
    def fail(_event, _before):
        raise LookupError("no position")

    played = scene.play([stream(A)], dialect=Dialect(position=fail))
    assert isinstance(played.error, LookupError)
    assert played.trace.events == []
    assert played.source.state == "closed"


def test_a_position_that_is_no_text_is_refused(scene):
    played = scene.play([stream(A)], dialect=Dialect(position=lambda *_: 7))
    assert isinstance(played.error, TypeError)
    assert "position= gives a str" in str(played.error)


def test_a_position_with_half_a_surrogate_pair_is_refused(scene):
    played = scene.play([stream(A)], dialect=Dialect(position=lambda *_: "\ud800"))
    assert isinstance(played.error, ValueError)
    assert "half a surrogate pair" in str(played.error)
    assert played.trace.events == []


def test_moving_the_position_is_progress(scene):
    positions = Dialect(position=by_data, resume=by_query("after"))
    script = [stream(b"data: %d\n\n" % n) for n in range(6)]
    played = scene.play([*script, Reply(204)], dialect=positions)
    assert set(played.trace.waits) == {played.trace.waits[0]}


def test_a_post_is_sent_again_once_there_is_a_position(scene):
    positions = Dialect(position=by_data, resume=by_body("after"))
    script = [stream(b"data: a\n\n"), stream(b"data: b\n\n"), Reply(204)]
    options = {"method": "POST", "json": {"q": 1}, "on_end": "reconnect"}
    played = scene.play(script, dialect=positions, **options)
    assert played.trace.events == ["a", "b"]


# ---------------------------------------------------------------- ways


def test_another_header_may_carry_it_and_begin_it(scene):
    other = Dialect(resume=by_header("X-After"))
    headers = {"X-After": "7"}
    played = scene.play([stream(A), Reply(204)], dialect=other, headers=headers)
    assert played.trace.cursors == [None, None]  # of Last-Event-ID
    connecting = played.source._session
    assert connecting.position == "1"
    with ScriptedServer([Answer(204)]) as server:
        read("sync", server.url, 1, dialect=other, headers=headers)
        (request,) = server.requests
    assert request.header("X-After") == "7"
    assert request.header("Last-Event-ID") is None


def test_a_header_and_a_keyword_that_differ_are_refused(scene):
    with pytest.raises(ValueError, match="the X-After header differ"):
        scene.play(
            [],
            dialect=Dialect(resume=by_header("X-After")),
            headers={"X-After": "7"},
            last_event_id="8",
        )


def test_the_url_may_carry_it(scene):
    template = "http://feed.test/after/{position}?x=1"
    played = scene.play(
        [stream(b"id: a/b c\ndata: a\n\n"), Reply(204)],
        dialect=Dialect(resume=by_url(template)),
    )
    assert requests_of(played) == [("/stream", None), ("/after/a%2Fb%20c?x=1", None)]


@pytest.mark.parametrize("face", ["sync", "async"])
def test_the_body_may_carry_it(face):
    with ScriptedServer([Answer(body=A), Answer(204)]) as server:
        options = {"method": "POST", "json": {"q": 1}, "on_end": "reconnect"}
        dialect = Dialect(resume=by_body("after"))
        assert read(face, server.url, 2, dialect=dialect, **options) == ["a"]
        bodies = [json.loads(request.body) for request in server.requests]
    assert bodies == [{"q": 1}, {"q": 1, "after": "1"}]


def test_a_body_that_is_no_object_cannot_carry_it(scene):
    played = scene.play(
        [stream(A)],
        dialect=Dialect(resume=by_body("after")),
        method="POST",
        content=b"x",
        on_end="reconnect",
    )
    assert isinstance(played.error, TypeError)
    assert "json=" in str(played.error)


def test_a_function_may_carry_it_and_prepare_comes_last(scene):
    def resume(request, position):
        return request.with_params({"from": position + "!"})

    def prepare(request, _attempt):
        return request.with_params({"prepared": "yes"})

    played = scene.play(
        [stream(A), Reply(204)], dialect=Dialect(resume=resume), prepare=prepare
    )
    assert [target for target, _ in requests_of(played)] == [
        "/stream?prepared=yes",
        "/stream?from=1%21&prepared=yes",
    ]


def test_a_function_may_use_the_header_itself(scene):
    def resume(request, position):
        return request.with_headers({"Last-Event-ID": f"<{position}>"})

    played = scene.play([stream(A), Reply(204)], dialect=Dialect(resume=resume))
    assert played.trace.cursors == [None, "<1>"]


def test_a_function_that_gives_no_request_is_refused(scene):
    played = scene.play([stream(A)], dialect=Dialect(resume=lambda *_: None))
    assert isinstance(played.error, TypeError)
    assert StreamRequest.__name__ in str(played.error)


def test_what_no_header_can_carry_another_way_can(scene):
    script = [stream(b"id: \x01\ndata: a\n\n"), Reply(204)]
    played = scene.play(script, dialect=Dialect(resume=by_query("after")))
    assert requests_of(played)[1] == ("/stream?after=%01", None)
    assert "stream.gap" not in played.trace.logged


# ---------------------------------------------------------------- once, ends, gaps


def test_what_is_for_a_start_alone_is_left_out_with_a_position(scene):
    started = Dialect(once=("from", "X-From", "since"))
    played = scene.play(
        [stream(A), Reply(204)],
        dialect=started,
        params={"from": "noon", "topic": "t"},
        headers={"X-From": "1"},
    )
    assert [target for target, _ in requests_of(played)] == [
        "/stream?from=noon&topic=t",
        "/stream?topic=t",
    ]


def test_what_is_for_a_start_alone_is_left_out_of_the_url_too(scene, monkeypatch):
    monkeypatch.setattr("tests.scenarios.URL", "http://feed.test/s?from=noon&t=1")
    played = scene.play([stream(A), Reply(204)], dialect=Dialect(once=("from",)))
    assert requests_of(played)[1] == ("/s?t=1", "1")


def test_an_event_may_say_goodbye_for_good(scene):
    ends = Dialect(is_end=lambda event: event.data == "b")
    played = scene.play([stream(A + B + A)], dialect=ends)
    assert played.trace.events == ["a", "b"]
    assert played.error is None


def test_the_dialects_header_tells_of_a_gap_also_where_nobody_listens(scene):
    reply = Reply(headers=(*stream().headers, ("X-At", "7")), body=(B,))
    dialect = Dialect(gap_headers=("X-At",))
    played = scene.play([stream(A), reply, Reply(204)], dialect=dialect)
    assert played.trace.logged.count("stream.gap") == 1


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: by_header("X After"), ValueError, "no header field"),
        (lambda: by_url("http://feed.test/"), ValueError, "{position}"),
        (lambda: Dialect(once="since"), TypeError, "write"),
        (lambda: Dialect(gap_headers="X"), TypeError, "write"),
        (lambda: Dialect(resume="Last-Event-ID"), TypeError, "by_header"),
    ],
)
def test_what_means_nothing_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("wrong", ["mercure", object()])
def test_what_is_no_dialect_is_refused(scene, wrong):
    with pytest.raises(TypeError, match="dialect= is a Dialect"):
        scene.play([], dialect=wrong)


def test_a_coroutine_function_is_refused(scene):
    async def later(_event, _before):
        return ""

    with pytest.raises(TypeError, match="never awaited"):
        scene.play([], dialect=Dialect(position=later))


@pytest.mark.parametrize("data", ["no JSON", "[1]", "{}"])
def test_data_of_another_kind_moves_no_ready_made_position(data):
    event = ServerSentEvent(id="9", data=data)
    for dialect in (NTFY, OPENAI):
        assert dialect.position(event, "before") is None
