"""Silences: what is one, and what is normal for a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse import ReconnectPolicy, StoreUnavailable
from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.claims import Claim
from reconnecting_sse.core.session import StreamSession
from reconnecting_sse.core.silences import BURST, Silences
from tests.scenarios import Lasts, Played, Reply, stream

FACES = ["sync", "async"]
both_faces = pytest.mark.parametrize("face", FACES)

# ---------------------------------------------------------------- what is normal


def after(*lengths):
    silences = Silences()
    for seconds in lengths:
        silences.add(seconds)
    return silences


def test_normal_is_three_times_the_longest_of_the_last_silences():
    assert after(4.0, 8.0, 2.0).normal == 24.0
    assert after(90.0, *[4.0] * 15).normal == 270.0
    assert after(90.0, *[4.0] * 16).normal == 12.0


def test_it_is_ten_seconds_at_least():
    assert after(1.0, 1.0, 1.0).normal == 10.0


def test_it_is_unknown_below_three_silences():
    assert after(4.0, 8.0).normal is None
    assert after(4.0, 8.0).longest is None
    assert after(4.0, 8.0, 4.0).longest == 8.0


def test_it_is_unknown_above_five_minutes():
    assert after(100.0, 1.0, 1.0).normal == 300.0
    assert after(100.1, 1.0, 1.0).normal is None


@given(st.lists(st.floats(BURST, 1_000), min_size=3, max_size=40))
def test_no_silence_that_is_remembered_is_longer_than_what_is_normal(lengths):
    normal = after(*lengths).normal
    assert normal is None or all(length <= normal for length in lengths[-16:])


# ---------------------------------------------------------------- what is a silence

A, BEAT = b"id: 1\ndata: a\n\n", b": beat\n"


def played(monkeypatch, face, *replies, **options):
    return Played(monkeypatch, face, [*replies, Reply(204)], "GET", options)


def lengths_of(found):
    return list(found.source._session.silences._lengths)


@both_faces
@pytest.mark.parametrize("idle_timeout", [300.0, "adaptive"])
def test_every_source_has_them(monkeypatch, face, idle_timeout):
    beats = [BEAT, Lasts(15)] * 4
    found = played(monkeypatch, face, stream(*beats, A), idle_timeout=idle_timeout)
    found.consume()
    assert lengths_of(found) == [15] * 4
    assert found.source.stats.normal_silence == 45


@both_faces
def test_what_comes_in_a_burst_is_none(monkeypatch, face):
    body = [A, Lasts(0.49), A, Lasts(0.5), A]
    found = played(monkeypatch, face, stream(*body)).consume()
    assert lengths_of(found) == [0.5]


@both_faces
def test_time_in_the_loops_body_is_none(monkeypatch, face):
    found = played(monkeypatch, face, stream(A, Lasts(2), A, Lasts(3), A))
    seen = []

    def dawdle(source, _event):
        found.clock.seconds += 60
        seen.append(source._session.silence(found.clock.now()))

    found.consume(dawdle)
    assert lengths_of(found) == [2, 3]
    assert seen == [None] * 3


@both_faces
def test_time_between_two_connections_is_none(monkeypatch, face):
    found = played(
        monkeypatch,
        face,
        stream(b"retry: 60000\n", A, Lasts(2), BEAT),
        stream(Lasts(5), A, Lasts(3), BEAT),
    )
    found.consume()
    assert found.trace.waits == [60, 60]
    assert lengths_of(found) == [2, 5, 3]


@both_faces
def test_time_of_who_hears_of_a_connection_is_none(monkeypatch, face):
    """He may fill a gap before he lets the stream go on."""

    def hear(_fact):
        found.clock.seconds += 100

    found = played(
        monkeypatch, face, stream(Lasts(2), A, Lasts(3), A), on_lifecycle=hear
    )
    found.consume()
    assert lengths_of(found) == [2, 3]


@both_faces
def test_the_silence_that_ends_with_the_stream_says_nothing(monkeypatch, face):
    found = played(monkeypatch, face, stream(A, Lasts(3), A, Lasts(50))).consume()
    assert lengths_of(found) == [3]


@both_faces
def test_how_long_one_lasts_is_known_while_it_lasts(monkeypatch, face):
    seen = []

    def look():
        seen.append(found.source._session.silence(found.clock.now()))

    body = [look, Lasts(2), look, A, Lasts(7), look]
    found = played(monkeypatch, face, stream(*body))
    assert found.source._session.silence(found.clock.now()) is None
    found.consume()
    assert seen == [0, 2, 7]
    assert found.source._session.silence(found.clock.now()) is None


def test_time_for_which_events_wait_for_a_store_is_none():
    session = StreamSession(
        ReconnectPolicy.standard(), url="http://feed.test/", durable_name="prices"
    )
    session.claimed(Claim("prices", 1, "n", None))
    session.connecting(now=0)
    session.answered(Answer(200, (("content-type", "text/event-stream"),)), 0, wall=0)
    session.listening(now=0)
    session.receive(A, now=3)
    session.paused(StoreUnavailable("no answer"), 1)
    assert session.silence(now=50) is None
    session.resumed()
    assert session.silence(now=100) is None
    session.handed_over(now=100)
    assert session.silence(now=104) == 4
    session.receive(A, now=105)
    assert list(session.silences._lengths) == [3, 5]
