"""What a subscription tells: facts, comments and gaps, on both faces."""

from __future__ import annotations

import httpxr
import pytest

from reconnecting_sse import Dialect, ReconnectPolicy, lifecycle
from tests.scenarios import Interruption, Lasts, Played, Reply, Scene, stream

A = b"id: 1\ndata: a\n\n"
B = b"id: 2\ndata: b\n\n"


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def both(monkeypatch, script, **options):
    return [Played(monkeypatch, face, script, "GET", options) for face in FACES]


FACES = ("sync", "async")


def test_the_names_levels_and_keys_of_the_log_are_these(monkeypatch):
    lines = []

    class Logger:
        def __getattr__(self, level):
            return lambda name, **keys: lines.append((level, name, *keys))

    script = [
        stream(A, httpxr.ReadError("x")),
        httpxr.ConnectError("x"),
        stream(b"id: \x01\ndata: b\n\n", Lasts(1)),
        Reply(404),
    ]
    played = Played(monkeypatch, "sync", script, "GET", {"logger": Logger()}).consume()
    assert played.error is not None
    connecting = ("debug", "stream.connecting", "url", "attempt", "last_event_id")
    opened = ("info", "stream.open", "url", "status")
    dropped = ("info", "stream.dropped", "url", "cause", "error")
    waiting = ("info", "stream.waiting", "url", "delay", "attempt", "cause")
    recovered = (
        "info",
        "stream.recovered",
        "url",
        "attempts",
        "downtime",
        "last_event_id",
    )
    assert lines == [
        connecting,
        opened,
        dropped,
        waiting,
        connecting,
        dropped,
        waiting,
        connecting,
        opened,
        recovered,
        dropped,
        waiting,
        connecting,
        ("warning", "stream.gap", "url", "reason", "asked_for"),
        ("info", "stream.closed", "url", "reason", "error", "status"),
    ]


