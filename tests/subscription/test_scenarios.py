"""What a subscription does, on both faces, to the order of log lines."""

from __future__ import annotations

import gzip
import ssl
from dataclasses import replace

import httpxr
import pytest
import tenacity

from reconnecting_sse import (
    CertificateRejected,
    ConnectionFailed,
    Dialect,
    EventTooLarge,
    ReconnectionExhausted,
    ReconnectPolicy,
    SSEError,
    StreamEnded,
    StreamInterrupted,
    UnexpectedContentType,
    UnexpectedStatus,
    dialects,
)
from reconnecting_sse.transports.http1.faults import MalformedError
from tests.scenarios import Interruption, Lasts, Played, Reply, Scene, stream


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


A = b"id: 1\ndata: a\n\n"
B = b"id: 2\ndata: b\n\n"
C = b"id: 3\ndata: c\n\n"

AGAIN = (lambda *_: False,) * 2


def refused():
    return httpxr.ConnectError("refused")


def reset():
    return httpxr.ReadError("reset")


def rejected():
    error = httpxr.ConnectError("tls")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    return error


# ---------------------------------------------------------------- the usual life


def test_a_drop_is_followed_by_a_resume_after_the_last_event(scene):
    played = scene.play([stream(A, B, reset()), stream(C), Reply(204)])
    assert played.trace.lines == [
        ("log", "stream.connecting", None),
        ("request", "GET", "/stream", None),
        ("log", "stream.open", None),
        ("event", "1", "a"),
        ("event", "2", "b"),
        ("log", "stream.dropped", "StreamInterrupted"),
        ("log", "stream.waiting", "StreamInterrupted"),
        ("wait", 0.5),
        ("log", "stream.connecting", None),
        ("request", "GET", "/stream", "2"),
        ("log", "stream.open", None),
        ("log", "stream.recovered", None),
        ("event", "3", "c"),
        ("log", "stream.dropped", "StreamEnded"),
        ("log", "stream.waiting", "StreamEnded"),
        ("wait", 0.5),
        ("log", "stream.connecting", None),
        ("request", "GET", "/stream", "3"),
        ("log", "stream.closed", "no content"),
        ("ended",),
    ]
    assert played.source.state == "closed"
    stats = played.source.stats
    assert (stats.connections, stats.events) == (2, 3)
    assert stats.reconnects == {"StreamInterrupted": 1, "StreamEnded": 1}


def test_nothing_follows_204_and_iterating_again_ends_at_once(scene):
    played = scene.play([Reply(204)], lambda *_: False, lambda *_: False)
    assert played.trace.logged == ["stream.connecting", "stream.closed"]
    assert played.trace.of("ended") == [("ended",), ("ended",)]


def test_the_reply_is_kept_after_the_stream(scene):
    played = scene.play([stream(A), Reply(204)])
    assert played.source.response.status_code == 204


# ---------------------------------------------------------------- the cursor


def test_breaking_after_an_event_leaves_the_cursor_there_and_goes_on_after_it(scene):
    three = A + B + C
    seen = []

    def leave(source, event):
        seen.append((event.id, source.last_event_id))
        return True

    played = scene.play([stream(three), Reply(204)], leave, leave, lambda *_: False)
    assert seen[:2] == [("1", "1"), ("2", "2")]
    assert played.trace.cursors == [None, "3"]
    assert played.trace.events == ["a", "b", "c"]


def test_the_id_sent_is_never_of_an_event_only_decoded(scene):
    # close() after the first of three: nothing is sent, and the cursor says 1.
    played = scene.play([stream(A + B + C)], lambda source, _: source.close())
    assert played.source.last_event_id == "1"
    assert played.trace.events == ["a"]
    assert played.source.stats.events == 1


def test_an_id_without_data_moves_the_cursor_once_all_before_it_is_handed_over(scene):
    played = scene.play(
        [stream(A + b"id: 9\n\n"), Reply(204)], lambda *_: True, lambda *_: False
    )
    assert played.trace.cursors == [None, "9"]


