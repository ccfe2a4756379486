"""The asyncio transport, against raw sockets that do exactly what a test says."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import gzip
import os
import socket
import ssl
import struct
import subprocess
import sys
import termios
import textwrap
import threading
import time
import zlib
from contextlib import contextmanager, suppress

import httpxr
import pytest
import trustme

from reconnecting_sse.transports.abort import ABORT, AbortSignal
from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport
from reconnecting_sse.transports.body import LIVE, AsyncLiveBody
from reconnecting_sse.transports.codings.codings import offered_codings
from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.drivers.async_wire import AsyncWire
from reconnecting_sse.transports.wire_errors import AnswerError

PATIENCE = 10
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BY_CLOSE = HEAD + b"\r\n"
EVENT = b"id: 1\ndata: one\n\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock):
        self.sock = sock
        self.received = b""

    def head(self):
        while b"\r\n\r\n" not in self.received:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("no request came")
            self.received += data
        return self.received

    def body(self, size):
        head, _, start = self.received.partition(b"\r\n\r\n")
        body = bytearray(start)
        while len(body) < size:
            body += self.sock.recv(1 << 20)
        self.received = head + b"\r\n\r\n" + body
        return bytes(body)

    def answer(self, data):
        self.head()
        self.sock.sendall(data)

    def is_left(self):
        """Whether the client closes the connection."""
        try:
            return self.sock.recv(65536) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def reset(self):
        self.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        if isinstance(self.sock, ssl.SSLSocket):
            os.close(self.sock.detach())
        self.sock.close()


class Server:
    """Runs a script, in a thread of its own, for each connection."""

    def __init__(self, script, *, host="127.0.0.1", context=None, may_fail=False):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.requests = []
        self.failures = []
        self.connections = 0
        self._last = None
        self._script, self._context, self._may_fail = script, context, may_fail
        self._threads = [threading.Thread(target=self._accept)]

    def url(self, path="/", host="127.0.0.1"):
        scheme = "https" if self._context else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def _accept(self):
        while True:
            sock, address = self.listener.accept()
            if address == self._last:
                sock.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock):
        try:
            sock.settimeout(PATIENCE)
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            peer = Peer(sock)
            self._script(peer)
            self.requests.append(peer.received)
        except Exception as error:
            self.failures.append(error)
        finally:
            sock.close()

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, kind, *_):
        host, port = self.listener.getsockname()[:2]
        with socket.socket(self.listener.family) as last:
            last.bind((host, 0))
            # Whoever connected before is served before.
            self._last = last.getsockname()
            last.connect((host, port))
        for thread in self._threads:
            thread.join(PATIENCE)
        self.listener.close()
        if kind is None and not self._may_fail:
            assert self.failures == []


async def passed(event):
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def until(is_so):
    """Let the loop run until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 # no event tells of it
            await asyncio.sleep(0)


async def opened(url, method="GET", *, transport=None, timeouts=None, **keywords):
    extensions = {LIVE: True, **keywords.pop("extensions", {})}
    if timeouts is not None:
        extensions = {**extensions, "timeout": timeouts}
    request = httpxr.Request(method, url, extensions=extensions, **keywords)
    transport = transport or AsyncStreamingTransport()
    return await transport.handle_async_request(request)


async def first_bytes(url, **keywords):
    response = await opened(url, **keywords)
    return await response.stream.read()


async def drained(body):
    return b"".join([part async for part in body])


def fetched(script, *, method="GET", **keywords):
    """The response to a script that answers by itself, and its whole body."""

    async def fetch():
        response = await opened(server.url(), method, **keywords)
        return response, await drained(response.stream)

    with Server(script) as server:
        return asyncio.run(fetch())


def sent_for(method="GET", path="/", host="127.0.0.1", **keywords):
    """What is sent for a request."""

    def script(peer):
        peer.answer(HEAD + b"Content-Length: 0\r\n\r\n")

    async def fetch():
        response = await opened(server.url(path, host), method, **keywords)
        if method == "HEAD":  # nothing streams
            assert response.content == b""
        else:
            assert await response.stream.read() == b""

    with Server(script) as server:
        asyncio.run(fetch())
    return server.requests[0]


# The response


def test_a_response_has_the_head_as_it_came():
    answer = (
        b"HTTP/1.1 299 Not b\xc3\xa4d\r\nX-A: 1\r\nx-a: caf\xe9\r\n"
        b"Content-Length: 2\r\n\r\nhi"
    )
    response, body = fetched(lambda peer: peer.answer(answer))
    assert response.status_code == 299
    assert response.headers.raw == [
        (b"X-A", b"1"),
        (b"x-a", b"caf\xe9"),
        (b"Content-Length", b"2"),
    ]
    assert response.extensions["http_version"] == b"HTTP/1.1"
    assert response.extensions["reason_phrase"] == b"Not b\xc3\xa4d"
    assert isinstance(response.stream, AsyncLiveBody)
    assert str(response.request.url).startswith("http://127.0.0.1:")
    assert body == b"hi"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_body_ends_at_once(status):
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\n\r\n"

    def script(peer):
        peer.answer(answer)
        assert peer.is_left()

    response, body = fetched(script)
    assert (response.status_code, body) == (int(status[:3]), b"")
    assert response.headers["content-encoding"] == "gzip"


