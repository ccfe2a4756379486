"""Answers that one wire once took otherwise than the other, or than it should."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import httpxr
import pytest

from reconnecting_sse.transports.conversation import Conversation
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    OK,
    PATIENCE,
    Peer,
    Server,
    answering,
    black_hole,
    ending,
    framed,
    tls_context,
    trusting_context,
    unused_port,
)
from tests.transports.ways.in_memory import TLSPeer, damaged
from tests.wires import WIRES

LENGTH = OK + b"Content-Length: %d\r\n"


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


def fetched(wire, script, **keywords):
    with Server(script) as server:
        return wire.fetch(server.url, wire.transport(), **keywords)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize(
    ("head", "body"),
    [
        (LENGTH % 0, b""),
        (OK + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (OK, b""),
    ],
    ids=["length", "chunked", "close"],
)
def test_an_empty_body_is_in_every_coding(wire, coding, head, body):
    """A server that closes at once, or has nothing to say, may still name one."""
    answer = head + b"Content-Encoding: " + coding.encode() + b"\r\n\r\n" + body
    response, whole = fetched(wire, answering(answer, then=ending))
    assert whole == b""
    assert "content-encoding" not in response.headers


def test_without_a_limit_headers_may_come_later_than_connecting_may_take(wire):
    late = threading.Event()

    def script(peer):
        peer.request()
        threading.Timer(0.2, late.set).start()
        assert late.wait(PATIENCE)
        peer.send(CHUNKED + framed(EVENT) + LAST)

    timeout = {"connect": 0.05, "headers": None}
    assert fetched(wire, script, timeout=timeout)[1] == EVENT


@pytest.mark.parametrize("seconds", [3e6, 1e12, float("inf")])
def test_a_timeout_may_be_longer_than_any_system_waits(wire, seconds):
    more = threading.Event()

    def late(peer):
        assert more.wait(PATIENCE)
        peer.send(framed(EVENT) + LAST)

    with Server(answering(CHUNKED, framed(EVENT), then=late)) as server:
        _, whole = wire.fetch(
            server.url,
            wire.transport(),
            timeout=dict.fromkeys(("connect", "headers", "read"), seconds),
            seen=lambda _: more.set(),
        )
    assert whole == EVENT * 2


def test_an_address_that_says_nothing_does_not_hold_up_the_next(wire, monkeypatch):
    """RFC 8305, section 5; and one that refuses not even for its 250 ms."""
    script = answering(CHUNKED + framed(EVENT) + LAST)
    with Server(script) as server, black_hole() as hole:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        ends = [hole, ("127.0.0.1", unused_port()), ("127.0.0.1", server.port)]
        found = [(*kind, end) for end in ends]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        timeout = {"connect": 0.6}
        assert wire.fetch(server.url, wire.transport(), timeout=timeout)[1] == EVENT


def secured(wire, then):
    """The body of an answer over TLS that lasts until the connection ends."""
    script = answering(OK + b"\r\n" + EVENT, then=then)
    with Server(script, context=tls_context()) as server:
        transport = wire.transport(verify=trusting_context())
        return wire.fetch(server.url, transport)[1]


def test_the_end_that_tls_tells_is_an_end(wire):
    def tell(peer):
        with suppress(OSError):  # the client need not answer
            peer.sock.unwrap()

    assert secured(wire, tell) == EVENT


def test_an_end_that_tls_does_not_tell_is_a_cut(wire):
    """Anyone on the way can end a connection (RFC 9112, section 9.8)."""
    seen = []

    def cut(peer):
        seen.append(peer)
        ending(peer)

    with pytest.raises(httpxr.RemoteProtocolError, match=r"127\.0\.0\.1:"):
        secured(wire, cut)
    assert seen


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_what_has_no_body_is_not_cut_over_tls(wire, status):
    script = answering(b"HTTP/1.1 " + status + b"\r\n\r\n", then=ending)
    with Server(script, context=tls_context()) as server:
        transport = wire.transport(verify=trusting_context())
        assert wire.fetch(server.url, transport)[1] == b""


def in_one_segment(wire, last):
    """Answer with what ``last`` makes of TLS; the connection stays open."""

    def script(peer):
        heard = []
        tls = TLSPeer(answer=heard.append)
        while not heard:
            peer.send(tls(peer.received()))
        peer.send(last(tls))
        peer.sees_the_end()

    with Server(script) as server:
        url = server.url.replace("http", "https")
        return wire.fetch(url, wire.transport(verify=trusting_context()))


def test_the_end_that_tls_tells_together_with_the_head_is_the_end(wire):
    head = OK + b"\r\n"
    assert in_one_segment(wire, lambda tls: tls.send(head) + tls.close())[1] == b""


@pytest.mark.parametrize(
    ("said", "words"),
    [(OK, "without a complete response"), (CHUNKED, "ended the body")],
)
def test_the_end_that_tls_tells_too_early_is_not_waited_for(wire, said, words):
    with pytest.raises(httpxr.RemoteProtocolError, match=words):
        in_one_segment(wire, lambda tls: tls.send(said) + tls.close())


def test_records_that_are_damaged_within_the_head_are_told_at_once(wire):
    with pytest.raises(httpxr.ReadError, match="instead of answering") as caught:
        in_one_segment(wire, lambda tls: tls.send(OK) + damaged(tls.send(EVENT)))
    assert isinstance(caught.value.__cause__, ssl.SSLError)


def test_an_answer_that_comes_before_the_request_is_read_is_not_lost(wire):
    """A server that wants no more of a large body says why, and leaves."""

    def script(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 429 Later\r\nContent-Length: 3\r\n\r\nwhy")

    body = b"x" * 16 * 1024 * 1024  # more than any system buffers
    response, whole = fetched(wire, script, method="POST", content=body)
    assert (response.status_code, whole) == (429, b"why")


def test_an_answer_that_comes_while_nobody_reads_the_request_is_not_lost(wire):
    heard = threading.Event()

    def script(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 429 Later\r\nContent-Length: 3\r\n\r\nwhy")
        assert heard.wait(PATIENCE)

    body = b"x" * 16 * 1024 * 1024
    response, whole = fetched(
        wire, script, method="POST", content=body, seen=lambda _: heard.set()
    )
    assert (response.status_code, whole) == (429, b"why")


@pytest.mark.parametrize("context", [None, tls_context()], ids=["plain", "tls"])
def test_a_request_is_sent_on_after_its_answer_has_begun(wire, context):
    """A server may answer first, and go on once it has read the whole request."""
    heard, body = threading.Event(), b"x" * 16 * 1024 * 1024

    def script(peer):
        left = len(body) - len(peer.received().partition(b"\r\n\r\n")[2])
        peer.send(CHUNKED + framed(EVENT))
        assert heard.wait(PATIENCE)
        while left:
            left -= len(peer.received())
        peer.send(framed(EVENT) + LAST)

    with Server(script, context=context) as server:
        transport = wire.transport(verify=trusting_context())
        keywords = {"method": "POST", "content": body, "seen": lambda _: heard.set()}
        assert wire.fetch(server.url, transport, **keywords)[1] == EVENT * 2


def test_a_request_that_nobody_reads_is_no_reason_to_wait_for_ever(wire):
    gone = threading.Event()

    def script(peer):
        peer.sock.recv(1000)
        peer.send(CHUNKED + framed(EVENT))
        assert gone.wait(PATIENCE)

    keywords = {"method": "POST", "content": b"x" * 16 * 1024 * 1024}
    with Server(script) as server:
        with pytest.raises(httpxr.ReadTimeout, match="sent nothing for"):
            wire.fetch(server.url, wire.transport(), timeout={"read": 0.1}, **keywords)
        gone.set()


def test_a_server_that_leaves_while_it_is_sent_to_says_nothing_else(wire):
    def script(peer):
        peer.sock.recv(1000)
        peer.reset()

    body = b"x" * 16 * 1024 * 1024
    with pytest.raises(httpxr.WriteError, match=r"127\.0\.0\.1:\d+ "):
        fetched(wire, script, method="POST", content=body)


@pytest.mark.endurance
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("content", [b"", b"x" * 16 * 1024 * 1024], ids=["", "large"])
@pytest.mark.parametrize("then", [Peer.reset, Peer.sees_the_end, ending])
def test_a_request_that_fails_leaves_no_cycle_behind(wire, then, content, scheme):
    """It may be large, and its attempts many, where the collector runs seldom."""

    def script(peer):
        peer.sock.recv(1000)
        then(peer)

    keywords = {
        "method": "POST",
        "content": content,
        "timeout": {"connect": 0.1, "headers": 0.1},
    }
    with Server(script) as server, uncollected() as left_behind:
        url = server.url.replace("http", scheme)
        assert wire.fails(url, wire.transport(), **keywords)
        assert left_behind() == []


def test_an_answer_to_half_a_request_leaves_no_cycle_behind(wire):
    def script(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 429 Later\r\nContent-Length: 3\r\n\r\nwhy")

    body = b"x" * 16 * 1024 * 1024
    with Server(script) as server, uncollected() as left_behind:
        assert not wire.fails(server.url, wire.transport(), method="POST", content=body)
        assert left_behind() == []


def conversations():
    return [each for each in gc.get_objects() if isinstance(each, Conversation)]


@contextmanager
def uncollected():
    """Gives what is left of requests made since; others may be under way still."""
    gc.collect()
    before = conversations()
    gc.disable()
    try:
        yield lambda: [each for each in conversations() if each not in before]
    finally:
        gc.enable()


def test_a_proxy_that_refuses_before_it_has_read_is_heard(wire):
    def script(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")

    body = b"x" * 16 * 1024 * 1024
    with Server(script) as server:
        transport = wire.transport(proxy=f"http://127.0.0.1:{server.port}")
        with pytest.raises(httpxr.ProxyError) as caught:
            wire.fetch("http://feed.test/", transport, method="POST", content=body)
    assert caught.value.status == 407