def test_the_cursor_after_a_break_does_not_count_later_id_only_blocks(scene):
    played = scene.play([stream(A + b"id: 9\n\n")], lambda *_: True)
    assert played.source.last_event_id == "1"


def test_an_unfinished_block_moves_nothing(scene):
    played = scene.play([stream(A, b"id: 2\ndata: b\n"), Reply(204)])
    assert played.trace.cursors == [None, "1"]
    assert played.trace.events == ["a"]


def test_an_empty_id_resets_the_cursor_also_after_it_was_sent(scene):
    played = scene.play([stream(A), stream(b"id\ndata: b\n\n"), Reply(204)])
    assert played.trace.cursors == [None, "1", None]


def test_a_connection_without_ids_keeps_the_cursor(scene):
    played = scene.play([stream(A), refused(), stream(b"data: x\n\n"), Reply(204)])
    assert played.trace.cursors == [None, "1", "1", "1"]


@pytest.mark.parametrize(
    "options",
    [
        {"last_event_id": "7"},
        {"headers": {"Last-Event-ID": "7"}},
        {"headers": {"LAST-EVENT-ID": "7"}, "last_event_id": "7"},
    ],
)
def test_the_callers_id_is_for_the_first_attempt(scene, options):
    played = scene.play([refused(), stream(A), Reply(204)], **options)
    assert played.trace.cursors == ["7", "7", "1"]


def test_an_id_that_no_header_can_carry_is_left_out_with_one_warning(scene):
    bad = b"id: \x01bad\ndata: a\n\n"
    played = scene.play([stream(bad), refused(), stream(bad), Reply(204)])
    assert played.trace.cursors == [None, None, None, None]
    assert played.trace.logged.count("stream.gap") == 1
    assert played.trace.events == ["a", "a"]


LONG = "x" * 8000


def test_an_id_too_long_to_be_sent_is_left_out_with_one_warning(scene):
    gaps = []
    long = f"id: {LONG}\ndata: a\n\n".encode()
    script = [stream(long), refused(), stream(B), Reply(204)]
    played = scene.play(script, on_gap=gaps.append)
    assert played.trace.cursors == [None, None, None, "2"]
    assert played.trace.events == ["a", "b"]
    assert played.trace.logged.count("stream.gap") == 1
    assert "too long to be sent: it makes 8015 bytes" in gaps[0].reason
    assert gaps[0].asked_for == LONG


def test_the_callers_own_id_may_be_too_long_as_well(scene):
    played = scene.play([stream(A), Reply(204)], last_event_id=LONG)
    assert played.trace.cursors == [None, "1"]
    assert played.trace.logged.count("stream.gap") == 1


def test_the_standard_policy_sends_an_id_of_any_length(scene):
    script = [stream(f"id: {LONG}\ndata: a\n\n".encode()), Reply(204)]
    played = scene.play(script, policy=ReconnectPolicy.standard())
    assert played.trace.cursors == [None, LONG]
    assert "stream.gap" not in played.trace.logged


def test_an_id_too_long_for_the_query_it_is_resumed_by_is_left_out(scene):
    stream_of = stream("id: {}\ndata: a\n\n".format("/" * 3000).encode())
    by_query = Dialect(resume=dialects.by_query("after"))
    played = scene.play([stream_of, Reply(204)], dialect=by_query)
    assert played.trace.cursors == [None, None]
    assert [line[2] for line in played.trace.of("request")] == ["/stream"] * 2
    assert played.trace.logged.count("stream.gap") == 1


def test_an_id_too_long_to_be_sent_makes_no_post_resumable(scene):
    body = f"id: {LONG}\ndata: a\n\n".encode()
    played = scene.play([stream(body, reset()), stream(A)], method="POST")
    assert isinstance(played.error, StreamInterrupted)