def test_an_answer_to_head_has_no_body():
    def script(peer):
        peer.answer(HEAD + b"Content-Length: 10\r\n\r\n")
        assert peer.is_left()

    response, body = fetched(script, method="HEAD")
    assert (response.headers["content-length"], body) == ("10", b"")


def test_interim_answers_are_skipped():
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
    response, body = fetched(
        lambda peer: peer.answer(interim + CHUNKED + chunk(EVENT) + chunk(b""))
    )
    assert (response.status_code, body) == (200, EVENT)


def test_an_answer_that_switches_protocols_is_final():
    answer = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    response, body = fetched(lambda peer: peer.answer(answer))
    assert (response.status_code, body) == (101, b"")


def test_a_head_of_several_kilobytes_a_line_is_accepted():
    answer = HEAD + b"X: " + b"x" * 30_000 + b"\r\nContent-Length: 0\r\n\r\n"
    response, _ = fetched(lambda peer: peer.answer(answer))
    assert len(response.headers["x"]) == 30_000


def test_an_answer_of_an_old_server_says_so():
    response, body = fetched(lambda peer: peer.answer(b"HTTP/1.0 200 OK\r\n\r\nhi"))
    assert (response.extensions["http_version"], body) == (b"HTTP/1.0", b"hi")


# The body


@pytest.mark.parametrize(
    ("head", "parts", "end"),
    [
        (CHUNKED, [chunk(EVENT), chunk(EVENT)], chunk(b"")),
        (HEAD + b"Content-Length: 36\r\n\r\n", [EVENT, EVENT], b"xx"),
        (BY_CLOSE, [EVENT, EVENT], None),
    ],
    ids=["chunked", "length", "close"],
)
def test_a_body_is_read_as_it_arrives(head, parts, end):
    gates = [threading.Event() for _ in parts]

    def script(peer):
        peer.answer(head)
        for part, gate in zip(parts, gates, strict=True):
            peer.sock.sendall(part)
            assert gate.wait(PATIENCE)
        if end is not None:
            # The end is known without the connection's close.
            peer.sock.sendall(end)
            assert peer.is_left()

    async def read():
        response = await opened(server.url())
        body = response.stream
        for gate in gates:
            assert await body.read() == EVENT
            gate.set()
        rest = await drained(body)
        assert await body.read() == b""
        return rest

    with Server(script) as server:
        assert asyncio.run(read()) == (b"xx" if end == b"xx" else b"")


def test_part_of_an_unfinished_chunk_is_delivered_and_not_lost_by_a_cut():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + b"ffff\r\n" + EVENT)
        assert gate.wait(PATIENCE)
        peer.sock.sendall(EVENT)

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        gate.set()
        assert await body.read() == EVENT
        with pytest.raises(
            httpxr.RemoteProtocolError, match="ended the body"
        ) as caught:
            await body.read()
        assert isinstance(caught.value.__cause__, AnswerError)
        with pytest.raises(httpxr.ReadError, match="closed"):
            await body.read()

    with Server(script) as server:
        asyncio.run(read())


def cut_by_close(peer):
    peer.sock.close()


def cut_by_reset(peer):
    peer.reset()


def cut_by_bad_chunk(peer):
    peer.sock.sendall(b"xyz\r\n")
    assert peer.is_left()


@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize(
    ("head", "data", "cut", "error"),
    [
        (CHUNKED, chunk(EVENT), cut_by_close, httpxr.RemoteProtocolError),
        (CHUNKED, chunk(EVENT), cut_by_reset, httpxr.ReadError),
        (CHUNKED, chunk(EVENT), cut_by_bad_chunk, httpxr.RemoteProtocolError),
        (
            HEAD + b"Content-Length: 99\r\n\r\n",
            EVENT,
            cut_by_close,
            httpxr.RemoteProtocolError,
        ),
        (HEAD + b"Content-Length: 99\r\n\r\n", EVENT, cut_by_reset, httpxr.ReadError),
        (BY_CLOSE, EVENT, cut_by_reset, httpxr.ReadError),
    ],
)
def test_what_came_before_a_cut_is_delivered_before_the_error(
    head, data, cut, error, is_busy
):
    gates = [threading.Event(), threading.Event()]

    def script(peer):
        peer.answer(head + data)
        assert gates[0].wait(PATIENCE)
        peer.sock.sendall(data)
        assert gates[1].wait(PATIENCE)
        cut(peer)

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        gates[0].set()
        if is_busy:
            # The caller's own work: the loop runs, but nobody reads.
            await until(lambda: body._wire._piece is not None)
            gates[1].set()
            if cut is not cut_by_bad_chunk:  # which waits for us
                await until(lambda: not server._threads[-1].is_alive())
        assert await body.read() == EVENT
        gates[1].set()
        with pytest.raises(error, match=r"127\.0\.0\.1:\d+") as caught:
            await body.read()
        assert caught.value.__cause__ is not None
        assert body.read_nowait() == b""

    with Server(script) as server:
        asyncio.run(read())


