"""Who the wires say they are, and the sockets they go through, on both."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from functools import cache

import httpxr
import pytest
from cryptography.hazmat.primitives import serialization

from reconnecting_sse.transports.abort import AbortSignal
from reconnecting_sse.transports.drivers.release import Release, _Twin
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Trust
from tests.forking import forked
from tests.proxies import HTTPProxy
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    PATIENCE,
    Server,
    answering,
    authority,
    framed,
    tls_context,
)
from tests.wires import WIRES, request_for


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


ANSWER = answering(CHUNKED + framed(EVENT) + LAST)

# Client certificates


@cache
def client_certificate():
    return authority().issue_cert("subscriber@example.test")


@pytest.fixture
def files(tmp_path):
    """The client's certificate in every form, and the authority's."""
    issued = client_certificate()
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    key = issued.private_key_pem.bytes()
    loaded = serialization.load_pem_private_key(key, None)
    encrypted = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hush"),
    )
    contents = {"both": key + chain, "chain": chain, "key": key, "encrypted": encrypted}
    for name, content in contents.items():
        (tmp_path / f"{name}.pem").write_bytes(content)
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path


def demanding():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


FORMS = {
    "one file": lambda files: files / "both.pem",
    "its name": lambda files: str(files / "both.pem"),
    "two files": lambda files: (files / "chain.pem", str(files / "key.pem")),
    "encrypted": lambda files: (files / "chain.pem", files / "encrypted.pem", "hush"),
    "bytes": lambda files: (files / "chain.pem", files / "encrypted.pem", b"hush"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_client_certificate_in_any_form_is_shown_to_the_origin(wire, files, form):
    names = []

    def script(peer):
        names.append(peer.sock.getpeercert()["subjectAltName"])
        ANSWER(peer)

    cert = FORMS[form](files)
    transport = wire.transport(verify=files / "ca.pem", cert=cert)
    with Server(script, context=demanding()) as server:
        for _ in range(2):
            assert wire.fetch(server.url, transport)[1] == EVENT
    assert names == [(("email", "subscriber@example.test"),)] * 2


def test_a_client_certificate_is_shown_through_a_proxy_but_not_to_it(wire, files):
    names = []
    wanting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(wanting)
    authority().configure_trust(wanting)
    wanting.verify_mode = ssl.CERT_OPTIONAL

    class Wanting(HTTPProxy):
        def carry(self, peer):
            names.append(peer.sock.getpeercert())
            super().carry(peer)

    def script(peer):
        names.append(peer.sock.getpeercert()["subjectAltName"])
        ANSWER(peer)

    with (
        Wanting(context=wanting) as proxy,
        Server(script, context=demanding()) as server,
    ):
        transport = wire.transport(
            verify=files / "ca.pem", cert=files / "both.pem", proxy=proxy.address()
        )
        for _ in range(2):
            assert wire.fetch(server.url, transport)[1] == EVENT
    assert names == [None, (("email", "subscriber@example.test"),)] * 2


def test_a_server_that_wants_a_certificate_gets_none_without_cert(wire, files):
    transport = wire.transport(verify=files / "ca.pem")
    with Server(ANSWER, context=demanding()) as server:
        with pytest.raises(httpxr.TransportError):
            wire.fetch(server.url, transport)
        assert server.closed.wait(PATIENCE)
        server.failures.clear()


WRONG = {
    "missing": (lambda files: files / "none.pem", r"none\.pem"),
    "no certificate": (lambda files: files / "key.pem", r"key\.pem"),
    "no key": (lambda files: files / "chain.pem", r"chain\.pem"),
    "no password": (
        lambda files: (files / "chain.pem", files / "encrypted.pem"),
        "password",
    ),
    "wrong password": (
        lambda files: (files / "chain.pem", files / "encrypted.pem", "wrong-hush"),
        r"encrypted\.pem",
    ),
    "long password": (
        lambda files: (files / "chain.pem", files / "encrypted.pem", "hush" * 999),
        r"encrypted\.pem",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_certificate_that_cannot_be_loaded_is_named_and_nothing_asked(
    wire, files, case
):
    make, words = WRONG[case]
    transport = wire.transport(cert=make(files))
    with pytest.raises(ValueError, match=words) as caught:
        wire.fetch("https://127.0.0.1:1/", transport)
    assert "hush" not in str(caught.value)


AT_A_TERMINAL = """
    import os, pty, sys

    child, terminal = pty.fork()
    if not child:
        import httpxr
        from reconnecting_sse import StreamingTransport

        transport = StreamingTransport(cert=(sys.argv[1], sys.argv[2]))
        try:
            transport.handle_request(httpxr.Request("GET", "https://127.0.0.1:1/"))
        except ValueError:
            os._exit(0)
    shown = b""
    try:
        while b"phrase" not in shown and (data := os.read(terminal, 1024)):
            shown += data
    except OSError:  # Linux's way to say that the child has ended
        pass
    os.close(terminal)  # hangs up on a child that still asks
    sys.exit(os.waitpid(child, 0)[1] or shown.decode() or 0)
