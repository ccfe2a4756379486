"""The scripted server: what it records, refuses, and leaves behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import tenacity

from reconnecting_sse import ReconnectPolicy
from reconnecting_sse.testing import (
    Answer,
    Close,
    Hang,
    Refuse,
    ScriptedServer,
)
from reconnecting_sse.testing import server as server_module
from reconnecting_sse.testing.listener import Listener
from tests.asking import LIMIT, address, answered, asking
from tests.connection_harness import FACES, data_of, new_source, reader_for

# ---------------------------------------------------------------- what was asked


def test_requests_are_recorded_as_they_came_in():
    with ScriptedServer([Answer()]) as server:
        before = time.monotonic()
        with asking(
            server, "POST", "/feed?a=1", body=b"q", headers={"X-Id": "é"}
        ) as response:
            assert response.read() == b""
        (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/feed?a=1")
    assert (request.body, request.listener) == (b"q", "main")
    assert ("x-id", "é") in request.headers
    assert request.header("X-ID") == "é"
    assert request.header("last-event-id") is None
    assert before <= request.at <= time.monotonic()
    assert not request.unexpected


def test_a_chunked_request_body_is_recorded_without_its_framing():
    with ScriptedServer([Answer()]) as server:
        answered(
            server,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=1\r\nabc\r\na\r\n0\r\n\r\n56789\r\n0\r\nTrailer: 1\r\n\r\n",
        )
        assert server.requests[0].body == b"abc0\r\n\r\n56789"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01 TLS to a plain server",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: cut off",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
        b"",
    ],
)
def test_what_is_not_a_request_is_neither_answered_nor_recorded(data):
    with ScriptedServer([Answer()]) as server:
        with socket.create_connection(address(server.url), LIMIT) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):  # closed with our bytes unread
                assert client.recv(100) == b""
        assert server.requests == []


def test_requests_can_be_waited_for():
    with ScriptedServer([Hang()]) as server:
        with socket.create_connection(address(server.url)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert server.wait_for_requests(1) == server.requests
        with pytest.raises(TimeoutError, match=r"1 of 2 requests came to http://127"):
            server.wait_for_requests(2, timeout=0.01)


def test_a_request_beyond_the_script_fails_the_test_with_the_request():
    def test():
        with ScriptedServer([Answer(status=204)]) as server:
            for last_event_id in ("6", "7"):
                headers = {"Last-Event-ID": last_event_id}
                with asking(server, target="/feed", headers=headers) as response:
                    assert response.status == 204
            expected, unexpected = server.requests
            assert (expected.unexpected, unexpected.unexpected) == (False, True)

    words = "GET /feed, with Last-Event-ID '7', came as request 2, and the script has"
    with pytest.raises(AssertionError, match=words):
        test()


POLICIES = {
    "default": {},
    "unexpected": {"policy": ReconnectPolicy(unexpected="retry")},
    "standard": {"policy": ReconnectPolicy.standard()},
    "always": {"retry": tenacity.retry_always, "wait": tenacity.wait_none()},
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("policy", POLICIES)
def test_it_ends_a_subscription_at_once_whatever_the_policy(face, policy):
    def test():
        with (
            ScriptedServer([Answer(body="retry: 100\nid: 1\ndata: a\n\n")]) as server,
            reader_for(face) as reader,
        ):
            source = new_source(face, server.url, **POLICIES[policy])
            assert data_of(reader.take(source)) == ["a"]

    with pytest.raises(AssertionError, match="GET /, with Last-Event-ID '1', came"):
        test()


def test_what_the_test_itself_raises_is_told_of_it():
    def test():
        with ScriptedServer() as server:
            with asking(server) as response:
                assert response.status == 204
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        test()
    (note,) = caught.value.__notes__
    assert "GET / came as request 1" in note


def test_there_are_two_origins_and_headers_can_name_them():
    there = [("Location", "{other}/b"), ("X-Back", "{origin}/{x}")]
    script = [Answer(status=307, headers=there), Answer(listener="other"), Answer()]
    with ScriptedServer(script) as server:
        with asking(server) as response:
            assert response.headers["Location"] == server.other_url + "/b"
            assert response.headers["X-Back"] == server.url + "/{x}"
        for _ in range(2):
            with asking(server, origin=server.other_url) as response:
                response.read()
        assert [r.listener for r in server.requests] == ["main", "other", "other"]
        assert [r.unexpected for r in server.requests] == [False, False, True]


def test_it_serves_on_either_loopback_and_nowhere_else():
    with ScriptedServer([Answer()], host="::1") as server, asking(server) as response:
        assert server.url.startswith("http://[::1]:")
        assert response.status == 200
    with pytest.raises(ValueError, match=r"serve on 127\.0\.0\.1 or ::1"):
        ScriptedServer(host="0.0.0.0").__enter__()


# ---------------------------------------------------------------- refusals


def test_connections_are_refused_from_the_end_of_the_step_before():
    script = [Answer(status=204), Refuse(0.1), Refuse(0.1), Answer(body="b")]
    with ScriptedServer(script) as server:
        with asking(server) as response:
            assert response.status == 204
        ended = time.monotonic()
        with pytest.raises(ConnectionRefusedError), asking(server):
            pass
        with asking_until_accepted(server) as response:
            assert response.read() == b"b"
        assert time.monotonic() - ended >= 0.15
        assert [r.unexpected for r in server.requests] == [False, False]


@contextmanager
def asking_until_accepted(server):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            socket.create_connection(address(server.url)).close()
            break
        except ConnectionRefusedError:
            threading.Event().wait(0.01)
    with asking(server) as response:
        yield response


def test_connections_are_refused_from_the_start():
    with ScriptedServer([Refuse(0.05), Answer(body="a")]) as server:
        with pytest.raises(ConnectionRefusedError), asking(server):
            pass
        with asking_until_accepted(server) as response:
            assert response.read() == b"a"


def test_the_block_can_be_left_while_connections_are_refused():
    with (
        ScriptedServer([Refuse(60)]) as server,
        pytest.raises(ConnectionRefusedError),
        asking(server),
    ):
        pass


def test_a_handler_can_have_connections_refused_too():
    with ScriptedServer(lambda request: Refuse(60)) as server:
        with pytest.raises(ConnectionResetError), asking(server):
            pass
        with pytest.raises(ConnectionRefusedError), asking(server):
            pass


# ---------------------------------------------------------------- handlers


def test_handlers_decide_when_the_request_is_there():
    def by_target(request):
        return Answer(body=request.target)

    with ScriptedServer([Answer(body="1"), by_target]) as server:
        for expected in (b"1", b"/b"):
            with asking(server, target="/b") as response:
                assert response.read() == expected
    with ScriptedServer(by_target) as server:
        for target in ("/c", "/d"):
            with asking(server, target=target) as response:
                assert response.read() == target.encode()
        assert not any(request.unexpected for request in server.requests)


def broken(request):
    raise ZeroDivisionError("in the handler")


def test_an_error_in_a_handler_surfaces_at_the_end_of_the_block():
    with pytest.raises(ZeroDivisionError, match="in the handler"):  # noqa: SIM117
        with ScriptedServer([broken]) as server:
            assert answered(server) == b""


def test_an_error_of_the_block_is_not_replaced_but_told_about_the_handlers():
    server = ScriptedServer([broken])

    def block():
        with server:
            answered(server)
            raise KeyError("in the block")

    with pytest.raises(KeyError) as caught:
        block()
    (error,) = server.errors
    assert caught.value.__notes__ == [f"The scripted server failed too: {error!r}"]


def test_a_handler_that_returns_no_step_is_an_error():
    with (
        pytest.raises(TypeError, match="None is not a step"),
        ScriptedServer(lambda request: None) as server,
    ):
        answered(server)


# ---------------------------------------------------------------- life cycle


def test_leaving_the_block_ends_what_still_waits():
    before = set(threading.enumerate())
    steps = [Hang(), Answer(body=[threading.Event()]), Answer(body=["a" * 50_000_000])]
    with ScriptedServer(steps) as server:
        url = server.url
        clients = [socket.create_connection(address(url)) for _ in range(4)]
        for sent, client in enumerate(clients[1:], start=1):
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            server.wait_for_requests(sent)
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(url))
    for client, request in zip(clients[1:], server.requests, strict=True):
        client.close()
        assert not request.closed_by_client.is_set()
    clients[0].close()


def test_a_handler_that_does_not_return_is_an_error(monkeypatch):
    monkeypatch.setattr(server_module, "JOIN_TIMEOUT", 0.01)
    returned, running = threading.Event(), []

    def stuck(request):
        running.append(threading.current_thread())
        returned.wait(LIMIT)
        return Close()

    server = ScriptedServer([stuck])
    with socket.socket() as client, suppress(RuntimeError), server:
        client.connect(address(server.url))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.wait_for_requests(1)
    assert str(server.errors) == "[RuntimeError('a handler is still running')]"
    returned.set()
    for thread in running:
        thread.join(LIMIT)


def test_a_listener_that_is_closed_stays_closed():
    listener = Listener("127.0.0.1", socket.socket.close)
    listener.open()
    listener.open()
    listener.close()
    for again in (listener.refuse, listener.open, listener.close):
        again()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", listener.port))


def test_it_compares_no_bytes_with_text():
    program = (
        "from reconnecting_sse.testing import Answer, ScriptedServer\n"
        "from urllib.request import urlopen\n"
        "answer = Answer(body=['data: a', b'data', b'', ''])\n"
        "with ScriptedServer([answer]) as server:\n"
        "    print(urlopen(server.url).read().count(b'data'))\n"
    )
    command = [sys.executable, "-bb", "-W", "error", "-c", program]
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert (ran.stdout, ran.stderr) == ("2\n", "")
