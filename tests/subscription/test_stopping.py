"""Stopping: whoever is blocked is let go, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
import time

import pytest

from reconnecting_sse import UnexpectedStatus
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import (
    FACES,
    PROMPT,
    Consumer,
    handed_over,
    new_source,
    reader_for,
    take_async,
)
from tests.stuck import FIRST, NEXT, STAGES, on_signal, stuck_at, until_asleep

both_faces = pytest.mark.parametrize("face", FACES)


@both_faces
@pytest.mark.parametrize("stage", STAGES)
def test_close_lets_a_blocked_consumer_go_at_once(face, stage):
    with stuck_at(stage) as scene:
        source = scene.source(face)
        consumer = Consumer(face, source)
        scene.reached()
        consumer.wait_for_events(scene.first)
        until_asleep(os.getpid(), consumer.thread_id)
        source.close()
        assert consumer.ended_within(PROMPT)
        assert consumer.error is None
        assert source.state == "closed"
        scene.assert_connection_closed()
        source.close()  # any number of times
        assert len(scene.server.requests) == 1


@both_faces
@pytest.mark.parametrize("stage", STAGES)
def test_close_in_a_signal_handler_ends_the_loop_it_interrupts(face, stage):
    with stuck_at(stage) as scene, reader_for(face) as reader:
        source = scene.source(face)
        called = []

        def close():
            called.append(time.monotonic())
            source.close()

        with on_signal(close, scene.reached):
            events = reader.take(source)
        assert time.monotonic() - called[0] <= PROMPT
        assert len(events) == scene.first
        scene.assert_connection_closed()
        assert source.state == "closed"


def test_aclose_returns_when_the_blocked_reader_is_free_and_the_socket_gone():
    async def main(scene):
        source = scene.source("async")
        reading = asyncio.create_task(take_async(source))
        await handed_over(source, 1)
        await asyncio.wait_for(source.aclose(), PROMPT)
        await asyncio.to_thread(scene.assert_connection_closed)
        assert len(await asyncio.wait_for(reading, PROMPT)) == 1
        await source.aclose()

    with stuck_at("read") as scene:
        asyncio.run(main(scene))


@both_faces
def test_close_before_the_first_iteration_connects_to_nobody(face):
    with ScriptedServer() as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        assert source.state == "connecting"
        source.close()
        source.close()
        assert reader.take(source) == []
        assert source.state == "closed"
        assert server.requests == []


@both_faces
def test_entering_and_leaving_the_with_block_connects_to_nobody(face):
    with ScriptedServer() as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        reader.leave(source)
        assert source.state == "closed"
        assert server.requests == []


@both_faces
def test_close_between_two_iterations_frees_the_socket_and_what_was_decoded(face):
    step = Answer(body=[FIRST * 3], end="hang")
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        assert len(reader.take(source, 1)) == 1
        source.close()
        reader.idle()
        assert server.requests[0].closed_by_client.wait(PROMPT)
        assert reader.take(source) == []


@both_faces
def test_close_never_makes_a_busy_consumer_raise(face):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads meet at every possible moment
    try:
        with ScriptedServer(_endless) as server:
            for count in range(1, 60):
                source = new_source(face, server.url)
                consumer = Consumer(face, source)
                consumer.wait_for_events(count)
                source.close()
                assert consumer.ended_within(PROMPT)
                assert consumer.error is None
    finally:
        sys.setswitchinterval(interval)


def _endless(_request):
    events = (f"id: {n}\ndata: n\n\n" for n in itertools.count())
    return Answer(body=events, end="hang")


# ---------------------------------------------------------------- leaving


@both_faces
def test_break_keeps_the_connection_and_leaving_the_block_closes_it(face):
    step = Answer(body=[FIRST], end="hang")
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        assert len(reader.take(source, 1)) == 1
        (request,) = server.requests
        assert source.state == "open"
        assert not request.closed_by_client.is_set()
        reader.leave(source)
        assert request.closed_by_client.wait(PROMPT)
        assert source.state == "closed"


@both_faces
@pytest.mark.parametrize("is_cycle", [False, True], ids=["alone", "in-a-cycle"])
def test_a_forgotten_source_frees_its_socket(face, is_cycle):
    step = Answer(body=[FIRST], end="hang")
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        if is_cycle:
            source.itself = source
        assert len(reader.take(source, 1)) == 1
        del source
        gc.collect()
        reader.idle()
        assert server.requests[0].closed_by_client.wait(PROMPT)


# ---------------------------------------------------------------- the end


def _is_closed_by_close(reader, source):
    reader.take(source, 1)
    source.close()


def _is_told_to_stop(reader, source):
    reader.take(source)


def _is_refused(reader, source):
    with pytest.raises(UnexpectedStatus):
        reader.take(source)


@both_faces
@pytest.mark.parametrize(
    ("steps", "options", "end"),
    [
        ([NEXT], {}, _is_closed_by_close),
        ([Answer(204)], {}, _is_told_to_stop),
        ([NEXT], {"until": lambda event: event.data == "b"}, _is_told_to_stop),
        ([Answer(403)], {}, _is_refused),
    ],
    ids=["close", "204", "until", "error"],
)
def test_iterating_what_is_closed_ends_at_once(face, steps, options, end):
    with ScriptedServer(steps) as server, reader_for(face) as reader:
        source = new_source(face, server.url, **options)
        end(reader, source)
        assert source.state == "closed"
        assert reader.take(source) == []
        assert reader.take(source) == []
        assert len(server.requests) == 1
        reader.leave(source)