def test_a_tab_in_an_id_travels(scene):
    played = scene.play([stream(b"id: a\tb\ndata: x\n\n"), Reply(204)])
    assert played.trace.cursors == [None, "a\tb"]


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\ud800"])
def test_the_callers_impossible_id_is_refused_there_and_then(scene, bad):
    with pytest.raises(ValueError, match="last event ID"):
        scene.play([], last_event_id=bad)


def test_two_ids_from_the_caller_that_differ_are_refused(scene):
    with pytest.raises(ValueError, match="differ"):
        scene.play([], last_event_id="1", headers={"last-event-id": "2"})


# ---------------------------------------------------------------- outcomes


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_passing_trouble_is_tried_again_before_and_after_the_first_open(
    scene, status
):
    played = scene.play([Reply(status), stream(A), Reply(status), Reply(204)])
    assert played.trace.cursors == [None, None, "1", "1"]
    assert played.error is None
    assert played.source.stats.reconnects["UnexpectedStatus"] == 2


@pytest.mark.parametrize("status", [101, 201, 206, 299, 304, 400, 401, 403, 404, 410])
def test_any_other_status_raises_at_once(scene, status):
    played = scene.play([Reply(status, (b"no", b"pe"))])
    assert isinstance(played.error, UnexpectedStatus)
    assert isinstance(played.error, SSEError)
    assert played.error.status == status
    assert played.error.url == "http://feed.test/stream"
    assert played.error.headers == (("content-type", "text/event-stream"),)
    assert played.error.body == (b"" if status == 304 else b"nope")
    assert played.error.attempts == 1
    assert played.trace.logged[-1] == "stream.closed"
    assert played.trace.of("wait") == []


def test_after_the_first_open_another_status_raises_by_default(scene):
    played = scene.play([stream(A), Reply(401)])
    assert isinstance(played.error, UnexpectedStatus)


def test_unexpected_answers_may_be_tried_again_on_a_slow_schedule(scene):
    html = Reply(headers=(("Content-Type", "text/html"),))
    played = scene.play(
        [stream(A), Reply(401), html, Reply(404), Reply(403), Reply(403), Reply(204)],
        policy=ReconnectPolicy(unexpected="retry"),
    )
    assert played.trace.waits == [0.5, 150, 300, 600, 1200, 1800]


def test_the_slow_schedule_does_not_apply_before_the_first_open(scene):
    played = scene.play([Reply(401)], policy=ReconnectPolicy(unexpected="retry"))
    assert isinstance(played.error, UnexpectedStatus)


@pytest.mark.parametrize(
    "value", ["text/html", "", "text/plain; a=text/event-stream", "x bogus"]
)
def test_another_content_type_raises(scene, value):
    played = scene.play([Reply(headers=(("Content-Type", value),))])
    assert isinstance(played.error, UnexpectedContentType)
    assert "text/event-stream" in str(played.error)


def test_an_encoding_that_nobody_undoes_raises(scene):
    headers = (("Content-Type", "text/event-stream"), ("Content-Encoding", "br"))
    played = scene.play([Reply(headers=headers, body=(gzip.compress(A),))])
    assert isinstance(played.error, UnexpectedContentType)
    assert "'br'" in str(played.error)


@pytest.mark.parametrize(
    "value", ["TEXT/Event-Stream", "text/event-stream;charset=latin-1"]
)
def test_the_content_type_is_compared_by_essence(scene, value):
    played = scene.play(
        [Reply(body=(A,), headers=(("Content-Type", value),)), Reply(204)]
    )
    assert played.trace.events == ["a"]


def test_a_rejected_certificate_raises_before_the_first_open_only(scene):
    assert isinstance(scene.play([rejected()]).error, CertificateRejected)
    played = scene.play([stream(A), rejected(), Reply(204)])
    assert played.error is None
    assert played.source.stats.reconnects["CertificateRejected"] == 1


