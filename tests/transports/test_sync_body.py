"""A response on the blocking wire: live, decoded, and never cut short unnoticed."""

from __future__ import annotations

import gzip
import threading
import zlib

import httpxr
import pytest

from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    OK,
    PATIENCE,
    Server,
    answering,
    ask,
    asked,
    ending,
    framed,
    outcome,
)

# What comes back


def test_status_headers_and_version_are_the_servers():
    head = b"HTTP/1.0 418 Short \xe9\r\nX-A: caf\xe9\r\nB: 1\r\nx-a: 2\r\n\r\n"
    with (
        Server(answering(head, then=ending)) as server,
        asked(server.url) as response,
    ):
        assert response.status_code == 418
        assert response.headers.raw == [
            (b"X-A", b"caf\xe9"),
            (b"B", b"1"),
            (b"x-a", b"2"),
        ]
        assert response.extensions["http_version"] == b"HTTP/1.0"
        assert response.extensions["reason_phrase"] == b"Short \xe9"
        assert response.request.url == server.url
        assert response.stream.read() == b""


def test_redirects_are_answers_like_others():
    head = b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n"
    with Server(answering(head)) as server, asked(server.url) as response:
        assert response.status_code == 302
        assert response.stream.read() == b""
    assert server.connections == 1


def test_interim_responses_are_skipped_and_101_is_not():
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    with Server(answering(interim, head)) as server, asked(server.url) as response:
        assert response.status_code == 101
        assert response.stream.read() == b""


@pytest.mark.parametrize(
    ("head", "wrap"),
    [
        (CHUNKED, framed),
        (OK + b"Content-Length: 999\r\n\r\n", bytes),
        (OK + b"\r\n", bytes),
    ],
)
@pytest.mark.parametrize("coding", ["", "gzip", "x-gzip", "deflate", "raw"])
def test_every_event_is_delivered_before_another_byte_comes(head, wrap, coding):
    bits = {"": None, "gzip": 31, "x-gzip": 31, "deflate": 15, "raw": -15}[coding]
    packer = bits and zlib.compressobj(wbits=bits)
    gate = threading.Semaphore(0)

    def script(peer):
        peer.request()
        name = {"raw": "deflate"}.get(coding, coding)
        field = f"Content-Encoding: {name}\r\n".encode() if coding else b""
        peer.send(head.replace(b"\r\n", b"\r\n" + field, 1))
        for number in range(3):
            data = b"data: %d\n\n" % number
            if packer:
                data = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
            peer.send(wrap(data))
            assert gate.acquire(timeout=PATIENCE)
        peer.sees_the_end()

    with Server(script) as server, asked(server.url) as response:
        for number in range(3):
            assert response.stream.read() == b"data: %d\n\n" % number
            gate.release()
        assert "content-encoding" not in response.headers
        assert ("content-length" in response.headers) == (
            b"Content-Length" in head and not coding
        )


def test_an_event_in_a_larger_chunk_is_delivered_and_not_lost_with_it():
    gate = threading.Event()

    def cut(peer):
        assert gate.wait(PATIENCE)

    script = answering(CHUNKED, b"ffff\r\n" + EVENT, then=cut)
    with Server(script) as server, asked(server.url) as response:
        assert response.stream.read() == EVENT
        gate.set()
        with pytest.raises(httpxr.RemoteProtocolError):
            response.stream.read()


def test_a_whole_body_ends_at_once_on_a_connection_that_stays_open():
    with (
        Server(answering(CHUNKED + framed(EVENT) + LAST)) as server,
        asked(server.url) as response,
    ):
        assert list(response.stream) == [EVENT]
        assert response.stream.read() == b""
        # The end alone frees the connection.
        assert server.closed.wait(PATIENCE)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_response_without_body_ends_at_once(method):
    status = b"200 OK" if method == "HEAD" else b"204 No Content"
    head = (
        b"HTTP/1.1 %b\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n" % status
    )
    with (
        Server(answering(head)) as server,
        asked(server.url, method=method) as response,
    ):
        assert response.stream.read() == b""
        assert response.headers["content-length"] == "7"


def test_an_encoding_that_is_not_decoded_is_left_alone():
    head = OK + b"Content-Encoding: compress\r\nContent-Length: 3\r\n\r\nabc"
    with Server(answering(head)) as server, asked(server.url) as response:
        assert response.headers["content-encoding"] == "compress"
        assert response.headers["content-length"] == "3"
        assert response.stream.read() == b"abc"