def time_until_acknowledged(sock):
    """Wait until all that was sent is in the client's system."""
    unsent = struct.pack("i", 1)
    deadline = time.monotonic() + PATIENCE
    while struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, unsent))[0]:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("extra", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_broken_body_in_the_same_segment_does_not_take_the_head_along(extra):
    def script(peer):
        peer.answer(extra + CHUNKED + chunk(EVENT) + b"zz\r\n" + chunk(EVENT))
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        with pytest.raises(httpxr.RemoteProtocolError):
            await body.read()

    with Server(script) as server:
        asyncio.run(read())


def test_a_whole_body_before_a_reset_is_a_proper_end():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT) + chunk(b""))
        assert gate.wait(PATIENCE)
        peer.reset()

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        gate.set()
        await until(lambda: not server._threads[-1].is_alive())
        assert await drained(body) == b""

    with Server(script) as server:
        asyncio.run(read())


def test_read_nowait_gives_what_has_arrived_and_never_waits():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert gate.wait(PATIENCE)
        peer.sock.sendall(chunk(EVENT) + chunk(EVENT))
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        assert body.read_nowait() == b""
        gate.set()
        got = await body.read()
        while len(got) < 2 * len(EVENT):
            await asyncio.sleep(0)
            got += body.read_nowait()
        assert got == EVENT + EVENT
        await body.aclose()
        assert body.read_nowait() == b""

    with Server(script) as server:
        asyncio.run(read())


def test_reads_that_time_out_outside_lose_no_byte():
    parts = [b"data: %d\n\n" % n for n in range(40)]

    def script(peer):
        peer.answer(CHUNKED)
        for part in parts:
            peer.sock.sendall(chunk(part))
        peer.sock.sendall(chunk(b""))

    async def read():
        body = (await opened(server.url())).stream
        got = b""
        while True:
            with suppress(TimeoutError):
                part = await asyncio.wait_for(body.read(), 0.0001)
                if not part:
                    break
                got += part
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return got

    with Server(script) as server:
        assert asyncio.run(read()) == b"".join(parts)


def test_a_cancelled_read_leaves_no_task_and_a_body_that_can_be_read():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED)
        assert gate.wait(PATIENCE)
        peer.sock.sendall(chunk(EVENT))
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        reading = asyncio.create_task(body.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gate.set()
        assert await body.read() == EVENT
        await body.aclose()

    with Server(script) as server:
        asyncio.run(read())


def test_a_reader_that_pauses_holds_the_server_back():
    sent = []
    full = threading.Event()

    def script(peer):
        peer.answer(CHUNKED)
        peer.sock.settimeout(0.3)
        data = chunk(b"x" * 65536)
        with suppress(TimeoutError):
            while sum(sent) < 200_000_000:
                sent.append(peer.sock.send(data))
        full.set()
        peer.sock.settimeout(PATIENCE)
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        await passed(full)
        held = len(body.read_nowait())
        await body.aclose()
        return held

    with Server(script) as server:
        assert asyncio.run(read()) < 2_000_000
    assert sum(sent) < 50_000_000


# Content codings


def flushed(compressor, parts):
    for part in parts:
        yield compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    ("coding", "bits"),
    [(b"gzip", 31), (b"X-GZIP", 31), (b"deflate", 15), (b"deflate", -15)],
)
def test_each_flushed_event_of_a_coded_body_is_delivered_at_once(coding, bits):
    gates = [threading.Event() for _ in range(3)]
    compressor = zlib.compressobj(wbits=bits)
    parts = list(flushed(compressor, [EVENT] * 3))
    parts[-1] += compressor.flush()

    def script(peer):
        peer.answer(
            HEAD + b"Content-Encoding: " + coding + b"\r\nX: y\r\n"
            b"Content-Length: %d\r\n\r\n" % sum(map(len, parts))
        )
        for part, gate in zip(parts, gates, strict=True):
            peer.sock.sendall(part)
            assert gate.wait(PATIENCE)

    async def read():
        response = await opened(server.url())
        names = [name for name, _ in response.headers.raw]
        assert names == [b"Content-Type", b"X"]
        for gate in gates:
            assert await response.stream.read() == EVENT
            gate.set()
        assert await response.stream.read() == b""

    with Server(script) as server:
        asyncio.run(read())


@pytest.mark.parametrize("coding", [b"compress", b"gzip, exi", b"identity"])
def test_a_coding_that_is_not_decoded_is_left_alone(coding):
    answer = (
        HEAD
        + b"Content-Encoding: "
        + coding
        + b"\r\nContent-Length: 3\r\n\r\n\x0b\x01\x80"
    )
    response, body = fetched(lambda peer: peer.answer(answer))
    assert response.headers["content-encoding"] == coding.decode()
    assert response.headers["content-length"] == "3"
    assert body == b"\x0b\x01\x80"