@pytest.mark.parametrize(
    "error",
    [
        httpxr.ConnectError("x"),
        httpxr.ConnectTimeout("x"),
        httpxr.ReadTimeout("x"),
        httpxr.ReadError("x"),
        httpxr.RemoteProtocolError("x"),
        ConnectionResetError("x"),
        TimeoutError("x"),
    ],
)
def test_failed_attempts_are_tried_again(scene, error):
    played = scene.play([error, stream(A), error, Reply(204)])
    assert played.trace.cursors == [None, None, "1", "1"]
    assert played.source.stats.reconnects["ConnectionFailed"] == 2


def malformed():
    error = httpxr.RemoteProtocolError("odd")
    error.__cause__ = MalformedError("its header 'X Y' has a malformed name")
    return error


def test_a_malformed_answer_is_raised_the_second_time_running(scene):
    played = scene.play([malformed(), refused(), malformed(), malformed()])
    assert type(played.error) is ConnectionFailed
    assert played.error.attempts == 4
    assert len(played.trace.of("request")) == 4


def test_a_malformed_answer_is_tried_again_once_a_stream_was_open(scene):
    script = [stream(A), *[malformed() for _ in range(11)], stream(B), Reply(204)]
    assert scene.play(script).trace.events == ["a", "b"]


def test_a_retry_strategy_decides_about_malformed_answers_too(scene):
    script = [*[malformed() for _ in range(4)], stream(A), Reply(204)]
    assert scene.play(script, retry=tenacity.retry_always).trace.events == ["a"]


@pytest.mark.parametrize(
    "error",
    [
        httpxr.ReadError("x"),
        httpxr.ReadTimeout("idle"),
        httpxr.RemoteProtocolError("x"),
        ConnectionResetError("x"),
        TimeoutError("x"),
        RuntimeError("by whatever error"),
    ],
)
def test_a_stream_may_be_cut_by_whatever_error(scene, error):
    played = scene.play([stream(A, error), stream(B), Reply(204)])
    assert played.trace.events == ["a", "b"]
    assert played.trace.cursors == [None, "1", "2"]
    assert played.source.stats.reconnects["StreamInterrupted"] == 1


def test_a_request_that_is_wrong_itself_is_not_tried_again(scene):
    played = scene.play([httpxr.LocalProtocolError("bad header")])
    assert type(played.error) is httpxr.LocalProtocolError
    assert len(played.trace.of("request")) == 1


def test_an_event_too_large_raises_after_the_events_before_it(scene):
    played = scene.play([stream(A + b"data: " + b"x" * 99)], max_event_bytes=50)
    assert played.trace.events == ["a"]
    assert isinstance(played.error, EventTooLarge)
    assert played.error.url == "http://feed.test/stream"


def test_the_callers_own_exception_passes_and_closes_the_source(scene):
    played = scene.play([KeyError("mine"), stream(A)], lambda *_: 0, lambda *_: 0)
    assert isinstance(played.error, KeyError)
    assert played.source.state == "closed"
    assert played.trace.of("ended") == [("ended",)]


# ---------------------------------------------------------------- until, on_end


def test_until_ends_after_the_first_event_it_accepts(scene):
    played = scene.play([stream(A + B + C)], until=lambda event: event.data == "b")
    assert played.trace.events == ["a", "b"]
    assert played.trace.lines[-2:] == [("log", "stream.closed", "until"), ("ended",)]
    assert played.source.state == "closed"
    assert played.source.last_event_id == "2"


def test_an_error_in_until_passes_through_and_closes(scene):
    def until(_event):
        raise ZeroDivisionError

    played = scene.play([stream(A + B)], lambda *_: 0, lambda *_: 0, until=until)
    assert isinstance(played.error, ZeroDivisionError)
    assert played.source.state == "closed"
    assert played.trace.lines[-1] == ("ended",)


def test_a_clean_end_may_finish(scene):
    played = scene.play([stream(A)], on_end="finish")
    assert played.trace.lines[-2:] == [("log", "stream.closed", "ended"), ("ended",)]


