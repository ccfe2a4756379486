"""What the blocking transport sends, trusts and shares."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading

import httpxr
import pytest

from reconnecting_sse.transports.blocking import StreamingTransport
from reconnecting_sse.transports.codings.codings import offered_codings
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    PATIENCE,
    Server,
    answering,
    ask,
    asked,
    authority,
    framed,
    sent,
    tls_context,
)

# What is sent


def test_exactly_the_given_fields_are_sent_with_host_and_codings():
    line, fields, body, server = sent(headers={"X-A": "1", "Accept": "x/y"})
    assert line == b"GET /feed HTTP/1.1"
    assert sorted(fields) == [
        (b"Accept", b"x/y"),
        (b"Accept-Encoding", ", ".join(offered_codings()).encode()),
        (b"Host", b"127.0.0.1:%d" % server.port),
        (b"X-A", b"1"),
    ]
    assert body == b""
    assert server.connections == 1


def test_a_non_ascii_id_travels_as_its_utf_8_bytes():
    _, fields, _, _ = sent(headers={"Last-Event-ID": "é☃"})
    assert dict(fields)[b"Last-Event-ID"] == "é☃".encode()


@pytest.mark.parametrize("content", [b"body", "body", iter([b"bo", b"dy"])])
def test_a_body_is_sent_with_its_length(content):
    headers = {"Content-Length": "99", "Transfer-Encoding": "chunked"}
    line, fields, body, _ = sent(method="POST", content=content, headers=headers)
    assert line == b"POST /feed HTTP/1.1"
    assert body == b"body"
    assert [v for n, v in fields if n.lower() == b"content-length"] == [b"4"]
    assert not [n for n, _ in fields if n.lower() == b"transfer-encoding"]


def test_a_post_without_body_says_so():
    _, fields, _, _ = sent(method="POST")
    assert dict(fields)[b"Content-Length"] == b"0"


def test_a_client_uses_it_with_query_and_json():
    seen = []

    def script(peer):
        seen.append(peer.request())
        peer.send(CHUNKED + framed(EVENT) + LAST)

    with Server(script) as server:
        client = httpxr.Client(transport=StreamingTransport(), trust_env=False)
        with (
            client,
            client.stream("POST", f"{server.url}?a=b%20c", json={"k": 1}) as response,
        ):
            assert b"".join(response.stream) == EVENT
    head, body = seen[0]
    assert head.startswith(b"POST /feed?a=b%20c HTTP/1.1\r\n")
    assert b"Content-Length: 8" in head
    assert body == b'{"k": 1}'


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"X": "a\r\nEvil: yes"}),
        ("GET", {"X": "a\nb"}),
        ("GET", [(b"X\r\nY", b"a")]),
        ("GE T", {}),
        ("GET / HTTP/1.1\r\nX:", {}),
    ],
)
def test_what_would_break_the_message_is_refused_before_connecting(method, headers):
    with Server(answering()) as server:
        with pytest.raises(httpxr.LocalProtocolError):
            ask(server.url, method=method, headers=headers)
        assert server.connections == 0


def test_an_async_body_is_refused_with_a_hint():
    async def body():
        yield b"x"

    with pytest.raises(TypeError, match="sync iterator"):
        ask("http://127.0.0.1:1/", method="POST", content=body())


@pytest.mark.parametrize("url", ["ftp://host/", "/path", "ws://host/"])
def test_only_http_and_https_are_spoken(url):
    with pytest.raises(httpxr.UnsupportedProtocol, match="http:// or https://"):
        ask(url)


def test_a_url_without_host_is_refused():
    with pytest.raises(httpxr.InvalidURL, match="no host"):
        ask(httpxr.URL(scheme="http", path="/x"))


def test_an_ipv6_host_has_brackets():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine's loopback")
    seen = []

    def script(peer):
        seen.append(peer.request()[0])

    with Server(script, host="::1") as server:
        with pytest.raises(httpxr.RemoteProtocolError, match=r"\[::1\]:"):
            ask(server.url)
        assert b"Host: [::1]:%d" % server.port in seen[0]


# Whom it trusts


@pytest.mark.parametrize("how", ["context", "file", "directory", "path", "nobody"])
def test_a_certificate_is_verified_as_told(tmp_path, how):
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    context = ssl.create_default_context(cafile=str(file))
    if how == "directory":
        (name,) = subject_hashes(file)
        (tmp_path / f"{name}.0").write_bytes(file.read_bytes())
    verify = {
        "context": context,
        "file": str(file),
        "path": file,
        "directory": str(tmp_path),
        "nobody": False,
    }[how]
    transport = StreamingTransport(verify=verify)
    script = answering(CHUNKED + framed(EVENT) + LAST)
    with Server(script, context=tls_context()) as server:
        for _ in range(2):
            with asked(server.url, transport=transport) as response:
                assert list(response.stream) == [EVENT]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def subject_hashes(file):
    """OpenSSL's file name for a certificate, by asking OpenSSL."""
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(file)]
    try:
        output = subprocess.run(command, capture_output=True, check=True, text=True)
    except FileNotFoundError:
        pytest.skip("no openssl command to name a certificate's file")
    return output.stdout.split()


def test_a_certificate_file_that_is_missing_is_named(tmp_path):
    transport = StreamingTransport(verify=tmp_path / "none.pem")
    with pytest.raises(ValueError, match=r"none\.pem"):
        ask("https://127.0.0.1:1/", transport=transport)


# What requests share


def test_threads_share_a_transport():
    transport = StreamingTransport()
    results = []

    def read():
        with asked(server.url, transport=transport) as response:
            results.append(b"".join(response.stream))

    with Server(answering(CHUNKED + framed(EVENT) + LAST)) as server:
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert results == [EVENT] * 8
    assert server.connections == 8


def test_closing_the_transport_leaves_open_responses_open():
    with Server(answering(CHUNKED + framed(EVENT))) as server:
        transport = StreamingTransport()
        with asked(server.url, transport=transport) as response:
            transport.close()
            assert response.stream.read() == EVENT
