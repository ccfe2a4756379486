"""A few compressed bytes may become millions: the loop turns all the same."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from importlib import import_module

import brotli
import pytest

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import FACES, LIMIT, PROMPT, Consumer, new_source

zstd = import_module(
    "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"
)

SIZE = 512 * 1024
HEADERS = [("Content-Type", "text/event-stream"), ("Content-Encoding", "br")]
SHAPES = {
    "ids": b"id\n",
    "comments": b":\n",
    "blank lines": b"\n",
    "events": b"data\n\n",
}


def bomb(shape):
    return brotli.compress(shape * (SIZE // len(shape)), quality=5)


async def longest_gap(gaps):
    last = time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        gaps.append(now - last)
        last = now


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_bomb_keeps_the_loop_from_turning(shape):
    """Ten times later than is promised: 100 ms."""

    async def read(source):
        gaps = []
        watching = asyncio.create_task(longest_gap(gaps))
        async with source:
            async for _ in source.aiter_sse():
                pass
        watching.cancel()
        return max(gaps)

    body = [bomb(shape)]
    with ScriptedServer([Answer(headers=HEADERS, body=body), Answer(204)]) as server:
        source = new_source("async", server.url, on_comment=len, compress=True)
        assert asyncio.run(asyncio.wait_for(read(source), 60)) < PROMPT
        assert source.stats.bytes >= SIZE - 6


def test_closing_is_heard_in_the_middle_of_a_bomb():
    async def read(source):
        async with asyncio.TaskGroup() as group:
            group.create_task(closed_soon(source))
            async for _ in source.aiter_sse():
                pass
        return time.thread_time()

    closed_at = []

    async def closed_soon(source):
        while not source.stats.bytes:  # noqa: ASYNC110  (no event tells of it)
            await asyncio.sleep(0)
        source.close()
        closed_at.append(time.thread_time())

    with ScriptedServer([Answer(headers=HEADERS, body=[bomb(b"id\n")])]) as server:
        source = new_source("async", server.url, compress=True)
        ended = asyncio.run(asyncio.wait_for(read(source), LIMIT * 4))
        assert ended - closed_at[0] < PROMPT
        assert source.stats.bytes < SIZE


# ------------------------------------------------------------------ of nothing


@pytest.fixture(scope="module")
def nothing():
    """An answer of 10 KB: an event, and then more than ten seconds of decoding."""
    frames = zstd.compress(b"data: a\n\n") + zstd.compress(b"") * 1_000_000
    return Answer(
        headers=[
            ("Content-Type", "text/event-stream"),
            ("Content-Encoding", "zstd, gzip"),
        ],
        body=[gzip.compress(frames)],
    )


@pytest.mark.parametrize("face", FACES)
def test_closing_is_heard_while_bytes_decode_to_nothing(face, nothing):
    with ScriptedServer([nothing]) as server:
        source = new_source(face, server.url, compress=True)
        consumer = Consumer(face, source)
        consumer.wait_for_events(1)
        source.close()
        assert consumer.ended_within(PROMPT)
        assert consumer.error is None


@pytest.mark.parametrize("face", FACES)
def test_decoding_to_nothing_is_a_silence(face, nothing):
    with ScriptedServer([nothing, Answer(204)]) as server:
        source = new_source(face, server.url, compress=True, idle_timeout=0.05)
        consumer = Consumer(face, source)
        consumer.wait_for_events(1)
        assert consumer.ended_within(LIMIT / 2)
        assert source.stats.reconnects == {"StreamInterrupted": 1}
