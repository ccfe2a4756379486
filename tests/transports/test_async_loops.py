"""An async body, and whoever else its event loop runs: or nobody."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from contextlib import contextmanager

import httpxr
import pytest
import uvloop

from reconnecting_sse import AsyncStreamingTransport
from reconnecting_sse.transports.body import READ_SIZE
from tests.connection_harness import data_of, new_source, take_async
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    PATIENCE,
    Peer,
    Server,
    answering,
    framed,
    tls_context,
    trusting_context,
)
from tests.transports.test_async_transport import until
from tests.wires import request_for


async def opened(url, **keywords):
    request = request_for(url, **keywords)
    response = await AsyncStreamingTransport().handle_async_request(request)
    return response.stream


def hanging(**options):
    return Server(answering(CHUNKED, framed(EVENT), then=Peer.sees_the_end), **options)


@contextmanager
def idle_loop():
    """A loop that runs now and then."""
    with asyncio.Runner() as runner:
        yield runner.run


@contextmanager
def closed_loop():
    """A loop for each run, closed after it."""
    yield asyncio.run


@pytest.mark.parametrize("running", [closed_loop, idle_loop])
@pytest.mark.parametrize("close", ["close", "aclose"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_closing_where_no_loop_runs_lets_the_server_see_the_end(running, close, scheme):
    context = tls_context() if scheme == "https" else None
    with hanging(context=context) as server, running() as run:
        transport = AsyncStreamingTransport(verify=trusting_context())
        client = httpxr.AsyncClient(transport=transport)
        source = new_source("async", server.url, client=client)
        assert len(run(take_async(source, 1))) == 1
        if close == "close":
            source.close()
        else:
            asyncio.run(source.aclose())
        assert server.closed.wait(PATIENCE)
        assert source.state == "closed"
        assert run(take_async(source)) == []


def test_a_source_that_is_closed_from_another_threads_loop_is_released():
    with hanging() as server:
        source = new_source("async", server.url)
        is_open, events = threading.Event(), []

        async def read():
            async for event in source.aiter_sse():
                events.append(event)
                is_open.set()

        reading = threading.Thread(target=asyncio.run, args=(read(),))
        reading.start()
        assert is_open.wait(PATIENCE)
        asyncio.run(source.aclose(), debug=True)
        reading.join(PATIENCE)
        assert not reading.is_alive()
        assert len(data_of(events)) == 1


async def all_of(body, came):
    while True:
        came.append(await body.read())


@pytest.mark.parametrize("running", [closed_loop, idle_loop])
def test_another_loop_is_given_what_had_come_and_then_an_error(running):
    pouring = answering(CHUNKED, *[framed(bytes(READ_SIZE))] * 3)

    async def opening():
        body = await opened(server.url)
        await until(lambda: not body._wire._is_reading)  # it pauses
        return body

    async def reading(body):
        came = [await body.read()]
        with pytest.raises(httpxr.ReadError, match="belongs to another event loop"):
            await all_of(body, came)
        return came

    with Server(pouring) as server, running() as run:
        body = run(opening())
        assert all(asyncio.run(reading(body)))
        body.close()


class BlindLoop(asyncio.SelectorEventLoop):
    """Has for sockets of one's own what Windows' default loop has: nothing."""

    def add_reader(self, *_):
        raise NotImplementedError

    add_writer = remove_reader = remove_writer = add_reader


def taken(url):
    return take_async(new_source("async", url))


@pytest.mark.parametrize("ask", [opened, taken])
def test_on_a_loop_that_cannot_watch_a_socket_one_is_told_which_can(ask):
    advice = r"BlindLoop.* asyncio\.Runner\(loop_factory=asyncio\.SelectorEventLoop\)"
    with hanging() as server, asyncio.Runner(loop_factory=BlindLoop) as runner:
        with pytest.raises(RuntimeError, match=advice):
            runner.run(ask(server.url))
        assert server.closed.wait(PATIENCE)


def test_a_silence_that_comes_for_a_cancelled_reader_is_not_the_next_ones():
    more = threading.Event()

    def late(peer):
        assert more.wait(PATIENCE)
        peer.send(framed(EVENT))
        peer.sees_the_end()

    async def main():
        body = await opened(server.url)
        assert await body.read() == EVENT
        reading = asyncio.create_task(body.read())
        await asyncio.sleep(0)  # it begins, and waits
        reading.cancel()
        body._wire._run_out()
        with pytest.raises(asyncio.CancelledError):
            await reading
        more.set()
        assert await body.read() == EVENT
        await body.aclose()

    with Server(answering(CHUNKED, framed(EVENT), then=late)) as server:
        asyncio.run(main())


@pytest.mark.parametrize("ending", [Peer.sees_the_end, Peer.reset])
def test_a_read_that_fails_leaves_no_cycle_behind(ending):
    async def main():
        body = await opened(server.url, timeout={"read": 0.05})
        assert await body.read() == EVENT
        with pytest.raises(httpxr.TransportError):
            await body.read()
        await body.aclose()
        gone = weakref.ref(body._wire)
        del body
        await asyncio.sleep(0)  # the loop lets go of what it has called
        assert gone() is None

    gc.disable()
    try:
        with Server(answering(CHUNKED, framed(EVENT), then=ending)) as server:
            asyncio.run(main())
    finally:
        gc.enable()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_closing_within_tls_logs_nothing(new_loop, caplog):
    """uvloop's own TLS says "Fatal error on SSL protocol" where it is closed early."""

    async def closing():
        request = request_for(server.url)
        transport = AsyncStreamingTransport(verify=trusting_context())
        body = (await transport.handle_async_request(request)).stream
        assert await body.read() == EVENT
        reading = asyncio.create_task(body.read())
        await asyncio.sleep(0)
        body.close()
        with pytest.raises(httpxr.ReadError, match="closed by this program"):
            await reading

    caplog.set_level(logging.DEBUG)
    with hanging(context=tls_context()) as server:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(closing())
        assert server.closed.wait(PATIENCE)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_closing_that_its_loop_never_came_to_leaves_no_socket_open(monkeypatch):
    async def closing():
        held = [await opened(server.url)]
        assert await held[0].read() == EVENT
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patched:
            patched.setattr(loop, "call_soon_threadsafe", lambda *_: None)
            elsewhere = threading.Thread(target=held.clear)
            elsewhere.start()
            elsewhere.join(PATIENCE)

    with hanging() as server:
        asyncio.run(closing())
        gc.collect()  # an open socket is warned of here
        assert server.closed.wait(PATIENCE)
