"""A sync transport of the caller's: what can be promised where we have no socket."""

from __future__ import annotations

import threading

import httpxr

from reconnecting_sse import ReconnectingEventSource
from tests.faces import FakeTransport, reply

EVENT = b"id: 1\ndata: a\n\n"


class GatedChunks:
    """A body whose second chunk comes when it is let through."""

    def __init__(self):
        self.is_awaited = threading.Event()
        self.gate = threading.Event()

    def __iter__(self):
        yield EVENT
        self.is_awaited.set()
        assert self.gate.wait(10)
        yield EVENT
        raise AssertionError("read on after close()")


def test_close_takes_effect_at_the_next_chunk():
    chunks, seen = GatedChunks(), []
    transport = FakeTransport(reply(body=chunks))
    source = ReconnectingEventSource(
        httpxr.Client(transport=transport), "GET", "http://feed.test/"
    )

    def consume():
        seen.extend(event.data for event in source.iter_sse())

    consumer = threading.Thread(target=consume)
    consumer.start()
    assert chunks.is_awaited.wait(10)
    source.close()
    chunks.gate.set()
    consumer.join(10)
    assert not consumer.is_alive()
    assert seen == ["a"]
    assert len(transport.requests) == 1
    assert transport.streams[0].closed
