"""A few compressed bytes may become millions: the loop turns all the same."""

from __future__ import annotations

import asyncio
import time

import brotli
import pytest

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import LIMIT, PROMPT, new_source

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
