"""The response subclass: held to http.client, live where http.client is not."""

from __future__ import annotations

import io
import time
from contextlib import closing
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconnecting_sse.transports.http1.head_limits import HEAD_LIMIT
from reconnecting_sse.transports.http1.response import LiveResponse

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Pieces(io.RawIOBase):
    """A raw reader that receives one piece at a time, then the end."""

    def __init__(self, pieces):
        self.pieces = [piece for piece in pieces if piece]

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        taken = piece[: len(buffer)]
        if piece[len(taken) :]:
            self.pieces.insert(0, piece[len(taken) :])
        buffer[: len(taken)] = taken
        return len(taken)


class PieceSocket:
    """What a response needs of a socket."""

    def __init__(self, *pieces):
        self.raw = Pieces(pieces)
        self.timeouts = []

    def makefile(self, mode):
        return io.BufferedReader(self.raw)

    def settimeout(self, seconds):
        self.timeouts.append(seconds)


def live(*pieces, method="GET", deadline=None):
    sock = PieceSocket(*pieces)
    response = LiveResponse(sock, method=method, deadline=deadline)
    response.begin()
    return response


def drain(response):
    """All that can be read, and the error that ended it, if any."""
    parts = []
    while True:
        try:
            part = response.read1()
        except HTTPException as error:
            return b"".join(parts), error
        if not part:
            return b"".join(parts), None
        parts.append(part)


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


sizes = st.sampled_from([b"%x", b"%X", b"0%x", b"%x ", b"%x;a=b", b'%x ;q="1 2"'])
chunk = st.tuples(sizes, st.binary(min_size=1, max_size=40))
trailers = st.sampled_from([b"", b"X: y\r\n", b"A: b\r\nC: d\r\n"])
places = st.lists(st.integers(0, 2000), max_size=12)


def chunked(chunks, trailer=b""):
    body = b"".join(
        size % len(data) + b"\r\n" + data + b"\r\n" for size, data in chunks
    )
    return body + b"0\r\n" + trailer + b"\r\n"


@given(st.lists(chunk, max_size=8), trailers, places)
def test_whatever_the_cuts_a_chunked_body_reads_as_in_http_client(chunks, tail, places):
    wire = chunked(chunks, tail)
    with closing(HTTPResponse(PieceSocket(HEAD, wire))) as reference:
        reference.begin()
        expected = reference.read()
    assert expected == b"".join(data for _, data in chunks)
    assert drain(live(HEAD, *cut(wire, places))) == (expected, None)


@given(st.lists(chunk, max_size=6), trailers, st.integers(0, 400), places)
@example([(b"%x", b"abc")], b"", 1, [])
def test_a_cut_body_gives_all_that_came_and_then_the_error_of_http_client(
    chunks, tail, length, places
):
    wire = chunked(chunks, tail)
    kept = wire[: length % (len(wire) + 1)]
    with closing(HTTPResponse(PieceSocket(HEAD, kept))) as reference:
        reference.begin()
        try:
            whole, broken = reference.read(), False
        except IncompleteRead as error:
            whole, broken = error.partial, True
    data, failure = drain(live(HEAD, *cut(kept, places)))
    assert data.startswith(whole)
    assert b"".join(data for _, data in chunks).startswith(data)
    # http.client takes a size line that was cut off within for a whole one.
    is_cut_zero = len(kept) < len(wire) - len(tail) - 2
    assert (failure is not None) == (broken or is_cut_zero)


@given(st.binary(max_size=300), st.integers(0, 300), places)
def test_a_body_of_known_length_ends_at_it_or_fails(payload, length, places):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length
    data, failure = drain(live(head, *cut(payload, places)))
    assert data == payload[:length]
    assert isinstance(failure, IncompleteRead) == (len(payload) < length)


@given(st.binary(max_size=300), places)
def test_a_body_without_length_lasts_until_the_end(payload, places):
    pieces = cut(payload, places)
    assert drain(live(b"HTTP/1.0 200 OK\r\n\r\n", *pieces)) == (payload, None)


def test_chunks_that_came_together_are_read_together():
    wire = chunked([(b"%x", b"one"), (b"%x", b"two"), (b"%x", b"three")])
    response = live(HEAD, wire)
    assert response.read1() == b"onetwothree"
    assert response.read1() == b""
    assert response.read1(0) == b""


def test_part_of_a_chunk_is_read_at_once_and_kept_when_the_rest_never_comes():
    response = live(HEAD, b"fff\r\ndata: 1\n\n")
    assert response.read1() == b"data: 1\n\n"
    with pytest.raises(IncompleteRead):
        response.read1()


def test_no_more_than_asked_for_is_read():
    response = live(HEAD, chunked([(b"%x", b"x" * 50)]))
    parts = iter(lambda: response.read1(20), b"")
    assert max(map(len, parts)) <= 20


@pytest.mark.parametrize(
    "line",
    [
        b"+5",
        b"-5",
        b"1_0",
        b"0x5",
        b" 5",
        b"",
        b"g",
        b"1" * 17,
        b"5 5",
        b"5;" + b"e" * 5000,
    ],
)
def test_a_bad_size_line_is_an_error_after_the_good_data(line):
    response = live(HEAD, b"4\r\ngood\r\n" + line + b"\r\nhello\r\n")
    assert response.read1() == b"good"
    for _ in range(2):
        with pytest.raises(HTTPException, match="a chunk's size"):
            response.read1()