"""


def test_nobody_is_asked_for_a_password_at_the_terminal(files):
    command = [sys.executable, "-c", textwrap.dedent(AT_A_TERMINAL)]
    command += [files / "chain.pem", files / "encrypted.pem"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_certificate_beside_a_context_is_refused(wire):
    with pytest.raises(ValueError, match="load_cert_chain"):
        wire.transport(verify=ssl.create_default_context(), cert="client.pem")


def test_no_file_is_read_before_it_is_needed(wire):
    transport = wire.transport(verify="none.pem", cert="none.pem")
    with Server(ANSWER) as server:
        assert wire.fetch(server.url, transport)[1] == EVENT


# Unix-domain sockets


class UnixServer(Server):
    """As any server, at a path."""

    def __init__(self, script, path, *, context=None):
        super().__init__(script, context=context)
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(path))
        self.unix.listen()
        acceptor = threading.Thread(target=self.accept_here)
        self.threads.append(acceptor)
        acceptor.start()

    def accept_here(self):
        tcp, self.listener = self.listener, self.unix
        self.accept()
        self.listener = tcp

    def __exit__(self, *failure):
        with self.unix:
            self.unix.shutdown(socket.SHUT_RDWR)
            self.threads[1].join(PATIENCE)
            super().__exit__(*failure)


def test_the_systems_authorities_are_read_once_for_all_transports(
    wire, tmp_path, monkeypatch
):
    """Reading them takes longer than most handshakes."""
    loaded, load = [], ssl.create_default_context

    def count(*args, **options):
        loaded.append(args)
        return load(*args, **options)

    bundle = tmp_path / "authorities.pem"
    authority().cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))  # another path: not read before
    monkeypatch.setattr(ssl, "create_default_context", count)
    for _ in range(2):
        with Server(ANSWER, context=tls_context()) as server:
            url = server.url.replace("http:", "https:")
            assert wire.fetch(url, wire.transport())[1] == EVENT
    assert len(loaded) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_unix_socket_is_connected_to_whatever_the_host(wire, tmp_path, scheme):
    heads = []

    def script(peer):
        heads.append(peer.request()[0])
        peer.send(CHUNKED + framed(EVENT) + LAST)

    trusted = ssl.create_default_context()
    authority().configure_trust(trusted)
    context = tls_context() if scheme == "https" else None
    path = tmp_path / "sock"
    with UnixServer(script, path, context=context):
        transport = wire.transport(verify=trusted, uds=path)
        assert wire.fetch(f"{scheme}://localhost/feed", transport)[1] == EVENT
        transport = wire.transport(verify=trusted, uds=str(path))
        assert wire.fetch(f"{scheme}://localhost:9/feed", transport)[1] == EVENT
    assert b"Host: localhost\r\n" in heads[0]
    assert b"Host: localhost:9\r\n" in heads[1]


def test_a_unix_socket_that_is_not_there_is_named(wire, tmp_path):
    path = tmp_path / "sock"
    with pytest.raises(httpxr.ConnectError, match=f"at the socket {path}"):
        wire.fetch("http://localhost/", wire.transport(uds=path))


def test_a_unix_socket_whose_queue_is_full_is_not_taken_for_connected(wire, tmp_path):
    path = str(tmp_path / "sock")
    waiting = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        try:
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(path)
        except BlockingIOError:
            with pytest.raises(httpxr.ConnectError, match="at the socket"):
                wire.fetch("http://localhost/", wire.transport(uds=path))
        finally:
            for sock in waiting:
                sock.close()


def test_a_proxy_and_a_socket_are_one_too_many(wire):
    with pytest.raises(ValueError, match="not both"):
        wire.transport(uds="sock", proxy="http://127.0.0.1:1")


# What is left of a socket's second descriptor


def test_a_process_out_of_descriptors_leaves_no_noise(monkeypatch):
    def exhausted(sock):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket.socket, "dup", exhausted)
    with socket.socket() as sock, pytest.raises(OSError, match="Too many"):
        Release().hold(sock)
    gc.collect()


def test_a_twin_that_was_interrupted_while_it_was_made_leaves_no_noise():
    twin = _Twin.__new__(_Twin)
    del twin
    gc.collect()


# Forks


@contextmanager
def gated(context=None):
    """A server that sends an event, and the next one when told to."""
    gate = threading.Event()

    def script(peer):
        peer.request()
        peer.send(CHUNKED + framed(EVENT))
        assert gate.wait(PATIENCE)
        peer.send(framed(EVENT))
        peer.sees_the_end()

    with Server(script, context=context) as server:
        try:
            yield server, gate
        finally:
            gate.set()


def test_a_forked_child_need_not_collect_what_other_tests_left():
    left = [httpxr.Client()]
    left.append(left)
    del left
    forked(gc.collect)


APART = ("close", "abort", "collect")
WAYS = ["all", *(pytest.param(way, marks=pytest.mark.endurance) for way in APART)]


def leave(way, held, signal):
    """What a child may do with what it inherited; ``held`` has the only reference."""
    if way in ("close", "all"):
        held[0].stream.close()
        held[0].stream.close()
    if way in ("abort", "all"):
        signal.abort()
    if way in ("collect", "all"):
        held.clear()
        gc.collect()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", WAYS)
def test_a_forked_child_leaves_its_parent_s_blocking_stream_alone(way, scheme):
    signal = AbortSignal()
    context = tls_context() if scheme == "https" else None
    with gated(context) as (server, gate):
        transport = WIRES["sync"].transport(verify=trusted())
        request = request_for(server.url, signal=signal)
        held = [transport.handle_request(request)]
        assert held[0].stream.read() == EVENT
        forked(lambda: leave(way, held, signal))
        gate.set()
        assert held[0].stream.read() == EVENT
        held[0].stream.close()


def trusted():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", WAYS)
def test_a_forked_child_leaves_its_parent_s_asyncio_stream_alone(way, scheme):
    signal = AbortSignal()
    context = tls_context() if scheme == "https" else None

    def child(held):
        descriptor = descriptor_of(held[0])
        leave(way, held, signal)
        if way != "abort":
            # Let go of for good: the child holds the connection open no longer.
            with pytest.raises(OSError, match="descriptor"):
                os.fstat(descriptor)

    async def read():
        transport = WIRES["async"].transport(verify=trusted())
        request = request_for(server.url, signal=signal)
        held = [await transport.handle_async_request(request)]
        assert await held[0].stream.read() == EVENT
        forked(lambda: child(held))
        gate.set()
        assert await held[0].stream.read() == EVENT
        await held[0].stream.aclose()

    with gated(context) as (server, gate):
        asyncio.run(read())


def descriptor_of(response):
    return response.stream._wire._descriptor


def test_a_forked_child_may_close_it_from_a_loop_of_its_own():
    def child(body):
        asyncio.run(body.aclose())

    async def opened():
        request = request_for(server.url)
        response = await WIRES["async"].transport().handle_async_request(request)
        assert await response.stream.read() == EVENT
        return response

    with gated() as (server, gate), asyncio.Runner() as runner:
        response = runner.run(opened())
        forked(lambda: child(response.stream))
        gate.set()
        assert runner.run(response.stream.read()) == EVENT
        runner.run(response.stream.aclose())


def test_a_certificate_that_no_descriptor_was_left_for_is_asked_for_again(monkeypatch):
    def exhausted(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", exhausted)
    trust = Trust(True, "certificate.pem")
    with pytest.raises(httpxr.ConnectError, match="Too many"):
        trust.contexts(Route("https", "feed.test", 443))
