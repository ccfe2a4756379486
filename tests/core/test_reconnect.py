"""``reconnect()``: another connection at once, from the cursor, and nothing is lost."""

from __future__ import annotations

import itertools
import threading

import pytest
from tenacity import wait_fixed

from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.connection_harness import (
    FACES,
    LIMIT,
    Consumer,
    Log,
    data_of,
    new_source,
    reader_for,
)
from tests.stuck import FOREVER, STAGES, on_signal, stuck_at

both_faces = pytest.mark.parametrize("face", FACES)

THREE = "".join(f"id: {n}\ndata: {n}\n\n" for n in (1, 2, 3))


def events_from(first, count=1):
    return "".join(f"id: {n}\ndata: {n}\n\n" for n in range(first, first + count))


def assert_resumed_at_once(scene, source):
    """The second request came from the cursor, without a wait of its own."""
    second = scene.server.wait_for_requests(2, LIMIT)[1]
    assert second.header("last-event-id") == "1"
    names = scene.log.names
    assert names.count("stream.waiting") == (scene.stage == "wait")
    assert "stream.closed" not in names
    assert source.state == "open"
    assert len(scene.server.requests) == 2


@both_faces
@pytest.mark.parametrize("stage", STAGES)
def test_another_thread_gets_a_blocked_consumer_a_new_connection(face, stage):
    with stuck_at(stage) as scene:
        source = scene.source(face)
        consumer = Consumer(face, source)
        scene.reached()
        consumer.wait_for_events(scene.first)
        source.reconnect()
        consumer.wait_for_events(scene.first + 1)
        assert consumer.events[-1].data == "b"
        assert_resumed_at_once(scene, source)
        source.close()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None


@both_faces
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_handler_gets_a_new_connection(face, stage):
    with stuck_at(stage) as scene, reader_for(face) as reader:
        source = scene.source(face)
        with on_signal(source.reconnect, scene.reached):
            events = reader.take(source, scene.first + 1)
        assert events[-1].data == "b"
        assert_resumed_at_once(scene, source)
        reader.leave(source)


@both_faces
def test_the_old_connection_is_closed_and_counted_as_no_failure(face):
    with stuck_at("read") as scene, reader_for(face) as reader:
        source = scene.source(face)
        reader.take(source, 1)
        source.reconnect()
        assert data_of(reader.take(source, 1)) == ["b"]
        scene.assert_connection_closed()
        assert dict(source.stats.reconnects) == {"reconnect": 1}
        dropped = [fields for name, fields in scene.log.entries if "dropped" in name]
        assert [fields["cause"] for fields in dropped] == ["reconnect"]
        reader.leave(source)


@both_faces
def test_in_the_loop_body_decoded_events_come_first(face):
    answers = [Answer(body=[THREE], end="hang"), Answer(body=[events_from(4)])]
    seen = []

    def on_event():
        seen.append(len(seen))
        if len(seen) == 1:
            source.reconnect()
            source.reconnect()  # twice is once

    with ScriptedServer([*answers, Answer(204)]) as server:
        source = new_source(face, server.url, wait=wait_fixed(0))
        consumer = Consumer(face, source, on_event=on_event)
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None
        assert data_of(consumer.events) == ["1", "2", "3", "4"]
        asked = [request.header("last-event-id") for request in server.requests]
    assert asked == [None, "3", "4"]


@both_faces
def test_after_a_break_decoded_events_come_first(face):
    answers = [Answer(body=[THREE], end="hang"), Answer(body=[events_from(4)])]
    with ScriptedServer([*answers, Answer(204)]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=wait_fixed(0))
        assert data_of(reader.take(source, 1)) == ["1"]
        source.reconnect()
        assert source.last_event_id == "1"
        assert data_of(reader.take(source, 1)) == ["2"]
        assert data_of(reader.take(source)) == ["3", "4"]
        asked = [request.header("last-event-id") for request in server.requests]
    assert asked == [None, "3", "4"]


