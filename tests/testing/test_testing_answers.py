"""The steps of a script: the bytes that come, when, and how they end."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time
import zlib
from contextlib import suppress

import pytest

from reconnecting_sse.testing import (
    Answer,
    Close,
    Hang,
    PartOfChunk,
    Pause,
    Raw,
    Reset,
    ScriptedServer,
)
from reconnecting_sse.testing import answer as answer_module
from reconnecting_sse.testing import connection as connection_module
from tests.asking import LIMIT, address, answered, asking

# ---------------------------------------------------------------- framing


def test_each_piece_is_a_chunk_and_the_rest_of_the_head_is_ours():
    with ScriptedServer([Answer(body=["data: é\n\n", "", b"x"])]) as server:
        assert answered(server) == (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"a\r\ndata: \xc3\xa9\n\n\r\n1\r\nx\r\n0\r\n\r\n"
        )


@pytest.mark.parametrize(
    ("answer", "head", "body"),
    [
        (Answer(framing="length", body="abc"), "Content-Length: 3", b"abc"),
        (Answer(framing="length", body=["a", PartOfChunk("b", 9)]), "th: 2", b"ab"),
        (Answer(framing="length", body=b"a", declared_length=7), "th: 7", b"a"),
        (Answer(framing="close", body=["a", b"b"]), "Connection: close", b"ab"),
        (Answer(204, body="abc"), "204 No Content", b""),
        (Answer(304, body="abc", framing="length"), "304 Not Modified", b""),
        (Answer(599, reason="Odd", framing="close"), "599 Odd", b""),
        (Answer(headers=[("connection", "x")], framing="close"), "connection: x", b""),
        (Answer(interim=[100, 103]), "103 Early Hints", b"0\r\n\r\n"),
        (Answer(body="abcdef", stop_after=4), "200 OK", b"6\r\na"),
        (Answer(body="abcdef", stop_after=0), "200 OK", b""),
        (Answer(body="ab", stop_after=99, end="cut"), "200 OK", b"2\r\nab\r\n"),
        (Answer(body=[PartOfChunk("ab", 4)], end="cut"), "200 OK", b"4\r\nab"),
        (
            Answer(body=[PartOfChunk("ab", 4), PartOfChunk(b"cd"), "e"], end="cut"),
            "200 OK",
            b"4\r\nabcd\r\n1\r\ne\r\n",
        ),
    ],
)
def test_bodies_are_framed_as_asked(answer, head, body):
    with ScriptedServer([answer]) as server:
        *heads, got = answered(server).split(b"\r\n\r\n", 1 + len(answer.interim))
    assert head.encode() in b"\r\n".join(heads)
    assert got == body


def test_the_answer_to_head_has_headers_and_no_body():
    with ScriptedServer([Answer(body="abc", framing="length")]) as server:
        got = answered(server, b"HEAD / HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 3\r\n" in got
    assert got.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("encoding", "framing", "decode"),
    [("gzip", "chunked", gzip.decompress), ("deflate", "length", zlib.decompress)],
)
def test_an_encoding_is_applied_if_the_request_accepts_it(encoding, framing, decode):
    answer = Answer(body=["a", "b", PartOfChunk("c")], encoding=encoding)
    script = [
        Answer(body=["a", b"bc"], encoding=encoding, framing=framing) for _ in range(2)
    ]
    with ScriptedServer([*script, answer]) as server:
        accepting = {"Accept-Encoding": f"br, {encoding};q=1"}
        with asking(server, headers=accepting) as response:
            assert response.headers["Content-Encoding"] == encoding
            assert decode(response.read()) == b"abc"
        with asking(server) as response:
            assert "Content-Encoding" not in response.headers
            assert response.read() == b"abc"


def test_every_encoded_piece_can_be_decoded_when_it_arrives():
    gate = threading.Event()
    answer = Answer(body=["data: a\n\n", gate], encoding="gzip")
    with (
        ScriptedServer([answer]) as server,
        asking(server, headers={"Accept-Encoding": "gzip"}) as response,
    ):
        decoder = zlib.decompressobj(wbits=31)
        assert decoder.decompress(response.read1()) == b"data: a\n\n"
        gate.set()
        decoder.decompress(response.read())
        assert decoder.eof


def test_raw_bytes_need_not_be_http():
    with ScriptedServer([Raw(["!!!", Pause(0.01), b"?"]), Raw(b"x")]) as server:
        assert answered(server) == b"!!!?"
        assert answered(server) == b"x"


# ---------------------------------------------------------------- time and ends


def test_the_server_waits_at_a_gate_and_at_pauses():
    gate = threading.Event()
    answer = Answer(body=["a", gate, "b", Pause(0.05), "c"], before=0.02)
    with ScriptedServer([answer]) as server:
        before = time.monotonic()
        with asking(server) as response:
            assert response.read1() == b"a"
            gate.set()
            assert response.read() == b"bc"
            assert time.monotonic() - before >= 0.07


def test_a_lazy_body_is_made_as_it_is_sent():
    opened, made = threading.Event(), []

    def pieces():
        for n in range(3):
            made.append(n)
            yield f"{n}"
            yield opened

    with ScriptedServer([Answer(body=pieces())]) as server, asking(server) as response:
        assert response.read1() == b"0"
        assert made == [0]
        opened.set()
        assert response.read() == b"12"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Close(), http.client.RemoteDisconnected),
        (Reset(), ConnectionResetError),
        (Reset(before=0.02), ConnectionResetError),
        (Answer(body="a", end="cut"), http.client.IncompleteRead),
        (Answer(body="a", end="reset"), ConnectionResetError),
        (Raw(b"", end="reset"), ConnectionResetError),
    ],
)
def test_connections_end_as_asked(step, error):
    with ScriptedServer([step]) as server:
        with pytest.raises(error), asking(server) as response:
            assert response.read1() == b"a"
            response.read()
        assert not server.requests[0].closed_by_client.is_set()


@pytest.mark.parametrize(
    "step",
    [
        Hang(),
        Hang(before=60),
        Answer(body="a", end="hang"),
        Answer(body=[Pause(60)]),
        Answer(body=["a", threading.Event()]),
        Answer(body="a", stop_after=2, end="hang"),
    ],
)
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_client_that_leaves_is_noticed_whatever_the_server_does(step, is_reset):
    with ScriptedServer([step]) as server:
        client = socket.create_connection(address(server.url))
        if is_reset:
            at_once = b"\x01\0\0\0\0\0\0\0"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        (request,) = server.wait_for_requests(1)
        assert not request.closed_by_client.is_set()
        client.close()
        assert request.closed_by_client.wait(1)


def test_a_client_that_leaves_in_the_middle_of_a_piece_is_noticed():
    with ScriptedServer([Raw(b"a" * 50_000_000)]) as server:
        with socket.create_connection(address(server.url), LIMIT) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(1) == b"a"
        assert server.requests[0].closed_by_client.wait(LIMIT)


def test_what_a_client_sends_after_its_request_is_dropped():
    first, second = threading.Event(), threading.Event()
    with (
        ScriptedServer([Raw([first, Pause(0.05), "a", second])]) as server,
        socket.create_connection(address(server.url), LIMIT) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        (request,) = server.wait_for_requests(1)
        client.sendall(b"more")
        first.set()
        assert client.recv(100) == b"a"
        assert not request.closed_by_client.is_set()
        second.set()
        assert client.recv(100) == b""


def test_a_gate_that_stays_shut_is_an_error(monkeypatch):
    monkeypatch.setattr(answer_module, "GATE_TIMEOUT", 0.01)
    with (
        pytest.raises(TimeoutError, match="a gate was not set"),
        ScriptedServer([Answer(body=[threading.Event()])]) as server,
    ):
        answered(server)


def test_a_client_that_does_not_read_is_an_error(monkeypatch):
    monkeypatch.setattr(connection_module, "SOCKET_TIMEOUT", 0.1)
    server = ScriptedServer([Raw(b"a" * 50_000_000)])
    with socket.socket() as client, suppress(TimeoutError), server:
        client.connect(address(server.url))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.wait_for_requests(1)
        for thread in server._threads:
            thread.join(LIMIT)
    (error,) = server.errors
    assert "bytes unread for 0.1 s" in str(error)