@pytest.mark.parametrize(
    "end",
    [chunk(b""), chunk(b"\xff" * 40) + chunk(b"")],
    ids=["cut", "damaged"],
)
def test_a_coded_body_that_is_cut_or_damaged_is_an_error_after_what_came(end):
    coded = next(flushed(zlib.compressobj(wbits=31), [EVENT]))
    gate = threading.Event()

    def script(peer):
        peer.answer(
            HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        peer.sock.sendall(chunk(coded))
        assert gate.wait(PATIENCE)
        peer.sock.sendall(end)
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        assert await body.read() == EVENT
        gate.set()
        with pytest.raises(httpxr.RemoteProtocolError, match="decode") as caught:
            await drained(body)
        assert isinstance(caught.value.__cause__, DecodingError)

    with Server(script) as server:
        asyncio.run(read())


@pytest.mark.parametrize("emptiness", [b"", gzip.compress(b"")], ids=["one", "many"])
def test_a_bomb_inflates_in_steps_and_lets_other_tasks_run(emptiness):
    """A large one, or thousands of members of which each inflates to nothing."""
    size = 2_000_000
    coded = emptiness * 5000 + gzip.compress(b"\n" * size)

    def script(peer):
        head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        peer.answer(HEAD + head % len(coded) + coded)

    async def read():
        body = (await opened(server.url())).stream
        turns = total = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async for part in body:
            assert len(part) <= 1_000_000
            total += len(part)
        task.cancel()
        assert total == size
        assert turns > (5000 if emptiness else 10)

    with Server(script) as server:
        asyncio.run(read())


@pytest.mark.parametrize("size", [65536, 3 * 65536])
def test_a_coded_body_may_be_as_large_as_any_step(size):
    coded = gzip.compress(b"x" * size)
    answer = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    _, body = fetched(lambda peer: peer.answer(answer + coded))
    assert body == b"x" * size


# The request


def test_only_what_the_caller_set_and_what_must_be_is_sent():
    sent = sent_for(path="/a%2Fb/%zz?q=%20&x=a+b#part")
    host = sent.split(b"\r\n")[1]
    assert sent == (
        b"GET /a%2Fb/%zz?q=%20&x=a+b HTTP/1.1\r\n" + host + b"\r\n"
        b"Accept-Encoding: " + ", ".join(offered_codings()).encode() + b"\r\n\r\n"
    )
    assert host.startswith(b"Host: 127.0.0.1:")


def test_header_values_are_sent_byte_for_byte():
    values = "Last-Event-ID", "é☃"
    sent = sent_for(headers=[values, (b"X-Raw", b"\xff\xfe\x80"), ("X-Raw", "two")])
    assert b"\r\nLast-Event-ID: \xc3\xa9\xe2\x98\x83\r\n" in sent
    assert b"\r\nX-Raw: \xff\xfe\x80\r\nX-Raw: two\r\n" in sent


def test_credentials_in_the_url_are_not_sent():
    async def fetch():
        response = await opened(f"http://user:secret@127.0.0.1:{server.port}/")
        response.stream.close()

    def script(peer):
        peer.answer(BY_CLOSE)
        assert peer.is_left()

    with Server(script) as server:
        asyncio.run(fetch())
    assert b"secret" not in server.requests[0]
    assert b"uthorization" not in server.requests[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_that_may_have_a_body_says_when_it_has_none(method):
    assert b"\r\nContent-Length: 0\r\n" in sent_for(method)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_method_without_body_has_no_framing(method):
    sent = sent_for(method)
    assert sent.startswith(method.encode() + b" / HTTP/1.1\r\n")
    assert b"Content-Length" not in sent


def halves():
    yield b'{"a":'
    yield b" 1}"


async def ahalves():
    for half in halves():
        yield half


@pytest.mark.parametrize("content", [b'{"a": 1}', halves, ahalves])
def test_a_body_of_any_kind_is_sent_with_its_length(content):
    def script(peer):
        peer.answer(b"")
        assert peer.body(8) == b'{"a": 1}'
        peer.sock.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    body = content() if callable(content) else content
    fetched(script, method="POST", content=body, headers={"X": "y"})
    sent_head = script_request(script, body=content)
    assert sent_head.count(b"ength: ") == 1
    assert b"\r\nContent-Length: 8\r\n" in sent_head
    assert b"chunked" not in sent_head


def script_request(script, body):
    async def fetch():
        content = body() if callable(body) else body
        response = await opened(server.url(), "POST", content=content)
        assert await response.stream.read() == b""

    with Server(script) as server:
        asyncio.run(fetch())
    return server.requests[0]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", [(b"X", b"1\r\nEvil: yes")]),
        ("GET", [(b"X", b"1\x00")]),
        ("GET", [(b"X\r\nEvil", b"yes")]),
        ("GET / HTTP/1.1\r\nEvil: yes\r\n\r\nGET", []),
        ("GE T", []),
    ],
)
def test_what_would_inject_is_refused_before_anything_is_sent(method, headers):
    async def fetch():
        with pytest.raises(httpxr.LocalProtocolError):
            await opened(server.url(), method, headers=headers)

    with Server(lambda peer: None) as server:
        asyncio.run(fetch())
    assert server.connections == 0


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "//127.0.0.1/", "127.0.0.1/x"])
def test_another_scheme_is_refused(url):
    with pytest.raises(httpxr.UnsupportedProtocol, match="http://"):
        asyncio.run(opened(url))


