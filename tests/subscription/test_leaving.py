"""Leaving the block, or ``aclose()``, while another thread reads."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading

import pytest

from reconnecting_sse.subscription.effects import AsyncEffects, SyncEffects
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import FACES, LIMIT, PROMPT, Consumer, new_source

both_faces = pytest.mark.parametrize("face", FACES)


def leave(face, source):
    """Leave the source's block, in this thread."""

    async def leave_async():
        async with source:
            pass

    if face == "async":
        asyncio.run(leave_async())
    else:
        with source:
            pass


def aclose(_face, source):
    asyncio.run(source.aclose())


ways_out = pytest.mark.parametrize("way_out", [leave, aclose])
EFFECTS = {"sync": SyncEffects, "async": AsyncEffects}


@both_faces
@ways_out
def test_a_reader_about_to_read_is_not_disturbed(monkeypatch, face, way_out):
    """He has looked whether it is over, and goes on to the read."""
    about_to_read, has_left = threading.Event(), threading.Event()
    read = EFFECTS[face].read

    def late(effects):
        about_to_read.set()
        assert has_left.wait(LIMIT)
        return read(effects)

    monkeypatch.setattr(EFFECTS[face], "read", late)
    with ScriptedServer([Answer(end="hang")]) as server:
        source = new_source(face, server.url)
        consumer = Consumer(face, source)
        assert about_to_read.wait(LIMIT)
        way_out(face, source)
        has_left.set()
        assert consumer.ended_within(LIMIT)
        assert consumer.error is None
        assert source.state == "closed"
        assert server.requests[0].closed_by_client.wait(LIMIT)
        assert source._subscription.effects._body is None
    log = source._effects._attempts.logger
    assert log.names[-1] == "stream.closed"
    assert log.names.count("stream.closed") == 1


@both_faces
@ways_out
def test_a_reader_who_breaks_out_meanwhile_frees_what_is_his(
    monkeypatch, face, way_out
):
    """He was handed events before he could hear that it is over, and wants no more."""
    is_handing, has_left = threading.Event(), threading.Event()

    def consume(event):
        is_handing.set()

    with ScriptedServer([Answer(body=["data: a\n\n"], end="hang")]) as server:
        source = new_source(face, server.url)
        taken = source._subscription.taken

        def late(step):
            events = taken(step)  # it has looked whether it is over
            is_handing.set()
            assert has_left.wait(LIMIT)
            return events

        monkeypatch.setattr(
            type(source._subscription), "taken", lambda _, step: late(step)
        )
        reading = threading.Thread(target=take_one, args=(face, source))
        reading.start()
        assert is_handing.wait(LIMIT)
        way_out(face, source)
        has_left.set()
        reading.join(LIMIT)
        assert server.requests[0].closed_by_client.wait(LIMIT)
        assert source._effects._body is None
    assert source._effects._attempts.logger.names.count("stream.closed") == 1


def take_one(face, source):
    async def take_one_async():
        return await anext(source.aiter_sse(), None)

    if face == "async":
        asyncio.run(take_one_async())
    else:
        next(source.iter_sse(), None)


@both_faces
@ways_out
def test_leaving_never_makes_a_busy_reader_raise(face, way_out):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads meet at every possible moment
    try:
        with ScriptedServer(_endless) as server:
            for count in range(1, 60):
                source = new_source(face, server.url)
                consumer = Consumer(face, source)
                consumer.wait_for_events(count)
                way_out(face, source)
                assert consumer.ended_within(PROMPT)
                assert consumer.error is None
                assert source._effects._attempts.logger.names[-1] == "stream.closed"
    finally:
        sys.setswitchinterval(interval)


def _endless(_request):
    events = (f"id: {n}\ndata: n\n\n" for n in itertools.count())
    return Answer(body=events, end="hang")


@both_faces
def test_a_reader_who_comes_while_the_end_is_told_reads_nothing(face):
    """The one who leaves is still telling it: nobody else goes through the steps."""
    ended = []

    def listen(fact):
        if fact.name == "stream.closed":
            take_in_a_thread(face, source)
            ended.append(fact)

    with ScriptedServer([Answer(body=["data: a\n\n"], end="hang")]) as server:
        source = new_source(face, server.url, on_lifecycle=listen)
        leave(face, source)
    assert len(ended) == 1


def take_in_a_thread(face, source):
    reader = threading.Thread(target=take_one, args=(face, source))
    reader.start()
    reader.join(LIMIT)
    assert not reader.is_alive()