def test_a_cut_is_no_clean_end_even_where_that_would_finish(scene):
    played = scene.play([stream(A, reset()), stream(B)], on_end="finish")
    assert played.trace.events == ["a", "b"]


def is_b(event):
    return event.data == "b"


@pytest.mark.parametrize(
    "options",
    [
        {"method": "POST"},
        {"method": "patch"},
        {"method": "POST", "resend": True},
        {"method": "POST", "retry": tenacity.retry_never},
        {"method": "POST", "retry": tenacity.retry_always},  # it may not be sent again
        {"prepare": lambda request, _: replace(request, method="POST")},
    ],
)
def test_a_post_that_ends_before_until_was_met_is_not_whole(scene, options):
    body = b"data: a\n\n"
    played = scene.play([stream(body)], *AGAIN, until=is_b, **options)
    assert isinstance(played.error, StreamEnded)
    assert "before until= accepted an event; if" in str(played.error)
    assert 'on_end="finish"' in str(played.error)
    assert (played.error.url, played.error.attempts) == ("http://feed.test/stream", 1)
    assert played.trace.events == ["a"]
    assert played.trace.lines[-1] == ("ended",)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "POST", "on_end": "finish"},
        {"method": "GET", "on_end": "finish"},
        {"method": "GET", "retry": tenacity.retry_never},
        {"method": "POST", "until": None},
        {"method": "POST", "until": lambda event: event.data == "a"},
    ],
)
def test_a_clean_end_is_the_end_where_the_caller_says_so(scene, options):
    played = scene.play([stream(b"data: a\n\n")], **{"until": is_b, **options})
    assert played.error is None
    assert played.trace.events == ["a"]


def test_a_204_is_the_end_whatever_is_awaited(scene):
    assert scene.play([Reply(204)], method="POST", until=is_b).error is None


# ---------------------------------------------------------------- POST and PATCH


@pytest.mark.parametrize("method", ["POST", "patch"])
def test_a_clean_end_finishes_a_request_that_is_not_idempotent(scene, method):
    played = scene.play([stream(A)], method=method, json={})
    assert played.trace.events == ["a"]
    assert played.error is None


@pytest.mark.parametrize(
    "step", [refused(), httpxr.ConnectTimeout("x"), Reply(425), Reply(429), Reply(503)]
)
def test_a_post_is_sent_again_while_the_server_cannot_have_acted_or_asks(scene, step):
    played = scene.play([step, stream(b"data: x\n\n")], method="POST")
    assert played.trace.events == ["x"]
    assert len(played.trace.of("request")) == 2


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Reply(500), UnexpectedStatus),
        (Reply(408), UnexpectedStatus),
        (httpxr.ReadTimeout("x"), ConnectionFailed),
        (httpxr.RemoteProtocolError("closed"), ConnectionFailed),
        (stream(b"data: x\n\n", reset()), StreamInterrupted),
    ],
)
def test_a_post_is_not_sent_again_once_the_server_may_have_acted(scene, step, error):
    played = scene.play([step, stream(A)], method="POST")
    assert isinstance(played.error, error)
    assert len(played.trace.of("request")) == 1


def test_an_id_received_makes_a_post_resumable(scene):
    played = scene.play([stream(A, reset()), stream(B)], method="POST")
    assert played.trace.cursors == [None, "1"]
    assert played.trace.events == ["a", "b"]


def test_an_id_that_the_caller_gave_does_not_make_a_post_resumable(scene):
    played = scene.play(
        [stream(b"data: x\n\n", reset())], method="POST", last_event_id="7"
    )
    assert isinstance(played.error, StreamInterrupted)


def test_an_id_taken_back_makes_a_post_unresumable_again(scene):
    played = scene.play([stream(A, b"id\ndata: b\n\n", reset())], method="POST")
    assert isinstance(played.error, StreamInterrupted)