def test_input_without_output_is_not_the_end():
    wire = gzip.compress(b"") + gzip.compress(EVENT)
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    assert outcome(answering(head + wire, then=ending)) == (EVENT, None)


def test_a_bomb_is_decoded_in_bounded_pieces():
    bomb = gzip.compress(b"x" * 5_000_000)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with Server(answering(head + bomb)) as server, asked(server.url) as response:
        sizes = [len(piece) for piece in response.stream]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= 65536


# What goes wrong with the body


@pytest.mark.parametrize(
    "rest",
    [b"", b"5\r\nhal", b"+5\r\nhello\r\n", b"zz\r\n", b"5"],
    ids=["no last chunk", "within a chunk", "sign", "not hex", "within a size"],
)
def test_a_broken_body_is_an_error_after_its_good_data(rest):
    data, error = outcome(answering(CHUNKED + framed(EVENT) + rest, then=ending))
    assert data.startswith(EVENT)
    assert isinstance(error, httpxr.RemoteProtocolError)
    assert isinstance(error.__cause__, Exception)
    assert "127.0.0.1:" in str(error)


def test_a_short_body_is_an_error_after_its_data():
    script = answering(OK + b"Content-Length: 99\r\n\r\n" + EVENT, then=ending)
    data, error = outcome(script)
    assert (data, type(error)) == (EVENT, httpxr.RemoteProtocolError)


@pytest.mark.parametrize("head", [CHUNKED, OK + b"\r\n"])
def test_a_reset_is_an_error(head):
    gate = threading.Event()

    def reset(peer):
        assert gate.wait(PATIENCE)
        peer.reset()

    body = framed(EVENT) if head is CHUNKED else EVENT
    with (
        Server(answering(head + body, then=reset)) as server,
        asked(server.url) as response,
    ):
        assert response.stream.read()
        gate.set()
        with pytest.raises(httpxr.ReadError) as caught:
            response.stream.read()
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        with pytest.raises(httpxr.ReadError, match="make a new request"):
            response.stream.read()


@pytest.mark.parametrize("head", [CHUNKED, OK + b"\r\n"])
def test_a_compressed_body_that_is_cut_short_is_an_error_after_its_data(head):
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(EVENT) + packer.flush(zlib.Z_SYNC_FLUSH)
    wire = framed(packed) + LAST if head is CHUNKED else packed
    head = head.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)
    data, error = outcome(answering(head + wire, then=ending))
    assert (data, type(error)) == (EVENT, httpxr.RemoteProtocolError)
    assert "is incomplete" in str(error)


def test_a_compressed_body_that_is_damaged_is_an_error():
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    data, error = outcome(answering(head + b"no gzip", then=ending))
    assert (data, type(error)) == (b"", httpxr.RemoteProtocolError)


def test_silence_longer_than_the_read_timeout_is_an_error():
    with Server(answering(CHUNKED + framed(EVENT))) as server:
        response = ask(server.url, timeout={"read": 0.05})
        assert response.stream.read_timeout == 0.05
        assert response.stream.read() == EVENT
        with pytest.raises(httpxr.ReadTimeout, match=r"nothing for 0\.05 s"):
            response.stream.read()
        assert server.closed.wait(PATIENCE)


def test_the_read_timeout_may_be_changed_between_reads():
    with Server(answering(CHUNKED + framed(EVENT))) as server, asked(server.url) as got:
        got.stream.read_timeout = None
        assert got.stream.read() == EVENT
        got.stream.read_timeout = 0.05
        with pytest.raises(httpxr.ReadTimeout):
            got.stream.read()
        got.stream.read_timeout = 7
        assert got.stream.read_timeout == 7


def test_a_read_timeout_of_nothing_still_delivers_what_has_arrived():
    with (
        Server(answering(CHUNKED + framed(EVENT))) as server,
        asked(server.url, timeout={"read": 0}) as response,
    ):
        assert response.stream.read() == EVENT
        with pytest.raises(httpxr.ReadTimeout):
            response.stream.read()


def test_time_between_reads_is_not_silence():
    gate, written = threading.Event(), threading.Event()

    def late(peer):
        assert gate.wait(PATIENCE)
        peer.send(framed(EVENT))
        written.set()
        peer.sees_the_end()

    with (
        Server(answering(CHUNKED, then=late)) as server,
        asked(server.url, timeout={"read": 0.05}) as response,
    ):
        threading.Timer(0.15, gate.set).start()
        assert written.wait(PATIENCE)
        assert response.stream.read() == EVENT