def test_a_url_without_host_is_refused():
    with pytest.raises(httpxr.InvalidURL, match="no host"):
        asyncio.run(opened("http://?x"))


def test_an_ipv6_server_is_reached_by_its_bracketed_address():
    def script(peer):
        peer.answer(HEAD + b"Content-Length: 2\r\n\r\nhi")

    async def fetch():
        response = await opened(server.url(host="[::1]"))
        assert await drained(response.stream) == b"hi"

    with Server(script, host="::1") as server:
        asyncio.run(fetch())
    assert b"\r\nHost: [::1]:%d\r\n" % server.port in server.requests[0]


def test_all_addresses_of_a_name_are_tried():
    sent = sent_for(host="localhost")
    assert b"\r\nHost: localhost:" in sent


# What fails before there is a response


def failing(script, error, **keywords):
    """What a request to the script's server raises."""

    async def fetch():
        with pytest.raises(error) as caught:
            await opened(server.url(), **keywords)
        return caught.value

    with Server(script) as server:
        failure = asyncio.run(fetch())
    assert f"127.0.0.1:{server.port}" in str(failure)
    assert server.connections == 1
    return failure


def test_an_empty_reply_is_an_error_and_the_request_not_repeated():
    failure = failing(lambda peer: peer.head(), httpxr.RemoteProtocolError)
    assert isinstance(failure.__cause__, AnswerError)


def test_half_a_head_is_an_error_and_the_request_not_repeated():
    failing(lambda peer: peer.answer(HEAD), httpxr.RemoteProtocolError)


def test_a_reset_is_an_error_and_the_request_not_repeated():
    def script(peer):
        peer.head()
        peer.reset()

    failing(script, httpxr.ReadError)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
    ids=["another protocol", "no header", "a long line", "many lines"],
)
def test_an_answer_that_is_not_http_or_too_large_is_an_error(answer):
    def script(peer):
        with suppress(OSError):
            peer.answer(answer)
            assert peer.is_left()

    failing(script, httpxr.RemoteProtocolError)


def test_a_reset_while_the_request_is_sent_says_so():
    def script(peer):
        peer.sock.recv(1000)
        peer.reset()

    # More than the two systems' buffers take.
    failing(script, httpxr.WriteError, method="POST", content=b"x" * 30_000_000)


def test_a_request_larger_than_all_buffers_is_sent_whole():
    content = os.urandom(1000) * 20_000

    def script(peer):
        peer.head()
        assert peer.body(len(content)) == content
        peer.sock.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    fetched(script, method="POST", content=content)


def test_an_answer_that_comes_before_the_request_is_sent_counts():
    def script(peer):
        peer.answer(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        assert peer.sock.recv(1)

    async def fetch():
        response = await opened(server.url(), "POST", content=b"x" * 30_000_000)
        await response.stream.aclose()
        return response.status_code

    with Server(script) as server:
        assert asyncio.run(fetch()) == 413


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", "refused"),
        ("no-such-host.invalid", "name"),
        ("a" * 70 + ".invalid", "name"),
    ],
)
def test_a_server_that_cannot_be_reached_is_a_connect_error(host, words):
    url = f"http://user:secret@{host}:{unused_port()}/?token=secret"
    with pytest.raises(httpxr.ConnectError, match=words) as caught:
        asyncio.run(opened(url))
    assert host in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