def test_resend_sends_a_post_again(scene):
    played = scene.play(
        [stream(b"data: x\n\n", reset()), Reply(500), stream(b"data: y\n\n")],
        method="POST",
        resend=True,
    )
    assert played.trace.events == ["x", "y"]
    assert played.error is None


def test_a_post_told_to_reconnect_needs_an_id_or_resend(scene):
    body = b"data: x\n\n"
    played = scene.play([stream(body)], method="POST", on_end="reconnect")
    assert isinstance(played.error, StreamEnded)
    played = scene.play(
        [stream(body), Reply(204)], method="POST", on_end="reconnect", resend=True
    )
    assert len(played.trace.of("request")) == 2


# ---------------------------------------------------------------- waiting


def test_delays_double_up_to_the_cap_while_there_is_no_progress(scene):
    played = scene.play([stream(A), *[refused() for _ in range(8)], Reply(204)])
    assert played.trace.waits == [0.5, 1, 2, 4, 8, 15, 15, 15, 15]


def test_an_answer_that_closes_at_once_is_no_progress(scene):
    played = scene.play([*[stream() for _ in range(7)], Reply(204)])
    assert played.trace.waits == [0.5, 1, 2, 4, 8, 15, 15]


def test_the_same_id_again_is_no_progress(scene):
    played = scene.play([*[stream(A) for _ in range(4)], Reply(204)])
    assert played.trace.waits == [0.5, 1, 2, 4]


def test_a_moved_id_is_progress(scene):
    ids = [stream(b"id: %d\ndata: x\n\n" % n) for n in range(4)]
    assert scene.play([*ids, Reply(204)]).trace.waits == [0.5] * 4


def test_five_seconds_are_progress_with_or_without_an_event(scene):
    short = stream(b"data: x\n\n", Lasts(4.9))
    silent = stream(Lasts(5))
    cut = stream(Lasts(5), reset())
    played = scene.play([short, short, silent, short, short, cut, Reply(204)])
    assert played.trace.waits == [0.5, 1, 0.5, 1, 2, 0.5]


@pytest.mark.parametrize("seconds", [15, 30, 55])
def test_a_quiet_feed_that_a_proxy_cuts_is_away_for_a_second_each_time(scene, seconds):
    quiet = stream(b": beat\n\n", Lasts(seconds))
    assert scene.play([*[quiet] * 6, Reply(204)]).trace.waits == [0.5] * 6


def test_a_connection_that_lasted_less_than_the_servers_retry_is_no_progress(scene):
    def lasting(seconds):
        return stream(b"retry: 8000\n", Lasts(seconds))

    played = scene.play([lasting(7.9), lasting(7.9), lasting(8), Reply(204)])
    assert played.trace.waits == [8, 16, 8]


def test_a_feed_that_is_polled_at_the_pace_it_asks_for_makes_progress(scene):
    one_a_response = stream(b"retry: 200\ndata: x\n\n")
    played = scene.play([*[one_a_response] * 9, Reply(204)])
    assert played.trace.waits == [0.2] * 9


@pytest.mark.parametrize(
    "answer",
    [
        stream(b"retry: 200\n: no event\n\n"),  # no event
        stream(b"retry: 200\ndata: x\n\n", reset()),  # no clean end
    ],
)
def test_a_pace_asked_for_is_no_progress_by_itself(scene, answer):
    played = scene.play([answer, answer, answer, Reply(204)])
    assert played.trace.waits == [0.2, 0.4, 0.8]


def test_an_event_and_a_clean_end_without_a_retry_are_no_progress(scene):
    answer = stream(b"data: x\n\n")
    assert scene.play([*[answer] * 3, Reply(204)]).trace.waits == [0.5, 1, 2]


def test_the_servers_retry_is_never_undercut_and_stays(scene):
    played = scene.play(
        [stream(b"retry: 4000\n" + A), refused(), refused(), refused(), Reply(204)]
    )
    assert played.trace.waits == [4, 8, 16, 30]
    assert played.source.retry == 4000