def test_a_chunk_that_is_longer_than_its_size_is_an_error():
    response = live(HEAD, b"4\r\ngoodness\r\n0\r\n\r\n")
    assert response.read1() == b"good"
    with pytest.raises(HTTPException, match="a chunk's size"):
        response.read1()


@pytest.mark.parametrize("rest", [b"5;" + b"x" * 5000, b"0\r\n" + b"X: y\r\n" * 4000])
def test_size_lines_and_trailers_are_bounded(rest):
    data, failure = drain(live(HEAD, b"4\r\ngood\r\n" + rest))
    assert data == b"good"
    assert isinstance(failure, HTTPException)


def test_size_lines_that_all_differ_are_read_and_not_all_remembered():
    chunks = [(b"%%x;%d" % number, b"x") for number in range(3000)]
    response = live(HEAD, chunked(chunks))
    assert drain(response) == (b"x" * 3000, None)
    assert len(response._sizes) < 2000


def test_the_end_after_the_last_chunk_is_proper_without_the_final_line():
    assert drain(live(HEAD, b"2\r\nab\r\n0\r\n")) == (b"ab", None)


def test_interim_responses_are_skipped():
    interim = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    )
    response = live(interim * 2 + HEAD, chunked([]))
    assert response.status == 200
    assert response.fields == [(b"Transfer-Encoding", b"chunked")]


@pytest.mark.parametrize("status", [b"101", b"204", b"304"])
def test_some_responses_have_no_body(status):
    head = b"HTTP/1.1 " + status + b" X\r\nContent-Length: 5\r\n\r\n"
    assert live(head, b"never").read1() == b""


def test_the_response_to_head_has_no_body():
    assert live(HEAD, b"never", method="HEAD").read1() == b""


def test_a_closed_response_reads_nothing():
    response = live(HEAD, chunked([(b"%x", b"x")]))
    response.close()
    assert response.read1() == b""


def test_fields_are_bytes_in_order_and_unfolded():
    response = live(b"HTTP/1.0 200 \xe9\r\nB: \xff\r\nA: 1\r\n 2 \r\nB: 3\r\n\r\n")
    assert response.fields == [(b"B", b"\xff"), (b"A", b"1 2"), (b"B", b"3")]
    assert response.http_version == b"HTTP/1.0"
    assert live(HEAD).http_version == b"HTTP/1.1"


def test_chunked_is_recognised_in_any_case_and_wins_over_a_length():
    head = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\nContent-Length: 1\r\n\r\n"
    )
    assert drain(live(head, chunked([(b"%x", b"abc")]))) == (b"abc", None)


def test_a_body_that_mail_would_have_in_parts_is_a_body():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed\r\n\r\n"
    assert drain(live(head, b"abc")) == (b"abc", None)


@pytest.mark.parametrize("value", [b"identity", b""])
def test_no_transfer_coding_is_none(value):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + value + b"\r\n\r\n"
    assert drain(live(head, b"abc")) == (b"abc", None)


def test_one_length_said_twice_is_that_length():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\n"
    assert drain(live(head, b"abc")) == (b"ab", None)


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: +5",
        b"Content-Length: 1_0",
        b"Content-Length: -1",
        b"Content-Length: " + b"9" * 19,
        b"no colon",
    ],
)
def test_a_head_that_leaves_the_end_in_doubt_is_refused(field):
    with pytest.raises(HTTPException):
        live(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_an_end_within_the_head_is_never_taken_for_its_end(head):
    with pytest.raises(RemoteDisconnected):
        live(head)


@pytest.mark.parametrize("line", [b"X: " + b"y" * 900, b"HTTP/1.1 100 C\r\n"])
def test_the_size_of_the_head_is_bounded(line):
    endless = (line + b"\r\n" for _ in range(99999))
    sock = PieceSocket(b"HTTP/1.1 100 Continue\r\n\r\n")
    sock.raw.pieces = list(endless)[: 4 * HEAD_LIMIT // len(line)]
    if line.startswith(b"X"):
        sock.raw.pieces.insert(0, b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(HTTPException):
        LiveResponse(sock).begin()


def test_one_long_field_is_accepted_up_to_the_limit():
    value = b"x" * (HEAD_LIMIT - 100)
    response = live(b"HTTP/1.1 200 OK\r\nX: " + value + b"\r\n\r\n", b"body")
    assert response.fields == [(b"X", value)]
    assert drain(response) == (b"body", None)


def test_every_read_of_the_head_has_only_the_time_that_is_left():
    sock = PieceSocket(*(bytes([byte]) for byte in HEAD + chunked([])))
    LiveResponse(sock, deadline=time.monotonic() + 60).begin()
    assert sock.timeouts == sorted(sock.timeouts, reverse=True)
    assert 59 < sock.timeouts[-1] < 60


def test_a_head_that_is_late_is_not_waited_for():
    with pytest.raises(TimeoutError):
        live(HEAD, deadline=time.monotonic())