@contextmanager
def black_hole():
    """A port that answers no attempt to connect."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        try:
            while True:
                filler = socket.socket()
                fillers.append(filler)
                filler.settimeout(0.2)
                try:
                    filler.connect(address)
                except TimeoutError:
                    break
            yield f"http://127.0.0.1:{address[1]}/"
        finally:
            for filler in fillers:
                filler.close()


def descriptors():
    where = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    return len(os.listdir(where))  # noqa: PTH208 # a path opens no fewer


def test_connecting_has_its_own_timeout():
    async def fetch():
        before = descriptors()
        with pytest.raises(httpxr.ConnectTimeout, match=r"127\.0\.0\.1:\d+.* 0\.05 s"):
            await opened(url, timeouts={"connect": 0.05})
        assert descriptors() == before
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with black_hole() as url:
        asyncio.run(fetch())


def test_a_tls_handshake_counts_as_connecting():
    def script(peer):
        while not peer.is_left():
            pass

    async def fetch():
        with pytest.raises(httpxr.ConnectTimeout):
            await opened(
                f"https://127.0.0.1:{server.port}/", timeouts={"connect": 0.05}
            )

    with Server(script) as server:
        asyncio.run(fetch())


def left(peer):
    peer.head()
    assert peer.is_left()


def test_headers_have_a_deadline():
    failure = failing(left, httpxr.ReadTimeout, timeouts={"headers": 0.05})
    assert "0.05 s" in str(failure)


def test_dripped_headers_do_not_extend_their_deadline():
    def script(peer):
        peer.answer(HEAD)
        peer.sock.settimeout(0.01)
        with suppress(OSError):
            while True:
                peer.sock.sendall(b"X: y\r\n")
                with suppress(TimeoutError):
                    if peer.sock.recv(1) == b"":
                        break

    failing(script, httpxr.ReadTimeout, timeouts={"headers": 0.1})


def test_silence_within_the_body_has_a_timeout_that_may_change():
    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()

    async def read():
        response = await opened(server.url(), timeouts={"read": None})
        body = response.stream
        assert body.read_timeout is None
        assert await body.read() == EVENT
        body.read_timeout = 0.05
        with pytest.raises(httpxr.ReadTimeout, match=r"127\.0\.0\.1:\d+.*0\.05 s"):
            await body.read()
        with pytest.raises(httpxr.ReadError, match="closed"):
            await body.read()

    with Server(script) as server:
        asyncio.run(read())


def test_time_between_reads_is_not_silence():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert gate.wait(PATIENCE)
        peer.sock.sendall(chunk(EVENT) + chunk(b""))

    async def read():
        body = (await opened(server.url(), timeouts={"read": 0.2})).stream
        assert await body.read() == EVENT
        threading.Event().wait(0.3)  # the caller works for longer than that
        gate.set()
        assert await drained(body) == EVENT

    with Server(script) as server:
        asyncio.run(read())


def sends_an_event(peer):
    peer.sock.sendall(EVENT)
    time_until_acknowledged(peer.sock)
    return peer.is_left


def ends(peer):
    peer.sock.shutdown(socket.SHUT_WR)
    return peer.is_left


def resets(peer):
    peer.reset()
    return lambda: True


def read_of_a_held_up_loop(deed):
    """What is read after more than the timeout, in which no callback ran."""
    gate, done = threading.Event(), threading.Event()

    def script(peer):
        peer.answer(HEAD + b"\r\n")
        assert gate.wait(PATIENCE)
        is_left = deed(peer)
        done.set()
        assert is_left()

    def hold_up():
        gate.set()
        assert done.wait(PATIENCE)
        threading.Event().wait(0.2)

    async def read():
        response = await opened(server.url(), timeouts={"read": 0.1})
        with closed_after(response.stream) as body:
            asyncio.get_running_loop().call_soon(hold_up)
            return await body.read()

    with Server(script) as server:
        return asyncio.run(read())


@pytest.mark.parametrize(("deed", "came"), [(sends_an_event, EVENT), (ends, b"")])
def test_what_came_while_the_loop_was_held_up_is_not_silence(deed, came):
    assert read_of_a_held_up_loop(deed) == came


def test_a_reset_while_the_loop_was_held_up_is_no_silence_either():
    with pytest.raises(httpxr.ReadError, match="the connection was lost"):
        read_of_a_held_up_loop(resets)


@pytest.mark.parametrize("stage", ["connect", "handshake", "headers", "read"])
def test_cancelling_frees_the_connection_at_any_stage(stage):
    reached, freed = threading.Event(), threading.Event()

    def script(peer):
        if stage == "handshake":
            peer.sock.recv(65536)
        else:
            peer.answer(CHUNKED if stage == "read" else b"")
        reached.set()
        assert peer.is_left()
        freed.set()

    async def fetch(url):
        response = await opened(url)
        with closed_after(response.stream) as body:
            await body.read()

    async def cancel():
        url = hole if stage == "connect" else server.url()
        url = url.replace("http:", "https:") if stage == "handshake" else url
        task = asyncio.create_task(fetch(url))
        if stage == "connect":
            for _ in range(5):
                await asyncio.sleep(0)
        else:
            await passed(reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if stage != "connect":
            await passed(freed)

    with Server(script) as server, black_hole() as hole:
        before = descriptors()
        asyncio.run(cancel())
        deadline = time.monotonic() + PATIENCE
        while descriptors() > before:  # the server may take a moment to close its own
            assert time.monotonic() < deadline


@contextmanager
def closed_after(body):
    try:
        yield body
    finally:
        body.close()


# TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def hello(peer):
    peer.answer(HEAD + b"Content-Length: 2\r\n\r\nhi")
    assert peer.is_left()


def test_a_trusted_server_is_read_over_tls(authority, server_tls, client_tls, tmp_path):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Server(hello, context=server_tls) as server:
        for verify in (client_tls, str(bundle), bundle, False):
            transport = AsyncStreamingTransport(verify=verify)
            for _ in range(2):
                asyncio.run(hi(server.url(), transport))
        assert server.connections == 8


async def hi(url, transport):
    response = await opened(url, transport=transport)
    assert await drained(response.stream) == b"hi"


def test_authorities_may_be_a_directory(authority, server_tls, tmp_path):
    with left_by_clients(server_tls) as server, pytest.raises(httpxr.ConnectError):
        asyncio.run(hi(server.url(), AsyncStreamingTransport(verify=tmp_path)))


def left_by_clients(context):
    return Server(lambda peer: None, context=context, may_fail=True)


@pytest.mark.parametrize("verify", [True, "trusting another"])
def test_a_certificate_that_is_not_accepted_is_told_apart(verify, server_tls):
    context = ssl.create_default_context()
    trustme.CA().configure_trust(context)
    transport = AsyncStreamingTransport(verify=verify is True or context)
    refused = pytest.raises(httpxr.ConnectError, match="verify=")
    with left_by_clients(server_tls) as server, refused as caught:
        asyncio.run(hi(server.url(), transport))
    causes = []
    cause = caught.value.__cause__
    while cause is not None:
        causes.append(type(cause))
        cause = cause.__cause__
    assert ssl.SSLCertVerificationError in causes


def test_tls_to_a_server_without_it_is_a_connect_error():
    def script(peer):
        peer.sock.recv(65536)
        peer.sock.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")

    with Server(script) as server, pytest.raises(httpxr.ConnectError, match="TLS"):
        asyncio.run(opened(server.url().replace("http", "https")))


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_path_without_certificates_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"ca\.pem"):
        asyncio.run(
            opened("https://127.0.0.1/", transport=AsyncStreamingTransport(verify=path))
        )


def test_a_cut_over_tls_is_an_error_after_what_came(server_tls, client_tls):
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert gate.wait(PATIENCE)
        peer.reset()

    async def read():
        transport = AsyncStreamingTransport(verify=client_tls)
        body = (await opened(server.url(), transport=transport)).stream
        assert await body.read() == EVENT
        gate.set()
        with pytest.raises((httpxr.ReadError, httpxr.RemoteProtocolError)):
            await body.read()

    with Server(script, context=server_tls) as server:
        asyncio.run(read())


# Closing


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("way", ["close", "aclose"])
def test_closing_shows_at_the_server_at_once(way, is_tls, server_tls, client_tls):
    seen = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()
        seen.set()

    async def read():
        transport = AsyncStreamingTransport(verify=client_tls)
        body = (await opened(server.url(), transport=transport)).stream
        assert await body.read() == EVENT
        started = time.monotonic()
        for _ in range(2):
            if way == "close":
                body.close()
            else:
                await body.aclose()
        await passed(seen)
        assert time.monotonic() - started < 1
        with pytest.raises(httpxr.ReadError, match="closed"):
            await body.read()
        await transport.aclose()

    with Server(script, context=server_tls if is_tls else None) as server:
        asyncio.run(read())


def test_aclose_waits_until_the_socket_is_gone():
    async def read():
        before = descriptors()
        body = (await opened(server.url())).stream
        assert descriptors() > before
        await body.aclose()
        return descriptors() - before

    def script(peer):
        peer.answer(CHUNKED)
        assert peer.is_left()

    with Server(script) as server:
        # The server's end may have gone before, or after.
        assert asyncio.run(read()) in (0, 1)


def test_closing_wakes_a_reader():
    def script(peer):
        peer.answer(CHUNKED)
        assert peer.is_left()

    async def read():
        body = (await opened(server.url())).stream
        reading = asyncio.create_task(body.read())
        await asyncio.sleep(0)
        body.close()
        with pytest.raises(httpxr.ReadError, match="closed"):
            await reading

    with Server(script) as server:
        asyncio.run(read())


def test_a_hundred_streams_leave_nothing_behind():
    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()

    async def cycle(count):
        for _ in range(count):
            body = (await opened(server.url())).stream
            assert await body.read() == EVENT
            await body.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def run():
        await cycle(5)
        before, threads = descriptors(), threading.active_count()
        await cycle(100)
        # The server's last threads may be about to end.
        assert abs(descriptors() - before) <= 3
        assert threading.active_count() <= threads + 3

    with Server(script) as server:
        asyncio.run(run())


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_body_that_is_dropped_frees_its_connection(is_tls, server_tls, client_tls):
    seen = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()
        seen.set()

    async def read():
        signal = AbortSignal()
        transport = AsyncStreamingTransport(verify=client_tls)
        response = await opened(
            server.url(), transport=transport, extensions={ABORT: signal}
        )
        assert await response.stream.read() == EVENT
        gc.disable()  # the count of references alone
        try:
            del response
            await passed(seen)
        finally:
            gc.enable()
        signal.abort()

    with Server(script, context=server_tls if is_tls else None) as server:
        asyncio.run(read())


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("way", ["kept", "closed", "closed late", "reading"])
def test_a_body_that_outlives_its_loop_frees_its_connection(
    way, is_tls, server_tls, client_tls
):
    seen = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()
        seen.set()

    async def read():
        transport = AsyncStreamingTransport(verify=client_tls)
        response = await opened(server.url(), transport=transport)
        assert await response.stream.read() == EVENT
        return response.stream

    with Server(script, context=server_tls if is_tls else None) as server:
        loop = asyncio.new_event_loop()
        body = loop.run_until_complete(read())
        loop.run_until_complete(loop.shutdown_default_executor())
        if way == "closed":
            body.close()
        reading = body.read() if way == "reading" else None
        if reading is not None:
            task = loop.create_task(reading)
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        if way == "closed late":
            body.close()
            assert body.read_nowait() == b""
        if reading is not None:
            body.close()
            task._log_destroy_pending = False
            del task, reading
        del body
        gc.collect()
        assert seen.wait(PATIENCE)


PROGRAM = """
    import asyncio, sys
    import httpxr
    from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport

    kept = []

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 10
        request = httpxr.Request("GET", sys.argv[1])
        response = await AsyncStreamingTransport().handle_async_request(request)
        assert await response.stream.read()
        if sys.argv[2] == "kept":
            kept.append(response)

    asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["dropped", "kept"])
