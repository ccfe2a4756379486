"""The reader that takes the place of aiohttp's."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp.streams import EMPTY_PAYLOAD
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.transports.aiohttp_pieces import Pieces

LIMIT = 8


class Protocol:
    """As much of aiohttp's as a reader asks for."""

    connected = True

    def __init__(self):
        self.is_paused = False

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self, resume_parser=True):
        self.is_paused = False


def reader_on(loop):
    reader = aiohttp.StreamReader(Protocol(), LIMIT, loop=loop)
    Pieces.take_over(reader)
    assert type(reader) is Pieces
    return reader


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def feed(reader, piece):
    reader.begin_http_chunk_receiving()
    reader.feed_data(piece)
    reader.end_http_chunk_receiving()


steps = st.lists(st.binary(max_size=20) | st.integers(1, 24), max_size=30)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_what_is_fed_is_read_in_order_and_never_more_than_was_asked_for(steps):
    loop = asyncio.new_event_loop()
    reader, fed, taken = reader_on(loop), b"", b""
    for step in steps:
        if isinstance(step, bytes):
            feed(reader, step)
            fed += step
        else:
            data = reader.read_nowait(step)
            assert len(data) <= step
            assert bool(data) is (taken != fed)
            taken += data
        assert reader._size == len(fed) - len(taken)
        assert reader._protocol.is_paused or reader._size <= 2 * LIMIT
    reader.feed_eof()
    while data := loop.run_until_complete(reader.read(7)):
        taken += data
    assert taken == fed
    assert reader.at_eof()
    loop.close()


def test_reading_is_resumed_once_little_is_left(loop):
    reader = reader_on(loop)
    feed(reader, b"x" * 40)
    assert reader._protocol.is_paused
    assert reader.read_nowait(30) == b"x" * 30
    assert reader._protocol.is_paused
    assert reader.read_nowait(30) == b"x" * 10
    assert not reader._protocol.is_paused


def test_a_waiting_reader_is_woken_by_the_first_piece(loop):
    reader = reader_on(loop)

    async def main():
        waiting = asyncio.ensure_future(reader.read(100))
        await asyncio.sleep(0)
        feed(reader, b"a")
        return await waiting

    assert loop.run_until_complete(main()) == b"a"


def test_a_response_without_a_body_keeps_its_reader():
    Pieces.take_over(EMPTY_PAYLOAD)
    assert type(EMPTY_PAYLOAD) is not Pieces
