"""A transport of the caller's: what can be promised where we have no socket."""

from __future__ import annotations

import asyncio
import threading

import httpxr
import pytest
from tenacity import wait_none

from reconnecting_sse import (
    ReconnectingEventSource,
    StreamInterrupted,
    UnexpectedStatus,
)
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


# ---------------------------------------------------------------- asynchronous


class Stream:
    """Gives its parts; one may be an error, or "hang"; counts how it was closed."""

    def __init__(self, parts):
        self.parts, self.closed, self.is_awaited = list(parts), 0, asyncio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.parts:
            raise StopAsyncIteration
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        if part == "hang":
            self.is_awaited.set()
            await asyncio.Event().wait()
        return part

    async def aclose(self):
        self.closed += 1


class SlowStream(Stream):
    """One whose closing waits for a gate."""

    def __init__(self, parts):
        super().__init__(parts)
        self.gate = asyncio.Event()

    async def aclose(self):
        self.is_awaited.set()
        await self.gate.wait()
        self.closed += 1


class Transport(httpxr.AsyncBaseTransport):
    """Answers with these, in turn: a status and a stream each."""

    def __new__(cls, *_):
        return super().__new__(cls)

    def __init__(self, *answers):
        self.answers = iter(answers)

    async def handle_async_request(self, _request):
        status, stream = next(self.answers)
        headers = {"Content-Type": "text/event-stream"}
        return httpxr.Response(status, headers=headers, stream=stream)


def async_source(*answers, method="GET", **options):
    client = httpxr.AsyncClient(transport=Transport(*answers))
    url = "http://feed.test/"
    return ReconnectingEventSource(client, method, url, wait=wait_none(), **options)


def test_every_stream_that_was_opened_is_closed_whatever_ended_it():
    ends = [
        [b"data: a\n\n"],
        [b"data: b\n\n", httpxr.ReadError("cut")],
        [EVENT, "hang"],
    ]
    streams = [Stream([b"why"]), *map(Stream, ends), Stream([b"no"])]
    answers = zip([503, 200, 200, 200, 404], streams, strict=True)

    async def main():
        source = async_source(*answers)
        events = source.aiter_sse()
        assert [(await anext(events)).data for _ in range(3)] == ["a", "b", "a"]
        assert [stream.closed for stream in streams] == [1, 1, 1, 0, 0]
        reading = asyncio.create_task(anext(events))
        await streams[3].is_awaited.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        with pytest.raises(UnexpectedStatus):
            await anext(events)
        assert [stream.closed for stream in streams] == [1, 1, 1, 1, 1]

    asyncio.run(main())


def test_an_end_that_nothing_follows_is_awaited_too():
    async def main():
        stream = Stream([EVENT])
        source = async_source((200, stream), on_end="finish")
        assert [event.data async for event in source.aiter_sse()] == ["a"]
        assert stream.closed == 1

    asyncio.run(main())


def test_close_does_not_wait_for_the_body_of_an_error():
    async def main():
        stream = Stream([b"why", "hang"])
        source = async_source((404, stream))
        reading = asyncio.create_task(anext(source.aiter_sse(), None))
        await stream.is_awaited.wait()
        source.close()
        assert await reading is None
        await source.aclose()
        assert stream.closed == 1

    asyncio.run(main())


CUT = httpxr.ReadError("cut")


@pytest.mark.parametrize("is_patient", [True, False])
def test_a_stream_whose_closing_never_ends_is_left_alone(monkeypatch, is_patient):
    seconds = 0.05 if is_patient else 600
    monkeypatch.setattr(
        "reconnecting_sse.subscription.effects.CLOSING_SECONDS", seconds
    )

    async def main():
        stuck = SlowStream([b"data: a\n\n", CUT])
        source = async_source((200, stuck), (200, Stream([b"data: b\n\n", "hang"])))
        events = source.aiter_sse()
        assert (await anext(events)).data == "a"
        reading = asyncio.create_task(anext(events, None))
        await stuck.is_awaited.wait()
        if not is_patient:
            source.close()
        event = await reading
        assert (event and event.data) == ("b" if is_patient else None)
        await source.aclose()
        assert stuck.closed == 0

    asyncio.run(main())


def test_leaving_the_block_does_not_wait_for_ever_either(monkeypatch):
    monkeypatch.setattr("reconnecting_sse.subscription.effects.CLOSING_SECONDS", 0.05)

    async def main():
        stuck = SlowStream([EVENT, "hang"])
        async with async_source((200, stuck)) as source:
            async for _ in source.aiter_sse():
                break
        assert stuck.is_awaited.is_set()

    asyncio.run(main())


async def cancelled_while_closing(source, stream):
    """Read on, and be cancelled while the stream is being closed."""
    reading = asyncio.create_task(anext(source.aiter_sse()))
    await stream.is_awaited.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


def test_the_error_that_ended_it_outlives_a_cancelled_closing():
    async def main():
        stream = SlowStream([b"data: a\n\n", CUT])
        source = async_source((200, stream), method="POST")
        assert (await anext(source.aiter_sse())).data == "a"
        await cancelled_while_closing(source, stream)
        with pytest.raises(StreamInterrupted):
            await anext(source.aiter_sse())

    asyncio.run(main())


def test_an_end_outlives_a_cancelled_closing_as_well():
    async def main():
        stream = SlowStream([b"data: a\n\n"])
        source = async_source((200, stream), method="POST")
        assert (await anext(source.aiter_sse())).data == "a"
        await cancelled_while_closing(source, stream)
        assert [event async for event in source.aiter_sse()] == []

    asyncio.run(main())


def test_an_answer_to_try_again_outlives_a_cancelled_closing():
    async def main():
        stream = SlowStream([b"later"])
        source = async_source((503, stream), (200, Stream([EVENT])), method="POST")
        await cancelled_while_closing(source, stream)
        assert (await anext(source.aiter_sse())).data == "a"

    asyncio.run(main())


def test_after_until_the_stream_is_closed_to_the_end():
    async def main():
        stream = SlowStream([EVENT, "hang"])
        source = async_source((200, stream), until=lambda _: True)
        events = source.aiter_sse()
        assert (await anext(events)).data == "a"
        ending = asyncio.create_task(anext(events, None))
        await stream.is_awaited.wait()
        stream.gate.set()
        assert await ending is None
        assert stream.closed == 1

    asyncio.run(main())
