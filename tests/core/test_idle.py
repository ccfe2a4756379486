"""Silence: how much of it is too much, learnt or given, and what is none."""

from __future__ import annotations

import asyncio
import threading

import httpxr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_fixed

from reconnecting_sse.core import idle, session
from reconnecting_sse.core.idle import LONGEST, SHORTEST, AdaptiveIdleTimeout
from reconnecting_sse.testing import Answer, Pause, ScriptedServer
from tests.connection_harness import (
    FACES,
    LIMIT,
    Consumer,
    Log,
    data_of,
    new_client,
    new_source,
    reader_for,
)

both_faces = pytest.mark.parametrize("face", FACES)

A, B = "id: 1\ndata: a\n\n", "id: 2\ndata: b\n\n"
AT_ONCE = wait_fixed(0)

# ---------------------------------------------------------------- learning


def learnt(*silences):
    """A timeout that has seen these silences."""
    timeout = AdaptiveIdleTimeout()
    for silence in silences:
        timeout.heard_after(silence)
    return timeout


def test_until_it_has_learnt_the_longest_timeout_counts():
    assert learnt().seconds == LONGEST == 300
    assert learnt(15, 15).seconds == LONGEST


def test_three_silences_are_enough_and_three_times_the_longest_is_allowed():
    assert learnt(15, 20, 15).seconds == 60


@pytest.mark.parametrize(("silence", "seconds"), [(1, SHORTEST), (200, LONGEST)])
def test_it_stays_within_its_bounds(silence, seconds):
    assert learnt(*[silence] * 5).seconds == seconds


def test_it_forgets_what_is_long_ago():
    assert learnt(90, *[15] * 15).seconds == 270
    assert learnt(90, *[15] * 16).seconds == 45


def test_a_heartbeat_that_became_slower_is_not_cut_for_ever():
    timeout = learnt(*[4] * 16)
    allowed = [timeout.seconds]
    while timeout.seconds < LONGEST:
        timeout.expired()
        allowed.append(timeout.seconds)
    assert allowed == [12, 36, 108, 300]


silences = st.lists(st.floats(0, 1_000), max_size=60)


@given(silences)
def test_whatever_it_learns_is_within_the_bounds(lengths):
    assert SHORTEST <= learnt(*lengths).seconds <= LONGEST


@given(st.floats(0.5, LONGEST), st.integers(1, 30))
def test_a_steady_heartbeat_never_expires(period, beats):
    for count in range(beats):
        assert learnt(*[period] * count).seconds > min(2 * period, LONGEST - 1)


@given(silences, st.lists(st.floats(0.6, 1_000), min_size=16, max_size=16))
def test_only_the_last_silences_count(before, last):
    # Sums of large and small numbers round: so do the silences they are made of.
    assert learnt(*before, *last).seconds == pytest.approx(learnt(*last).seconds)


@given(silences, st.floats(0.6, 100))
def test_expiring_never_shortens_it(lengths, period):
    timeout = learnt(*lengths, period, period, period)
    before = timeout.seconds
    timeout.expired()
    assert timeout.seconds >= before


# ---------------------------------------------------------------- a peer that is gone


@both_faces
def test_a_half_open_connection_is_noticed_by_its_silence(face):
    log = Log()
    answers = [Answer(body=[A], end="hang"), Answer(body=[B], end="hang")]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(
            face, server.url, idle_timeout=0.2, wait=AT_ONCE, logger=log
        )
        assert data_of(reader.take(source, 2)) == ["a", "b"]
        first, second = server.requests
        assert second.header("last-event-id") == "1"
        assert second.at - first.at >= 0.2
        assert first.closed_by_client.wait(LIMIT)
        assert dict(source.stats.reconnects) == {"StreamInterrupted": 1}
        assert log.names.count("stream.dropped") == 1
        reader.leave(source)


