"""The scripted server with TLS."""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
import threading
import traceback
from contextlib import closing

import pytest
import trustme

from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from reconnecting_sse.testing.connection import Connection, ServerStoppedError
from reconnecting_sse.testing.tls import wrapped
from tests.asking import LIMIT, address, asking


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_context(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_is_served_with_the_context_given(server_context, client_context):
    gate = threading.Event()
    script = [Answer(body=["a", gate, "b"]), Answer(end="hang")]
    with ScriptedServer(script, ssl_context=server_context) as server:
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", server.url)
        with asking(server, context=client_context) as response:
            assert response.read1() == b"a"
            gate.set()
            assert response.read() == b"b"
        with asking(server, context=client_context):
            pass
        assert server.requests[1].closed_by_client.wait(LIMIT)


@pytest.mark.parametrize(("end", "is_complete"), [("finish", True), ("cut", False)])
def test_only_a_finished_tls_stream_says_that_it_is_complete(
    server_context, client_context, end, is_complete
):
    script = [Answer(body="a", framing="close", end=end)]
    with (
        ScriptedServer(script, ssl_context=server_context) as server,
        socket.create_connection(address(server.url), LIMIT) as plain,
        client_context.wrap_socket(
            plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False
        ) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = client.recv(4096)
        while not received.endswith(b"\r\n\r\na"):
            received += client.recv(4096)
        if is_complete:
            assert client.recv(100) == b""
        else:
            with pytest.raises(ssl.SSLEOFError):
                client.recv(100)


def test_a_handshake_that_fails_is_not_a_request(server_context):
    with ScriptedServer(ssl_context=server_context) as server:
        stranger = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):  # noqa: SIM117
            with asking(server, context=stranger):
                pass
        assert server.requests == []


def test_a_server_that_stops_begins_no_handshake(server_context):
    stopping = threading.Event()
    stopping.set()
    near, far = socket.socketpair()
    with (
        far,
        closing(Connection(near, stopping)) as connection,
        pytest.raises(ServerStoppedError),
    ):
        connection.read_request("main", server_context)


def test_a_reset_before_tls_begins_leaves_no_socket_open(server_context):
    """Python 3.11 and 3.12 leave theirs to the garbage collector, which warns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        reset = select.poll()
        reset.register(accepted, 0)
        assert reset.poll(LIMIT * 1000)
        with pytest.raises(OSError, match="reset") as caught:
            wrapped(server_context, accepted)
    frames = traceback.walk_tb(caught.value.__traceback__)
    made = [frame.f_locals.get("self") for frame, _ in frames]
    sockets = [each for each in made if isinstance(each, ssl.SSLSocket)]
    assert {sock.fileno() for sock in sockets} <= {-1}
