"""What never ends is bounded: in memory, in bytes read, and in time.

Each body is sent by a server that goes on until the client leaves, or has sent far
more than may be held.
"""

from __future__ import annotations

import itertools
import threading
import zlib

import pytest

from reconnecting_sse import (
    ConnectionFailed,
    EventTooLarge,
    ReconnectionExhausted,
    UnexpectedStatus,
)
from tests.connection_harness import FACES, data_of
from tests.pouring import MIB, poured

pytestmark = pytest.mark.endurance

both_faces = pytest.mark.parametrize("face", FACES)

SMALL = 64 * 1024
"""The limit of one event, where there has to be one."""

MUCH = 16 * MIB
"""What a body sends that is read to its end: much more than may be held."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
END = b"\n\nid: 1\ndata: the end\n\n"


def endlessly(head, block):
    """An answer that never ends."""
    return lambda: itertools.chain([head], itertools.repeat(block))


def much_of(unit, size=MUCH):
    """An answer that is a stream of ``unit``, over and over, and of one event."""
    block = unit * (SMALL // len(unit))
    blocks = itertools.repeat(block, size // len(block))
    return lambda: itertools.chain([HEAD + b"\r\n"], blocks, [END])


# ---------------------------------------------------------------- bodies


@both_faces
@pytest.mark.parametrize(
    "unit",
    [b"x", b":", b": x", b"unknown: ", b"\n", b"\r", b"\r\n", b":\n", b"x\n", b"id\n"],
    ids=repr,
)
def test_what_counts_for_nothing_is_read_without_end(face, unit):
    is_line = unit.strip(b"\r\n") != unit
    # Lines take their time; those that are not blank are ten times as large if kept.
    size = (MIB if unit.isspace() else MIB // 2) if is_line else MUCH
    answer = much_of(unit, size)
    with poured(face, answer, max_event_bytes=SMALL) as (server, read):
        assert data_of(read(1)) == ["the end"]
    assert server.requests == 1
    assert server.sent > 0.9 * size


@both_faces
def test_an_endless_comment_is_handed_out_in_part(face):
    comments = []
    answer = much_of(b": x")
    with poured(face, answer, on_comment=comments.append) as (_, read):
        assert data_of(read(1)) == ["the end"]
    assert [len(comment) for comment in comments] == [64 * 1024]


@both_faces
@pytest.mark.parametrize(
    ("start", "unit"),
    [
        (b"data: ", b"x"),
        (b"id: ", b"x"),
        (b"event: ", b"x"),
        (b"retry: ", b"1"),
        (b"", b"data\n"),
        (b"", b"data:\n"),
        (b"", b"data: x\n"),
        (b"", b"data: x\r\n: a comment\r\n"),
    ],
    ids=repr,
)
def test_an_endless_event_raises_as_soon_as_it_is_too_large(face, start, unit):
    answer = endlessly(HEAD + b"\r\n" + start, unit * (SMALL // len(unit)))
    with (
        poured(face, answer, max_event_bytes=SMALL) as (server, read),
        pytest.raises(EventTooLarge),
    ):
        read()
    assert server.requests == 1  # another attempt would meet it again


@both_faces
def test_a_million_data_lines_are_held_as_what_they_say(face):
    count = 1_000_000
    lines = b"data:\n" * count

    def answer():
        yield HEAD + b"\r\n"
        yield lines
        yield b"\n"

    # Not traced: that takes its time, and the event itself is a megabyte.
    with poured(face, answer, max_event_bytes=MIB, is_flat=False) as (_, read):
        (event,) = read(1)
    assert event.data == "\n" * (count - 1)


@both_faces
def test_the_event_before_one_that_is_too_large_is_delivered(face):
    first = b"id: 1\ndata: a\n\ndata: "
    answer = endlessly(HEAD + b"\r\n" + first, b"x" * SMALL)
    with poured(face, answer, max_event_bytes=SMALL) as (_, read):
        assert data_of(read(1)) == ["a"]
        with pytest.raises(EventTooLarge):
            read()


# ---------------------------------------------------------------- bombs


def bomb(coding, start, unit, size):
    """Some kilobytes that decode to much more."""
    packer = zlib.compressobj(9, wbits={"gzip": 31, "deflate": 15}[coding])
    packed = packer.compress(start)
    block = unit * (SMALL // len(unit))
    for _ in range(size // len(block)):
        packed += packer.compress(block)
    packed += packer.compress(END) + packer.flush()
    head = HEAD + b"Content-Encoding: %b\r\n" % coding.encode()
    return head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed


codings = pytest.mark.parametrize("coding", ["gzip", "deflate"])


@both_faces
@codings
def test_a_bomb_is_one_event_that_is_too_large(face, coding):
    packed = bomb(coding, b"data: ", b"x", MUCH)
    assert len(packed) < MUCH // 500
    with (
        poured(face, lambda: [packed], max_event_bytes=SMALL) as (server, read),
        pytest.raises(EventTooLarge),
    ):
        read()
    assert server.requests == 1


@both_faces
@codings
def test_a_bomb_of_nothing_is_read_without_end(face, coding):
    packed = bomb(coding, b"", b": x", MUCH)
    with poured(face, lambda: [packed], max_event_bytes=SMALL) as (_, read):
        assert data_of(read(1)) == ["the end"]


# ---------------------------------------------------------------- heads


STATUS = b"HTTP/1.1 200 OK\r\n"


@both_faces
@pytest.mark.parametrize(
    ("head", "block"),
    [
        (STATUS, b"X-Field: " + b"x" * 1000 + b"\r\n"),
        (STATUS, b"X: y\r\n"),
        (STATUS + b"X-Field: ", b"x" * 1000),
        (STATUS + b"X-Field: x", b"\r\n x"),
        (b"HTTP/1.1 200 ", b"O" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"\r\n"),
        (b"", b"x" * 1000),
    ],
    ids=["fields", "short", "field", "folded", "status", "103", "100", "blank", "junk"],
)
def test_an_endless_head_is_given_up(face, head, block):
    answer = endlessly(head, block * (SMALL // len(block)))
    with poured(face, answer, header_timeout=5) as (server, read):
        with pytest.raises(ReconnectionExhausted) as raised:
            read()
        assert server.sent < MUCH  # some megabytes are in the system's buffers
    assert isinstance(raised.value.__cause__, ConnectionFailed)
    assert len(str(raised.value)) < 1000
    assert server.requests == 1


@both_faces
def test_a_chain_of_redirects_is_followed_ten_times(face):
    def answer():
        yield b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\n"
        yield b"Content-Length: 0\r\n\r\n"

    with (
        poured(face, answer) as (server, read),
        pytest.raises(UnexpectedStatus, match="10 redirects"),
    ):
        read()
    assert server.requests == 11


@both_faces
def test_the_endless_bodies_of_redirects_are_not_read(face):
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\n\r\n"
    with (
        poured(face, endlessly(head, b"x" * SMALL)) as (server, read),
        pytest.raises(UnexpectedStatus, match="10 redirects"),
    ):
        read()
    assert server.requests == 11


# ---------------------------------------------------------------- bodies of errors


@both_faces
@pytest.mark.parametrize("block", [b"x" * SMALL, b"\r\n" * 100], ids=["x", "blank"])
def test_of_an_endless_error_body_a_kilobyte_is_kept(face, block):
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n"
    with (
        poured(face, endlessly(head, block)) as (server, read),
        pytest.raises(UnexpectedStatus) as raised,
    ):
        read()
    assert raised.value.body == (block * 11)[:1024]
    assert server.requests == 1


@both_faces
def test_an_error_body_that_drips_is_given_up(face):
    dripping = threading.Event()

    def answer():
        yield b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n"
        for _ in range(1000):
            yield b"x"
            dripping.wait(0.05)

    with poured(face, answer) as (server, read):
        with pytest.raises(UnexpectedStatus) as raised:
            read()
        dripping.set()
    assert 0 < len(raised.value.body) < 500
    assert server.sent < 1000


@both_faces
def test_a_bomb_as_an_error_body_is_not_inflated(face):
    packed = bomb("gzip", b"", b"x", MUCH).replace(b"200 OK", b"404 No", 1)
    with (
        poured(face, lambda: [packed]) as (_, read),
        pytest.raises(UnexpectedStatus) as raised,
    ):
        read()
    assert raised.value.body == b"x" * 1024