def test_a_retry_takes_effect_with_its_line_though_its_block_never_ends(scene):
    played = scene.play([stream(A, b"retry: 4000\ndata: lost"), Reply(204)])
    assert played.trace.waits == [4]


def test_a_retry_is_clamped(scene):
    played = scene.play([stream(b"retry: 0\n" + A), Reply(204)])
    assert played.trace.waits == [0.1]
    played = scene.play([stream(b"retry: 99999999\n" + A), Reply(204)])
    assert played.trace.waits == [3600]
    played = scene.play(
        [stream(b"retry: 9\n" + A), Reply(204)],
        policy=ReconnectPolicy(retry_bounds=(1, 2)),
    )
    assert played.trace.waits == [1]


def test_retry_after_is_a_floor_for_one_wait(scene):
    after = Reply(503, headers=(("Retry-After", "120"),))
    played = scene.play([stream(A), after, refused(), Reply(204)])
    assert played.trace.waits == [0.5, 120, 2]


def test_retry_after_in_an_answers_own_time_is_clamped(scene):
    date = "Wed, 22 Nov 2023 10:00:00 GMT"
    day_later = "Thu, 23 Nov 2023 10:00:00 GMT"
    after = Reply(429, headers=(("Retry-After", day_later), ("Date", date)))
    played = scene.play([stream(A), after, Reply(204)])
    assert played.trace.waits == [0.5, 3600]


def test_a_retry_after_sooner_than_the_backoff_does_not_shorten_it(scene):
    after = Reply(503, headers=(("Retry-After", "0"),))
    assert scene.play([stream(A), after, Reply(204)]).trace.waits == [0.5, 1]


def test_any_strategy_of_tenacity_may_replace_the_wait_above_the_servers_floor(scene):
    played = scene.play(
        [refused(), refused(), stream(b"retry: 5000\n" + A), refused(), Reply(204)],
        wait=tenacity.wait_incrementing(start=2, increment=1),
    )
    assert played.trace.waits == [2, 3, 5, 5]


def test_attempts_before_the_first_open_are_ten_by_default(scene):
    played = scene.play([refused() for _ in range(20)])
    assert isinstance(played.error, ReconnectionExhausted)
    assert isinstance(played.error.__cause__, ConnectionFailed)
    assert isinstance(played.error.__cause__.__cause__, httpxr.ConnectError)
    assert played.error.attempts == 10
    assert len(played.trace.of("request")) == 10


@pytest.mark.parametrize(("limit", "told"), [(1, "1 attempt"), (2, "2 attempts")])
def test_giving_up_says_after_how_many_attempts(scene, limit, told):
    stop = tenacity.stop_after_attempt(limit)
    played = scene.play([refused() for _ in range(limit)], stop=stop)
    assert str(played.error).startswith(f"gave up after {told} without progress; the")


def test_after_the_first_open_nothing_gives_up(scene):
    played = scene.play([stream(A), *[refused() for _ in range(50)], Reply(204)])
    assert played.error is None


def test_a_stop_strategy_is_told_what_tenacity_tells(scene):
    states = []

    def stop(state):
        states.append(
            (
                state.attempt_number,
                state.seconds_since_start,
                state.idle_for,
                state.upcoming_sleep,
                type(state.outcome.exception()).__name__,
                state.reconnection_time,
            )
        )
        return tenacity.stop_after_delay(3)(state)

    played = scene.play(
        [stream(A, Lasts(1)), refused(), refused(), refused()], stop=stop
    )
    assert isinstance(played.error, ReconnectionExhausted)
    assert states[4:] == states[:4]
    assert states[:4] == [
        (1, 0, 0, 0.5, "StreamEnded", 1.0),
        (2, 0.5, 0.5, 1, "ConnectionFailed", 1.0),
        (3, 1.5, 1.5, 2, "ConnectionFailed", 1.0),
        (4, 3.5, 3.5, 4, "ConnectionFailed", 1.0),
    ]