def test_a_program_may_end_with_an_open_stream_and_no_warning(way):
    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()

    with Server(script) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c"]
        command += [textwrap.dedent(PROGRAM), server.url(), way]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Aborting


def test_an_abort_beforehand_connects_nothing():
    signal = AbortSignal()
    signal.abort()

    async def fetch():
        with pytest.raises(httpxr.ConnectError, match="closed"):
            await opened(server.url(), extensions={ABORT: signal})

    with Server(lambda peer: None) as server:
        asyncio.run(fetch())
    assert server.connections == 0


@pytest.mark.parametrize(
    "stage", ["connect", "handshake", "headers", "read", "tls read"]
)
def test_an_abort_from_another_thread_frees_whoever_waits(
    stage, server_tls, client_tls
):
    reached, freed = threading.Event(), threading.Event()
    signal = AbortSignal()
    times = []

    def script(peer):
        if stage == "handshake":
            peer.sock.recv(65536)
        else:
            peer.answer(CHUNKED if "read" in stage else b"")
        reached.set()
        assert peer.is_left()
        freed.set()

    def abort():
        assert reached.wait(PATIENCE)
        times.append(time.monotonic())
        signal.abort()
        signal.abort()

    async def fetch():
        url = hole if stage == "connect" else server.url()
        url = url.replace("http:", "https:") if stage == "handshake" else url
        transport = AsyncStreamingTransport(verify=client_tls)
        error = httpxr.ReadError
        if stage in ("connect", "handshake"):
            error = httpxr.ConnectError
        if stage == "connect":
            asyncio.get_running_loop().call_later(0.05, reached.set)
        with pytest.raises(error, match="closed"):
            await first_bytes(url, transport=transport, extensions={ABORT: signal})
        if stage != "connect":
            await passed(freed)
        assert time.monotonic() - times[0] < 1

    context = server_tls if stage == "tls read" else None
    with Server(script, context=context) as server, black_hole() as hole:
        thread = threading.Thread(target=abort)
        thread.start()
        asyncio.run(fetch())
        thread.join()


