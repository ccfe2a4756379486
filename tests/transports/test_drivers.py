"""The two drivers and their bodies, at moments that no server brings about at will."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
from contextlib import closing, contextmanager

import httpxr
import pytest

from reconnecting_sse.transports import asynchronous
from reconnecting_sse.transports.body import READ_SIZE
from reconnecting_sse.transports.conversation import Answered, Conversation
from reconnecting_sse.transports.drivers.async_body import AsyncBody
from reconnecting_sse.transports.drivers.async_wire import AsyncWire
from reconnecting_sse.transports.drivers.sync_body import SyncBody
from reconnecting_sse.transports.drivers.sync_wire import SyncWire
from reconnecting_sse.transports.http1.head import Head
from reconnecting_sse.transports.http1.payload import UntilClose
from reconnecting_sse.transports.inflow import Inflow
from reconnecting_sse.transports.ways.layers import Layers
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.steps import Within
from reconnecting_sse.transports.ways.trust import Contexts
from tests.raw_wire import EVENT, PATIENCE
from tests.transports.test_async_loops import hanging, opened
from tests.transports.test_async_transport import until
from tests.transports.ways.records import (
    APPLICATION_DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    renegotiating,
)

HEAD = Head(b"HTTP/1.1", 200, b"OK", [])


@contextmanager
def connected():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        theirs.settimeout(PATIENCE)
        with theirs:
            yield ours, theirs


def conversation(wire):
    timeout = {"connect": 5, "headers": 5, "read": 0.05}
    request = httpxr.Request(
        "GET", "http://127.0.0.1/", extensions={"timeout": timeout}
    )
    route = Route("http", "127.0.0.1", 80)
    return Conversation(request, b"", route, Contexts(None, None), wire)


def answered(layers=None):
    inflow = Inflow(layers or Layers(), UntilClose(), None)
    return Answered(HEAD, inflow, b"", coding="", is_empty=False)


def sync_body(sock, layers=None):
    wire = SyncWire()
    wire._socket = sock
    sock.settimeout(0.0)
    return SyncBody(wire, conversation(wire), answered(layers))


def async_body(sock, layers=None):
    wire = AsyncWire()
    sock.setblocking(False)
    wire._socket, wire._descriptor = sock, sock.fileno()
    wire._read_on()
    return AsyncBody(wire, conversation(wire), answered(layers))


def read(face, sock, layers=None):
    """One read of a body on that face."""
    if face == "sync":
        body = sync_body(sock, layers)
        try:
            return body.read()
        finally:
            body.close()

    async def reading():
        body = async_body(sock, layers)
        try:
            return await body.read()
        finally:
            await body.aclose()

    return asyncio.run(reading())


both_faces = pytest.mark.parametrize("face", ["sync", "async"])


def layered(layer):
    layers = Layers()
    layers.push(layer)
    return layers


@both_faces
def test_tls_that_is_negotiated_anew_within_a_body_is_answered(face, tmp_path):
    layer, key = renegotiating(tmp_path)
    with connected() as (ours, theirs):
        theirs.sendall(key.sealed(HELLO_REQUEST, HANDSHAKE))
        theirs.sendall(key.sealed(EVENT, APPLICATION_DATA))
        assert read(face, ours, layered(layer)) == EVENT
        assert theirs.recv(65536)[:1] == HANDSHAKE


@both_faces
@pytest.mark.parametrize("good", [b"", EVENT])
def test_records_that_are_damaged_end_a_body_after_what_was_good(face, good, tmp_path):
    layer, key = renegotiating(tmp_path)
    layers = layered(layer)
    with connected() as (ours, theirs):
        sent = key.sealed(good, APPLICATION_DATA) if good else b""
        theirs.sendall(sent + key.sealed(EVENT, APPLICATION_DATA)[:-1] + b"\0")
        if face == "sync":
            body = sync_body(ours, layers)
            if good:
                assert body.read() == good
            with pytest.raises(httpxr.ReadError, match="lost within the body") as lost:
                body.read()
        else:

            async def reading():
                body = async_body(ours, layers)
                if good:
                    assert await body.read() == good
                with pytest.raises(httpxr.ReadError, match="lost within") as lost:
                    await body.read()
                return lost

            lost = asyncio.run(reading())
        assert isinstance(lost.value.__cause__, ssl.SSLError)


class GivenUp(socket.socket):
    """A socket whose system has waited for minutes for its peer."""

    def recv(self, *args):
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")


@both_faces
def test_the_systems_own_timeout_is_a_loss_and_no_silence(face):
    with connected() as (ours, theirs):
        theirs.sendall(EVENT)  # so that it is readable
        given_up = GivenUp(fileno=ours.detach())
        with pytest.raises(httpxr.ReadError, match="timed out"):
            read(face, given_up)


def test_a_body_may_be_closed_from_a_thread_without_a_loop():
    with connected() as (ours, theirs):

        async def reading():
            body = async_body(ours)
            body.read_timeout = None
            closing = threading.Thread(target=body.close)
            closing.start()
            with pytest.raises(httpxr.ReadError, match="closed by this program"):
                await body.read()
            closing.join(PATIENCE)

        asyncio.run(reading())
        assert theirs.recv(1) == b""


def test_a_closed_wire_gives_nothing_and_asks_for_no_more():
    with connected() as (ours, theirs):

        async def taking():
            body = async_body(ours)
            wire = body._wire
            theirs.sendall(EVENT)
            await until(lambda: wire._piece is not None)
            theirs.sendall(EVENT)
            await until(lambda: not wire._is_reading)  # it pauses
            wire.close()
            assert wire.take() is None
            assert not wire._is_reading

        asyncio.run(asyncio.wait_for(taking(), PATIENCE))


class Swallowing(socket.socket):
    """A socket whose peer reads as fast as anybody can write."""

    def send(self, data):
        return len(data)


def test_a_large_request_does_not_keep_the_loop_from_others():
    turns = []

    def steps():
        for _ in range(20):
            yield bytes(READ_SIZE)

    async def counting():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def sending(ours):
        body = async_body(Swallowing(fileno=ours.detach()))
        others = asyncio.create_task(counting())
        await body._wire.run(steps())
        others.cancel()
        body.close()

    with connected() as (ours, _):
        asyncio.run(sending(ours))
    assert len(turns) >= 20


class Interrupted(socket.socket):
    """A socket whose reader is interrupted by a signal, once it has read."""

    def recv(self, *args):
        super().recv(*args)
        raise SystemExit


def test_bytes_that_an_interruption_took_along_are_a_loss_and_no_gap():
    """The signal's handler raises within the loop, which may then run on."""
    with connected() as (ours, theirs), closing(asyncio.new_event_loop()) as loop:

        async def reading():
            body = async_body(Interrupted(fileno=ours.detach()))
            try:
                return await body.read()
            finally:
                body.close()

        task = loop.create_task(reading())
        theirs.sendall(EVENT)
        with pytest.raises(SystemExit):
            loop.run_until_complete(task)
        theirs.sendall(EVENT)
        with pytest.raises(httpxr.ReadError, match="reading was interrupted"):
            loop.run_until_complete(task)