@both_faces
def test_the_learnt_timeout_notices_it_too(face, monkeypatch):
    """Scaled down: what is learnt from heartbeats is armed for the next read."""
    monkeypatch.setattr(idle, "SHORTEST", 0.3)
    monkeypatch.setattr(session, "BURST", 0.01)
    heartbeats = [":\n", Pause(0.05)] * 5
    answers = [Answer(body=[A, *heartbeats], end="hang"), Answer(body=[B], end="hang")]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, idle_timeout="adaptive", wait=AT_ONCE)
        assert data_of(reader.take(source, 2)) == ["a", "b"]
        first, second = server.requests
        assert second.at - first.at >= 0.3
        assert dict(source.stats.reconnects) == {"StreamInterrupted": 1}
        reader.leave(source)


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="adaptive"):
        new_source("sync", "http://feed.test/", idle_timeout="adaptative")


# ---------------------------------------------------------------- what is no silence


@both_faces
def test_comments_are_signs_of_life(face):
    heartbeats = [":\n", Pause(0.1)] * 6
    answers = [Answer(body=[A, *heartbeats, B], end="hang")]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, idle_timeout=0.4)
        assert data_of(reader.take(source, 2)) == ["a", "b"]
        assert len(server.requests) == 1
        reader.leave(source)


@both_faces
def test_single_bytes_are_signs_of_life(face):
    body = [piece for byte in B for piece in (byte, Pause(0.03))]
    answers = [Answer(body=body, end="hang")]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, idle_timeout=0.3)
        assert data_of(reader.take(source, 1)) == ["b"]
        assert len(server.requests) == 1
        reader.leave(source)


class _Late(Consumer):
    """Takes its time over the first event."""

    def __init__(self, face, source, gate):
        self._gate = gate
        super().__init__(face, source)

    def _take(self, event):
        if not self.events:
            threading.Event().wait(0.35)
        self._gate.set()
        super()._take(event)


@both_faces
@pytest.mark.parametrize("meanwhile", ["silence", "data", "end"])
def test_time_in_the_loop_body_is_no_silence(face, meanwhile):
    """Longer than the timeout; on the async face the whole loop is blocked by it."""
    gate = threading.Event()
    body = {
        "silence": [A, gate, B],
        "data": [A, Pause(0.1), B],
        "end": [A, Pause(0.1), B],
    }[meanwhile]
    end = "finish" if meanwhile == "end" else "hang"
    answers = [Answer(body=body, end=end), Answer(end="hang")]
    with ScriptedServer(answers) as server:
        source = new_source(face, server.url, idle_timeout=0.2)
        consumer = _Late(face, source, gate)
        consumer.wait_for_events(2)
        assert data_of(consumer.events) == ["a", "b"]
        assert "StreamInterrupted" not in source.stats.reconnects
        source.close()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None


def test_time_awaited_in_the_loop_body_is_no_silence():
    async def main(source):
        seen = []
        async for event in source.aiter_sse():
            seen.append(event.data)
            await asyncio.sleep(0.35)
            if event.data == "b":
                break
        await source.aclose()
        return seen

    answers = [Answer(body=[A, Pause(0.1), B], end="hang")]
    with ScriptedServer(answers) as server:
        source = new_source("async", server.url, idle_timeout=0.2)
        assert asyncio.run(main(source)) == ["a", "b"]
        assert len(server.requests) == 1


# ---------------------------------------------------------------- a client's timeout


@both_faces
@pytest.mark.parametrize("is_explicit", [True, False])
@pytest.mark.parametrize(
    "timeout", [0.1, httpxr.Timeout(0.1), httpxr.Timeout(5.0, read=0.1)]
)
def test_a_clients_own_timeout_never_cuts_a_healthy_stream(face, is_explicit, timeout):
    if is_explicit:
        client = new_client(face, timeout=timeout)
    else:
        kind = httpxr.AsyncClient if face == "async" else httpxr.Client
        client = kind(timeout=timeout)
    answers = [Answer(body=[A, Pause(0.2), B], end="hang", before=0.15)]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, client=client)
        assert data_of(reader.take(source, 2)) == ["a", "b"]
        assert len(server.requests) == 1
        assert not source.stats.reconnects
        reader.leave(source)