def test_an_abort_within_the_last_step_of_connecting_is_not_lost(monkeypatch):
    connect = AsyncWire._dial

    async def aborted(self, *args):
        await connect(self, *args)
        self.close()  # what the abort's callback does

    monkeypatch.setattr(AsyncWire, "_dial", aborted)
    failing(lambda peer: peer.is_left(), httpxr.ConnectError)


def test_a_late_abort_touches_no_other_connection():
    first, second = AbortSignal(), AbortSignal()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert peer.is_left()

    async def fetch():
        one = await opened(server.url(), extensions={ABORT: first})
        await one.stream.aclose()
        two = await opened(server.url(), extensions={ABORT: second})
        first.abort()
        del one
        gc.collect()
        await asyncio.sleep(0)
        assert await two.stream.read() == EVENT
        await two.stream.aclose()

    with Server(script) as server:
        asyncio.run(fetch())


def test_an_abort_after_the_loop_is_closed_does_nothing():
    signal = AbortSignal()

    async def fetch():
        response = await opened(server.url(), extensions={ABORT: signal})
        assert await drained(response.stream) == b""

    def script(peer):
        peer.answer(HEAD + b"Content-Length: 0\r\n\r\n")

    with Server(script) as server:
        asyncio.run(fetch())
        signal.abort()


# Nothing is shared


def test_one_transport_serves_many_tasks_and_loops():
    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT) + chunk(b""))

    transport = AsyncStreamingTransport()

    async def one():
        response = await opened(server.url(), transport=transport)
        assert await drained(response.stream) == EVENT

    async def many():
        await asyncio.gather(*(one() for _ in range(20)))

    with Server(script) as server:
        loops = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(3)]
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()
    assert server.connections == 60


def test_no_redirect_cookie_proxy_or_netrc_is_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    def script(peer):
        peer.answer(
            b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=b\r\n"
            b"Content-Length: 0\r\n\r\n"
        )

    transport = AsyncStreamingTransport()

    async def fetch():
        for _ in range(2):
            response = await opened(server.url(), transport=transport)
            assert (response.status_code, await response.stream.read()) == (302, b"")

    with Server(script) as server:
        asyncio.run(fetch())
    assert server.connections == 2
    assert not any(b"ookie" in r or b"uthorization" in r for r in server.requests)


def test_a_client_of_httpxr_streams_through_it():
    gate = threading.Event()

    def script(peer):
        peer.answer(CHUNKED + chunk(EVENT))
        assert gate.wait(PATIENCE)
        peer.sock.sendall(chunk(b""))

    async def fetch():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        async with client.stream("GET", server.url()) as response:
            body = response.stream
            assert await body.read() == EVENT
            gate.set()
            assert await body.read() == b""

    with Server(script) as server:
        asyncio.run(fetch())