class InterruptedLoop(asyncio.SelectorEventLoop):
    """A signal's handler raises as soon as the loop watches a socket."""

    def add_writer(self, descriptor, *args):
        super().add_writer(descriptor, *args)
        self.watched = descriptor
        raise SystemExit


def test_an_interruption_leaves_no_socket_watched_that_is_closed():
    """The next one to have its number could not be watched."""
    with hanging() as server, closing(InterruptedLoop()) as loop:
        with pytest.raises(SystemExit):
            loop.run_until_complete(opened(server.url))
        assert not loop.remove_writer(loop.watched)


def test_an_interruption_right_after_the_head_frees_the_connection(monkeypatch):
    def interrupted(*_):
        raise SystemExit

    monkeypatch.setattr(asynchronous, "AsyncBody", interrupted)
    with hanging() as server, closing(asyncio.new_event_loop()) as loop:
        with pytest.raises(SystemExit):
            loop.run_until_complete(opened(server.url))
        assert server.closed.wait(PATIENCE)


@both_faces
def test_what_came_while_the_process_was_frozen_is_in_time_and_nothing_later(face):
    with connected() as (ours, theirs):

        def steps():
            yield Within(0.01)
            theirs.sendall(EVENT)
            threading.Event().wait(0.05)  # as if it were frozen
            came = yield None
            with pytest.raises(TimeoutError):
                yield None
            yield Within(PATIENCE)
            theirs.sendall(EVENT)
            return came + (yield None)

        async def reading():
            body = async_body(ours)
            try:
                return await body._wire.run(steps())
            finally:
                body.close()

        if face == "sync":
            body = sync_body(ours)
            assert body._wire.run(steps()) == EVENT * 2
            body.close()
        else:
            assert asyncio.run(reading()) == EVENT * 2