def test_a_retry_strategy_replaces_the_table(scene):
    keen = tenacity.retry_if_exception_type(UnexpectedStatus)
    played = scene.play([Reply(404), Reply(401), refused()], retry=keen)
    assert isinstance(played.error, ConnectionFailed)
    assert len(played.trace.of("request")) == 3
    # It is asked about a clean end, too: no is the end, not an error.
    assert scene.play([stream(A)], retry=keen).error is None


def test_a_retry_strategy_cannot_replace_204_nor_an_oversized_event(scene):
    always = {"retry": tenacity.retry_always}
    assert scene.play([Reply(204)], **always).trace.lines[-1] == ("ended",)
    played = scene.play([stream(b"data: 12345\n\n")], max_event_bytes=3, **always)
    assert isinstance(played.error, EventTooLarge)
    played = scene.play([stream(A)], on_end="finish", **always)
    assert played.error is None


def test_the_standard_policy_waits_what_the_server_says_and_gives_up_on_a_status(scene):
    played = scene.play(
        [refused(), stream(b"retry: 7\n" + A), refused(), reset(), Reply(503)],
        policy=ReconnectPolicy.standard(0.25),
    )
    assert played.trace.waits == [0.25, 0.007, 0.007, 0.007]
    assert isinstance(played.error, UnexpectedStatus)


def test_the_standard_policy_never_gives_up_on_a_network(scene):
    played = scene.play(
        [*[refused() for _ in range(30)], Reply(204)],
        policy=ReconnectPolicy.standard(),
    )
    assert played.trace.waits == [3.0] * 30


# ---------------------------------------------------------------- interruptions


def test_an_exception_from_outside_drops_the_stream_and_is_no_clean_end(scene):
    played = scene.play([stream(A, Interruption()), stream(B), Reply(204)], *AGAIN)
    assert played.trace.lines[3:10] == [
        ("event", "1", "a"),
        ("log", "stream.dropped", "Interruption"),
        ("interrupted",),
        ("log", "stream.connecting", None),
        ("request", "GET", "/stream", "1"),
        ("log", "stream.open", None),
        ("event", "2", "b"),
    ]
    assert played.source.stats.reconnects["Interruption"] == 1


def test_closing_and_raising_from_outside_is_no_reconnect(monkeypatch):
    for face in ("sync", "async"):
        played = Played(monkeypatch, face, [stream(A)], "GET", {})

        def close_and_raise(*_, source=played.source):
            source.close()
            raise Interruption

        monkeypatch.setattr(played.source._session, "receive", close_and_raise)
        played.consume().consume()
        assert played.source.stats.reconnects == {}
        assert played.trace.lines[-3:] == [
            ("log", "stream.closed", "closed"),
            ("interrupted",),
            ("ended",),
        ]


def test_an_attempt_broken_off_from_outside_is_made_again_at_once(scene):
    played = scene.play([Interruption(), stream(A), Reply(204)], *AGAIN)
    assert played.trace.lines[2:5] == [
        ("interrupted",),
        ("log", "stream.connecting", None),
        ("request", "GET", "/stream", None),
    ]
    assert played.trace.events == ["a"]


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_wait_broken_off_from_outside_goes_on_where_it_was(monkeypatch, face):
    broken_off = iter([True])

    def pause(self, delay):
        self.trace("wait", round(delay, 3))
        if next(broken_off, False):
            self.clock.seconds += delay / 4
            raise Interruption
        self.clock.seconds += delay

    monkeypatch.setattr(Played, "_sleep", pause)
    script = [stream(A), Reply(204)]
    played = Played(monkeypatch, face, script, "GET", {"wait": lambda _: 8})
    played.consume().consume()
    assert played.trace.waits == [8, 6]
    assert played.trace.logged.count("stream.waiting") == 1
