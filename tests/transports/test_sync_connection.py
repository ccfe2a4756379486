"""What goes wrong before a response, in the clear and over TLS."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from contextlib import suppress

import httpxr
import pytest

from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    OK,
    PATIENCE,
    Peer,
    Server,
    answering,
    ask,
    asked,
    black_hole,
    ending,
    framed,
    outcome,
    tls_context,
    trusting,
    unused_port,
)

# What goes wrong before


def test_a_platform_without_unix_domain_sockets_connects_all_the_same(monkeypatch):
    with Server(answering(CHUNKED, framed(EVENT))) as server:
        monkeypatch.delattr(socket, "AF_UNIX")
        with asked(server.url) as response:
            assert response.stream.read() == EVENT


def test_a_refused_connection_says_where():
    port = unused_port()
    with pytest.raises(httpxr.ConnectError, match=f"127.0.0.1:{port}") as caught:
        ask(f"http://user:secret@127.0.0.1:{port}/p?token=secret")
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_a_name_that_does_not_resolve_is_a_connect_error(monkeypatch):
    def unknown(*args, **keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpxr.ConnectError, match=r"nowhere\.invalid:80: .* not known"):
        ask("http://nowhere.invalid/")


def test_a_name_that_no_resolver_takes_is_a_connect_error():
    with pytest.raises(httpxr.ConnectError, match="name was not resolved"):
        ask("http://a..b/")


def test_a_name_without_address_is_a_connect_error(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **keywords: [])
    with pytest.raises(httpxr.ConnectError, match="no address"):
        ask("http://nowhere.invalid/")


def test_a_process_out_of_descriptors_is_told_so(monkeypatch):
    def exhausted(sock):
        raise OSError(errno.EMFILE, "Too many open files")

    with Server(answering()) as server:
        monkeypatch.setattr(socket.socket, "dup", exhausted)
        with pytest.raises(httpxr.ConnectError, match="Too many open files"):
            ask(server.url)


def test_a_connection_that_is_never_accepted_times_out():
    with (
        black_hole() as (host, port),
        pytest.raises(httpxr.ConnectTimeout, match=f"{host}:{port}") as caught,
    ):
        ask(f"http://{host}:{port}/", timeout={"connect": 0.1})
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_the_connect_timeout_covers_all_addresses_together(monkeypatch):
    with black_hole() as hole:
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", hole)] * 3
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **keywords: addresses)
        with pytest.raises(httpxr.ConnectTimeout):
            ask("http://several.invalid/", timeout={"connect": 0.15})
        with pytest.raises(httpxr.ConnectTimeout):
            ask("http://several.invalid/", timeout={"connect": 0})


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nA: b\r\n", b"SSH-2.0\r\n"]
)
def test_an_answer_that_is_no_response_is_a_protocol_error(answer):
    with (
        Server(answering(answer, then=ending)) as server,
        pytest.raises(httpxr.RemoteProtocolError, match=r"127\.0\.0\.1:\d+ "),
    ):
        ask(server.url)
    assert server.connections == 1


def test_a_reset_before_the_response_is_a_read_error():
    with (
        Server(answering(then=Peer.reset)) as server,
        pytest.raises(httpxr.ReadError) as caught,
    ):
        ask(server.url)
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_a_reset_while_sending_is_a_write_error():
    def script(peer):
        peer.received()
        peer.reset()

    with (
        Server(script) as server,
        pytest.raises(httpxr.WriteError) as caught,
    ):
        ask(server.url, method="POST", content=b"x" * 50_000_000)
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    "drip", [b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["field", "interim"]
)
def test_dripped_headers_do_not_extend_the_deadline(drip):
    stop = threading.Event()

    def dripping(peer):
        with suppress(OSError):
            while not stop.wait(0.01):
                peer.send(drip)

    first = b"" if drip.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    with Server(answering(first, then=dripping)) as server:
        with pytest.raises(httpxr.ReadTimeout):
            ask(server.url, timeout={"headers": 0.2})
        stop.set()


def test_a_request_that_is_not_taken_runs_into_the_same_deadline():
    gate = threading.Event()
    body = b"x" * 50_000_000
    with Server(lambda peer: gate.wait(PATIENCE)) as server:
        with pytest.raises(httpxr.ReadTimeout):
            ask(server.url, method="POST", content=body, timeout={"headers": 0.1})
        gate.set()


def test_no_timeouts_at_all_is_for_ever():
    timeout = {"connect": None, "headers": None, "read": None}
    data, error = outcome(answering(CHUNKED + framed(EVENT) + LAST), timeout=timeout)
    assert (data, error) == (EVENT, None)


# TLS


def test_an_unknown_certificate_is_rejected_with_its_reason():
    def script(peer):
        raise AssertionError

    with Server(script, context=tls_context()) as server:
        with pytest.raises(httpxr.ConnectError, match="certificate was rej") as caught:
            ask(server.url)
        assert server.closed.wait(PATIENCE)
        # The client's alert, or the reset that overtook it.
        assert isinstance(server.failures.pop(), OSError)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert "verify=" in str(caught.value)


def test_the_wrong_host_name_is_rejected(monkeypatch):
    def script(peer):
        raise AssertionError

    with Server(script, context=tls_context()) as server:
        address = (
            socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            ("127.0.0.1", server.port),
        )
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **keywords: [address])
        with pytest.raises(httpxr.ConnectError, match="certificate was rejected"):
            ask(f"https://other.invalid:{server.port}/", transport=trusting())
        assert server.closed.wait(PATIENCE)
        server.failures.clear()


def test_an_end_without_tls_s_own_is_a_cut():
    def script(peer):
        peer.request()
        peer.send(OK + b"\r\n" + EVENT)
        # Past TLS: the connection ends, the session does not.
        with socket.socket(fileno=os.dup(peer.sock.fileno())) as sock:
            sock.shutdown(socket.SHUT_WR)
        peer.sees_the_end()

    with (
        Server(script, context=tls_context()) as server,
        asked(server.url, transport=trusting()) as response,
    ):
        assert response.stream.read() == EVENT
        with pytest.raises(httpxr.RemoteProtocolError):
            response.stream.read()


def test_a_proper_end_of_tls_is_an_end():
    def script(peer):
        peer.request()
        peer.send(OK + b"\r\n" + EVENT)
        with suppress(OSError):
            peer.sock.unwrap()

    with (
        Server(script, context=tls_context()) as server,
        asked(server.url, transport=trusting()) as response,
    ):
        assert list(response.stream) == [EVENT]


def test_tls_broken_off_is_a_connect_error():
    with Server(Peer.reset) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(httpxr.ConnectError):
            ask(url, transport=trusting())


def test_a_handshake_that_never_ends_is_a_connect_timeout():
    with Server(Peer.sees_the_end) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(httpxr.ConnectTimeout):
            ask(url, transport=trusting(), timeout={"connect": 0.1})