@both_faces
@pytest.mark.parametrize("told", ["Connecting", "Waiting", "Dropped"])
def test_whoever_is_told_may_reconnect_before_the_call_has_begun(face, told):
    """The signal finds nothing to release yet; it must count all the same."""
    first = itertools.count()

    def on_lifecycle(fact):
        if type(fact).__name__ == told and next(first) == 0:
            source.reconnect()

    answers = [Answer(body=[events_from(1)]), Answer(body=[events_from(2)], end="hang")]
    with ScriptedServer(answers) as server:
        # A wait that is not cut short lasts longer than the test.
        wait = wait_fixed(0) if told == "Connecting" else FOREVER
        source = new_source(face, server.url, wait=wait, on_lifecycle=on_lifecycle)
        consumer = Consumer(face, source)
        consumer.wait_for_events(2)
        assert data_of(consumer.events) == ["1", "2"]
        source.close()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None


@both_faces
def test_whoever_is_told_of_the_opening_may_reconnect(face):
    first = itertools.count()

    def on_lifecycle(fact):
        if type(fact).__name__ == "Opened" and next(first) == 0:
            source.reconnect()

    silent, second = Answer(end="hang"), Answer(body=[events_from(1)], end="hang")
    with ScriptedServer([silent, second]) as server:
        source = new_source(face, server.url, wait=FOREVER, on_lifecycle=on_lifecycle)
        consumer = Consumer(face, source)
        consumer.wait_for_events(1)
        assert server.requests[0].closed_by_client.wait(LIMIT)
        source.close()
        assert consumer.ended_within(LIMIT)


@both_faces
def test_before_the_first_attempt_there_is_nothing_to_give_up(face):
    log = Log()
    answers = [Answer(body=[events_from(1)], end="cut"), Answer(204)]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=wait_fixed(0), logger=log)
        source.reconnect()
        assert source.state == "connecting"
        assert server.requests == []
        assert data_of(reader.take(source)) == ["1"]
        # The cut that came later is a failure like any other.
        assert log.names.count("stream.waiting") == 1
        assert dict(source.stats.reconnects) == {"StreamInterrupted": 1}


@both_faces
def test_a_closed_source_stays_closed(face):
    with ScriptedServer() as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        source.close()
        source.reconnect()
        assert source.state == "closed"
        assert reader.take(source) == []
        assert server.requests == []


@both_faces
def test_a_failure_after_a_renewed_connection_is_waited_for_again(face):
    """The request for another connection is used up by the connection it got."""
    log = Log()
    answers = [
        Answer(body=[events_from(1)], end="hang"),
        Answer(body=[events_from(2)], end="cut"),
        Answer(204),
    ]
    with ScriptedServer(answers) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=wait_fixed(0), logger=log)
        reader.take(source, 1)
        source.reconnect()
        assert data_of(reader.take(source)) == ["2"]
        assert log.names.count("stream.waiting") == 1
        assert source.stats.reconnects["StreamInterrupted"] == 1


@both_faces
def test_a_feed_stays_whole_however_often_another_thread_reconnects(face):
    count = 20_000
    with ScriptedServer(NumberedFeed(count, then="stop", retry=1)) as server:
        source = new_source(face, server.url)
        consumer = Consumer(face, source)
        for reached in range(20, count, 20):
            consumer.wait_for_events(reached)
            source.reconnect()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None
        ids = [int(event.id) for event in consumer.events]
        assert ids == list(range(1, count + 1))
        assert source.stats.reconnects["reconnect"] > 3


@both_faces
def test_a_storm_of_calls_harms_nobody(face):
    count, over = 200, threading.Event()

    def storm():
        while not over.is_set():
            source.reconnect()

    feed = NumberedFeed(count, then="stop", retry=1)
    with ScriptedServer(feed) as server:
        source = new_source(face, server.url)
        consumer = Consumer(face, source)
        consumer.wait_for_events(1)
        stormer = threading.Thread(target=storm)
        stormer.start()
        threading.Event().wait(0.3)  # the storm's length, not a wait for anything
        over.set()
        stormer.join()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None
        ids = [int(event.id) for event in consumer.events]
    assert ids == list(range(1, count + 1))