class Leveled:
    """A logger that keeps the levels, too."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda name, **keys: self.lines.append((level, name, keys))

    @property
    def warnings(self):
        return [keys for level, _, keys in self.lines if level == "warning"]


def refused(_=None):
    return httpxr.ConnectError("could not connect to feed.test:80; is it right?")


@pytest.mark.parametrize("face", FACES)
def test_what_never_opens_is_warned_of_at_once_and_whenever_the_time_doubles(
    monkeypatch, face
):
    script = [*map(refused, range(9)), stream(A), refused(), Reply(204)]
    logger = Leveled()
    played = Played(monkeypatch, face, script, "GET", {"logger": logger}).consume()
    assert played.error is None
    told = [
        (keys["attempt"] if name == "stream.waiting" else level)
        for level, name, keys in logger.lines
        if name in ("stream.dropped", "stream.waiting")
    ]
    # The waits are 0.5, 1, 2, 4, 8, 15, 15, 15 s: the failures come at 0, 0.5, 1.5,
    # 3.5, 7.5, 15.5, 30.5, 45.5, 60.5 s.
    assert told[:18] == [
        *("warning", 1, "info", 2, "info", 3, "warning", 4, "warning", 5),
        *("warning", 6, "info", 7, "warning", 8, "info", 9),
    ]
    assert "warning" not in told[18:]
    first, *_, last = logger.warnings
    assert first == {
        "url": "http://feed.test/stream",
        "cause": "ConnectionFailed",
        "error": "http://feed.test/stream: ConnectError: could not connect to"
        " feed.test:80; is it right?",
        "goes_on": "up to 9 more attempts, with up to 151 s of waits between them",
    }
    assert last["goes_on"].startswith("up to 2 more attempts")


@pytest.mark.parametrize(
    ("options", "outlook"),
    [
        ({"wait": lambda _: 1}, "up to 9 more attempts"),
        ({"stop": lambda _: False}, "until stop= says so"),
        ({"policy": ReconnectPolicy.standard()}, "until it is closed"),
    ],
)
def test_a_warning_says_how_long_attempts_go_on(monkeypatch, options, outlook):
    logger = Leveled()
    script = [Reply(503), Reply(204)]
    options = {"logger": logger, "retry": lambda _: True, **options}
    if "policy" in options:
        del options["retry"]
        script[0] = refused()
    Played(monkeypatch, "sync", script, "GET", options).consume()
    assert [keys["goes_on"] for keys in logger.warnings] == [outlook]


def test_lifecycle_facts_are_the_logs_own_typed_and_after_it(scene):
    heard = []
    script = [stream(A), Reply(503), Reply(204)]
    played = scene.play(script, on_lifecycle=heard.append)
    facts = heard[: len(heard) // 2]
    assert facts == heard[len(heard) // 2 :]
    assert [fact.name for fact in facts] == played.trace.logged
    connecting, opened, dropped, waiting = facts[:4]
    url = "http://feed.test/stream"
    assert connecting == lifecycle.Connecting(url=url, attempt=1, last_event_id="")
    assert opened == lifecycle.Opened(url=url, status=200)
    assert dropped.cause == "StreamEnded"
    assert waiting == lifecycle.Waiting(
        url=url, delay=0.5, attempt=1, cause="StreamEnded"
    )
    assert isinstance(facts[-1], lifecycle.Closed)


@pytest.mark.parametrize("end", [(), (httpxr.ReadError("x"),)], ids=["end", "cut"])
def test_an_unfinished_event_is_told_of_with_the_drop(scene, end):
    heard = []
    script = [stream(A, b"id: 2\ndata: lost", *end), stream(A, *end), Reply(204)]
    scene.play(script, on_lifecycle=heard.append)
    dropped = [fact for fact in heard if isinstance(fact, lifecycle.Dropped)]
    assert [fact.unfinished_bytes for fact in dropped] == [11, 0] * 2
    assert ["unfinished_bytes" in fact.keywords() for fact in dropped] == [
        True,
        False,
    ] * 2


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ([stream(A, b"data: lost")], {"on_end": "finish"}),
        ([stream(b"data: lost", httpxr.ReadError("x"))], {"method": "POST"}),
    ],
)
def test_an_unfinished_event_is_told_of_at_the_end(scene, script, options):
    heard = []
    scene.play(script, on_lifecycle=heard.append, **options)
    assert heard[-1].name == "stream.closed"
    assert heard[-1].unfinished_bytes == len("data: lost")


def test_what_is_given_up_unfinished_is_told_of_once(scene):
    heard = []

    def renew_then_close(source, event):
        source.reconnect() if event.data == "a" else source.close()

    script = [stream(A + b"data: lost", b"data: never"), stream(B)]
    scene.play(script, renew_then_close, on_lifecycle=heard.append)
    told = [fact.unfinished_bytes for fact in heard if "unfinished" in repr(fact)]
    assert told == [len("data: lost"), 0] * 2


@pytest.mark.parametrize("name", ["connecting", "open", "dropped", "closed"])
def test_a_listener_that_raises_ends_the_subscription_with_its_error(scene, name):
    def listen(fact):
        if fact.name == f"stream.{name}":
            raise ZeroDivisionError(name)

    twice = (lambda *_: False,) * 2
    script = [stream(A), Reply(204)]
    played = scene.play(script, *twice, on_lifecycle=listen)
    assert isinstance(played.error, ZeroDivisionError)
    assert played.source.state == "closed"
    assert played.trace.lines[-1] == ("ended",)


def test_a_logger_that_raises_ends_the_subscription_with_its_error(monkeypatch):
    class Broken:
        def debug(self, *_, **__):
            raise OSError("disk full")

        info = debug

    for face in FACES:
        options = {"logger": Broken()}
        played = Played(monkeypatch, face, [stream(A)], "GET", options).consume()
        assert isinstance(played.error, OSError)
        assert played.trace.of("request") == []


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("face", FACES)
def test_comments_are_heard_where_they_come_among_the_events(monkeypatch, face, size):
    body = b":1\n" + A + b":2\n\n:3\n" + B + b"data: c\n:4\nid: 3\n\n:5\n"
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    trace = []
    options = {"on_comment": trace.append}
    script = [stream(*pieces), Reply(204)]
    played = Played(monkeypatch, face, script, "GET", options)
    played.consume(lambda _source, event: trace.append(event.data))
    # A comment within a block comes before the block's event, which ends after it.
    assert trace == ["1", "a", "2", "3", "b", "4", "c", "5"]
    assert played.source.stats.events == 3


def test_a_comment_is_heard_only_when_the_event_before_it_was_handed_over(scene):
    heard, seen = [], []

    def leave(source, _event):
        seen.append((list(heard), source.stats.events))
        return True

    script = [stream(A + b":1\n:2\n" + B), Reply(204)]
    scene.play(script, leave, lambda *_: False, on_comment=heard.append)
    assert seen == [([], 1), (["1", "2"], 1)]
    assert heard == ["1", "2"] * 2


def test_no_comment_is_heard_once_the_source_is_closed(monkeypatch):
    for face in FACES:
        heard, sources = [], []

        def hear(text, heard=heard, sources=sources):
            heard.append(text)
            sources[0].close()

        body = b":1\n:2\n" + A + b":3\n"
        options = {"on_comment": hear}
        played = Played(monkeypatch, face, [stream(body)], "GET", options)
        sources.append(played.source)
        played.consume()
        assert (heard, played.trace.events) == (["1"], [])


def test_none_is_heard_behind_an_event_at_which_the_source_was_closed(scene):
    heard = []

    def close(source, _event):
        source.close()

    scene.play([stream(A + b":1\n" + B)], close, on_comment=heard.append)
    assert heard == []


def test_events_and_comments_that_were_decoded_come_before_a_reconnect(scene):
    heard = []

    def renew(source, event):
        if event.data == "a":
            source.reconnect()

    script = [stream(A + b":1\n" + B + b":2\n", b"data: never\n\n"), Reply(204)]
    played = scene.play(script, renew, on_comment=heard.append)
    assert played.trace.events == ["a", "b"]
    assert played.trace.cursors == [None, "2"]
    assert heard == ["1", "2"] * 2
    assert played.source.stats.reconnects == {"reconnect": 1}


def test_an_error_in_on_comment_passes_through(scene):
    def hear(_text):
        raise KeyError("mine")

    played = scene.play([stream(A, b": ping\n"), stream(B)], on_comment=hear)
    assert isinstance(played.error, KeyError)
    assert played.trace.events == ["a"]


# ---------------------------------------------------------------- gaps


def positioned(position, *body, header="Mercure-Last-Event-ID"):
    headers = (("Content-Type", "text/event-stream"), (header, position))
    return Reply(200, body, headers)


def test_a_response_that_resumes_elsewhere_is_a_gap(scene):
    gaps = []
    script = [positioned("", A), positioned("0", B), positioned("2"), Reply(204)]
    played = scene.play(script, on_gap=gaps.append)
    assert len(gaps) == 2
    assert gaps[0].asked_for == "1"
    assert gaps[0].resumed_after == "0"
    assert "position" in gaps[0].reason
    assert played.trace.logged.count("stream.gap") == 1


def test_a_position_in_utf_8_is_the_one_asked_for(scene):
    gaps = []
    body = "id: é\ndata: a\n\n".encode()
    script = [stream(body), positioned("é"), Reply(204)]
    scene.play(script, on_gap=gaps.append)
    assert gaps == []


def test_a_response_that_names_no_position_is_no_gap(scene):
    gaps = []
    scene.play([stream(A), stream(B), Reply(204)], on_gap=gaps.append)
    assert gaps == []


def test_the_header_that_names_the_position_may_be_another(scene):
    gaps = []
    other_header = Dialect(gap_headers=("X-Resumed-After",))
    mercure = positioned("0", b"data: x\n\n")
    other = positioned("0", header="X-Resumed-After")
    script = [stream(A), mercure, other, Reply(204)]
    scene.play(script, on_gap=gaps.append, dialect=other_header)
    assert [gap.resumed_after for gap in gaps] == ["0", "0"]


def test_an_event_may_tell_of_a_gap_and_is_handed_over_all_the_same(scene):
    gaps = []
    tells = Dialect(is_gap=lambda event: event.event == "stale")
    body = A + b"event: stale\ndata: s\n\n" + B
    script = [stream(body), Reply(204)]
    played = scene.play(script, on_gap=gaps.append, dialect=tells)
    assert played.trace.events == ["a", "s", "b"]
    assert [gap.asked_for for gap in gaps] == ["1", "1"]
    kinds = [line[:2] for line in played.trace.lines if line[0] in ("event", "log")]
    assert kinds[2:5] == [("event", "1"), ("log", "stream.gap"), ("event", "1")]


def test_an_id_that_cannot_travel_is_a_gap(scene):
    gaps = []
    script = [stream(b"id: \x01\ndata: x\n\n"), Reply(204)]
    scene.play(script, on_gap=gaps.append)
    assert [gap.asked_for for gap in gaps] == ["\x01", "\x01"]


LARGE = b"id: 9\ndata: " + b"x" * 99 + b"\n\n"


@pytest.mark.parametrize("size", [7, 1000])
def test_an_event_too_large_may_be_passed_over_as_a_gap(monkeypatch, size):
    body = A + LARGE + B
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    for face in FACES:
        order = []
        options = {
            "max_event_bytes": 50,
            "too_large": "skip",
            "on_gap": lambda gap, order=order: order.append(gap.asked_for),
        }
        script = [stream(*pieces), Reply(204)]
        played = Played(monkeypatch, face, script, "GET", options)
        played.consume(lambda _source, event, order=order: order.append(event.data))
        assert played.error is None
        assert order == ["a", "1", "b"]
        assert played.trace.cursors == [None, "2"]
        assert played.trace.logged.count("stream.gap") == 1


def test_the_cursor_moves_past_what_was_passed_over(scene):
    """Or it would be met again and again."""
    script = [stream(A + LARGE, httpxr.ReadError("x")), stream(B), Reply(204)]
    played = scene.play(script, max_event_bytes=50, too_large="skip")
    assert played.trace.cursors == [None, "9", "2"]
    assert played.trace.events == ["a", "b"]


def test_an_error_in_on_gap_at_what_is_passed_over_ends_it_there(scene):
    def on_gap(_gap):
        raise KeyError("mine")

    options = {"max_event_bytes": 50, "too_large": "skip", "on_gap": on_gap}
    played = scene.play([stream(A + LARGE + B)], **options)
    assert isinstance(played.error, KeyError)
    assert played.trace.events == ["a"]
    assert played.source.last_event_id == "1"


def test_an_error_in_on_gap_passes_through(scene):
    def on_gap(_gap):
        raise KeyError("mine")

    script = [stream(A), positioned("0", B), Reply(204)]
    played = scene.play(script, on_gap=on_gap)
    assert isinstance(played.error, KeyError)
    assert played.trace.events == ["a"]


def test_an_exception_of_a_signal_in_a_predicate_does_not_lose_the_event(monkeypatch):
    for face in FACES:
        broken_off = iter([True])

        def until(_event, broken_off=broken_off):
            if next(broken_off, False):
                raise Interruption

        script = [stream(A + B), Reply(204)]
        played = Played(monkeypatch, face, script, "GET", {"until": until})
        played.consume()
        assert played.source.last_event_id == ""
        played.consume()
        assert played.trace.events == ["a", "b"]
        assert len(played.trace.of("request")) == 2


# ---------------------------------------------------------------- reconnecting at will


def test_reconnect_gives_up_the_stream_without_error_or_wait(scene):
    def renew(source, event):
        if event.data == "a":
            source.reconnect()

    script = [stream(A + B, b"id: 3\ndata: never\n\n"), stream(), Reply(204)]
    played = scene.play(script, renew)
    assert played.trace.events[:2] == ["a", "b"]
    assert played.trace.cursors[:2] == [None, "2"]
    assert played.source.stats.reconnects["reconnect"] == 1
    assert ("log", "stream.dropped", "reconnect") in played.trace.lines


def test_a_heartbeats_period_becomes_the_idle_timeout(monkeypatch):
    beat = (b": beat\n", Lasts(15))
    for face in FACES:
        script = [stream(A, *beat * 5), Reply(204)]
        played = Played(monkeypatch, face, script, "GET", {"idle_timeout": "adaptive"})
        set_to = []
        monkeypatch.setattr(played.source._effects, "allow_silence", set_to.append)
        played.consume()
        assert set_to == [300, 300, 300, 300, 300, 45, 45]


def test_an_unknown_word_for_the_idle_timeout_is_refused(scene):
    with pytest.raises(ValueError, match="adaptive"):
        scene.play([], idle_timeout="auto")


@pytest.mark.parametrize("face", FACES)
def test_a_slow_caller_is_not_taken_for_a_silent_server(monkeypatch, face):
    script = [stream(*[A] * 20), Reply(204)]
    played = Played(monkeypatch, face, script, "GET", {"idle_timeout": "adaptive"})

    def dawdle(_source, _event):
        played.clock.seconds += 60

    played.consume(dawdle)
    assert played.source._session.idle_timeout == 300
    assert not played.source._session._adaptive._silences._lengths


def test_one_header_of_a_dialect_is_no_string():
    with pytest.raises(TypeError, match=r"write \('X-Position',\)"):
        Dialect(gap_headers="X-Position")
