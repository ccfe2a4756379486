"""An answer that is none is raised the second time, and what is malformed named."""

from __future__ import annotations

import httpxr
import pytest
from tenacity import wait_none

from reconnecting_sse import (
    AsyncStreamingTransport,
    ConnectionFailed,
    StreamingTransport,
)
from reconnecting_sse.testing import Raw, ScriptedServer
from tests.connection_harness import FACES, new_source, reader_for
from tests.raw_wire import Server

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (OK + b"X Y: z\r\n\r\n", "its header 'X' has a malformed name"),
        (OK + b"X: a\0b\r\n\r\n", "its header 'X' has a NUL or a lone CR"),
        (OK + b"Content-Length: x\r\n\r\n", "its Content-Length is not a number"),
        *(
            (OK + b"Transfer-Encoding: %b\r\n\r\n" % value, "its Transfer-Encoding is")
            for value in (b"x", b"gzip", b"xchunked", b"chunked, identity")
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "its first line is no status line"),
        (b"\x15\x03\x03\0\x02\x02\x0a", "answered in TLS, not in HTTP"),
        (OK + b"X: y\r\n" * 20_000 + b"\r\n", "its headers exceed 65536 bytes"),
    ],
)
@pytest.mark.parametrize("face", FACES)
def test_no_third_attempt_is_made(face, answer, words):
    with ScriptedServer([Raw(answer)] * 3) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=wait_none())
        with pytest.raises(ConnectionFailed) as raised:
            reader.take(source)
        assert words in str(raised.value)
        assert (raised.value.attempts, len(server.requests)) == (2, 2)


CLIENTS = {
    "sync": (httpxr.Client, StreamingTransport),
    "async": (httpxr.AsyncClient, AsyncStreamingTransport),
}


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [
        ("http", OK + b"X Y: z\r\n\r\n"),
        ("http", b"SSH-2.0-x\r\n\r\n"),
        ("socks5h", b"HTTP"),
    ],
)
@pytest.mark.parametrize("face", FACES)
def test_a_proxy_that_is_none_is_asked_twice(face, scheme, answer):
    def script(peer):
        peer.received()
        peer.send(answer)

    kind, transport = CLIENTS[face]
    with Server(script) as proxy, reader_for(face) as reader:
        client = kind(transport=transport(proxy=f"{scheme}://127.0.0.1:{proxy.port}"))
        url = "https://feed.test/"
        source = new_source(face, url, client=client, wait=wait_none())
        with pytest.raises(ConnectionFailed, match="did not answer as a proxy should"):
            reader.take(source)
        assert proxy.connections == 2
