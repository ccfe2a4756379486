"""The blocking wire lets go: from any thread or signal handler, and completely."""

from __future__ import annotations

import gc
import pkgutil
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import httpxr
import pytest

from reconnecting_sse.transports.abort import AbortSignal
from tests.forking import forked
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    OK,
    PATIENCE,
    STOP_WITHIN,
    Peer,
    Server,
    answering,
    ask,
    asked,
    black_hole,
    ending,
    framed,
    tls_context,
    trusting,
    unused_port,
)

# Stopping


class Asking(threading.Thread):
    """Asks, reads until the end, and keeps what came of it."""

    def __init__(self, url, **keywords):
        super().__init__()
        self.signal = AbortSignal()
        self.url, self.keywords = url, keywords
        self.first, self.error = threading.Event(), None
        self.start()

    def run(self):
        timeout = {"connect": None, "headers": None, "read": None}
        try:
            response = ask(
                self.url, signal=self.signal, timeout=timeout, **self.keywords
            )
            for _ in response.stream:
                self.first.set()
        except httpxr.TransportError as error:
            self.error = error

    def stop(self):
        # Long enough to be blocked, whichever step comes next.
        self.join(0.05)
        assert self.is_alive()
        self.signal.abort()
        self.signal.abort()
        self.join(STOP_WITHIN)
        assert not self.is_alive()
        assert "closed by this program" in str(self.error)
        return self.error


def test_an_abort_frees_a_connect():
    with black_hole() as (host, port):
        asking = Asking(f"http://{host}:{port}/")
        assert isinstance(asking.stop(), httpxr.ConnectError)


def test_an_abort_frees_a_tls_handshake():
    with Server(Peer.sees_the_end) as server:
        url = server.url.replace("http:", "https:")
        asking = Asking(url, transport=trusting())
        assert server.accepted.wait(PATIENCE)
        assert isinstance(asking.stop(), httpxr.ConnectError)
        assert server.closed.wait(STOP_WITHIN)


@pytest.fixture(params=["http", "https"])
def place(request):
    """Keywords for the server and for the request, in the clear and over TLS."""
    if request.param == "http":
        return {}, {}
    return {"context": tls_context()}, {"transport": trusting()}


def test_an_abort_frees_a_wait_for_the_head(place):
    waiting = threading.Event()

    def script(peer):
        peer.request()
        waiting.set()
        peer.sees_the_end()

    with Server(script, **place[0]) as server:
        asking = Asking(server.url, **place[1])
        assert waiting.wait(PATIENCE)
        assert isinstance(asking.stop(), httpxr.ReadError)
        assert server.closed.wait(STOP_WITHIN)


def test_an_abort_frees_a_send(place):
    gate = threading.Event()
    with Server(lambda peer: gate.wait(PATIENCE), **place[0]) as server:
        asking = Asking(
            server.url, method="POST", content=b"x" * 50_000_000, **place[1]
        )
        assert server.accepted.wait(PATIENCE)
        assert isinstance(asking.stop(), httpxr.ReadError)
        gate.set()


@pytest.mark.parametrize("head", [CHUNKED, OK + b"\r\n"])
def test_an_abort_frees_a_read_and_never_looks_like_an_end(place, head):
    body = framed(EVENT) if head is CHUNKED else EVENT
    with Server(answering(head + body), **place[0]) as server:
        asking = Asking(server.url, **place[1])
        assert asking.first.wait(PATIENCE)
        assert isinstance(asking.stop(), httpxr.ReadError)
        assert server.closed.wait(STOP_WITHIN)


def test_after_an_abort_nothing_is_connected():
    signal = AbortSignal()
    signal.abort()
    with Server(answering()) as server:
        with pytest.raises(httpxr.ConnectError, match="closed by this program"):
            ask(server.url, signal=signal)
        assert server.connections == 0


@pytest.mark.parametrize("moment", ["socket", "connected", "answered"])
def test_an_abort_at_any_moment_is_not_lost(monkeypatch, moment):
    signal = AbortSignal()

    def then_abort(function):
        def wrapped(*args, **keywords):
            result = function(*args, **keywords)
            signal.abort()
            return result

        return wrapped

    with Server(answering(CHUNKED)) as server:
        module = "reconnecting_sse.transports."
        names = {
            "socket": "drivers.release.Release.hold",
            "connected": "drivers.dialing.Dialing.connected",
            "answered": "conversation.payload_of",
        }
        name = module + names[moment]
        monkeypatch.setattr(name, then_abort(pkgutil.resolve_name(name)))
        with pytest.raises(httpxr.TransportError, match="closed by this program"):
            ask(server.url, signal=signal)


def test_close_frees_a_read_in_another_thread():
    with Server(answering(CHUNKED + framed(EVENT))) as server:
        response = ask(server.url, timeout={"read": None})
        errors = []

        def read():
            try:
                list(response.stream)
            except httpxr.ReadError as error:
                errors.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(0.05)
        response.stream.close()
        thread.join(STOP_WITHIN)
        assert not thread.is_alive()
        assert len(errors) == 1
        assert server.closed.wait(STOP_WITHIN)


def test_close_is_idempotent_and_later_reads_are_errors():
    with Server(answering(CHUNKED + framed(EVENT))) as server:
        response = ask(server.url)
        response.stream.close()
        response.stream.close()
        assert server.closed.wait(PATIENCE)
        with pytest.raises(httpxr.ReadError, match="closed"):
            response.stream.read()


class Interruption(Exception):
    """Raised by a signal handler."""


@contextmanager
def interrupted(handler):
    """Calls ``handler`` from a signal, as soon as a read waits for the socket."""

    def on_alarm(number, frame):
        if frame.f_code.co_name in ("receive", "select"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            handler()

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# A connection may end with a ValueError for a name; what is open never does.
strangers = pytest.mark.parametrize("stranger", [Interruption, ValueError, KeyError])


@strangers
def test_an_exception_from_a_signal_handler_ends_the_body_for_good(stranger):
    def interrupt():
        raise stranger

    with Server(answering(CHUNKED + framed(EVENT))) as server:
        response = ask(server.url, timeout={"read": None})
        assert response.stream.read() == EVENT
        with interrupted(interrupt), pytest.raises(stranger):
            response.stream.read()
        assert server.closed.wait(PATIENCE)
        with pytest.raises(httpxr.ReadError):
            response.stream.read()


@strangers
def test_an_exception_from_a_signal_handler_frees_a_wait_for_the_head(stranger):
    def interrupt():
        raise stranger

    with Server(answering()) as server:
        with interrupted(interrupt), pytest.raises(stranger):
            ask(server.url)
        assert server.closed.wait(PATIENCE)


@pytest.mark.parametrize("head", [CHUNKED, OK + b"\r\n"])
@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_signal_handler_may_end_the_read_that_it_interrupts(how, head):
    abort = AbortSignal()
    body = framed(EVENT) if head is CHUNKED else EVENT
    with Server(answering(head + body)) as server:
        response = ask(server.url, signal=abort, timeout={"read": None})
        assert response.stream.read() == EVENT
        stop = {"abort": abort.abort, "close": response.stream.close}[how]
        with (
            interrupted(stop),
            pytest.raises(httpxr.ReadError, match="closed by this program"),
        ):
            response.stream.read()
        assert server.closed.wait(PATIENCE)


# What is left behind


def descriptors():
    gc.collect()
    try:
        return len(list(Path("/dev/fd").iterdir()))
    except FileNotFoundError:
        pytest.skip("no /dev/fd to count descriptors with")


def test_nothing_is_left_of_200_responses_however_they_end():
    def script(peer):
        peer.request()
        peer.send(CHUNKED + framed(EVENT) + LAST)
        peer.sees_the_end()

    with Server(script) as server:
        before = descriptors()
        threads = threading.active_count()
        for number in range(200):
            signal = AbortSignal()
            response = ask(server.url, signal=signal)
            if number % 4 == 0:
                response.stream.close()
            elif number % 4 == 1:
                assert list(response.stream) == [EVENT]
            elif number % 4 == 2:
                signal.abort()
            del response
            signal.abort()
        for thread in server.threads[1:]:
            thread.join(PATIENCE)
        assert descriptors() == before
        assert threading.active_count() == threads
        assert server.connections == 200


def test_failures_leave_nothing_behind():
    port = unused_port()
    with Server(answering(b"SSH-2.0\r\n", then=ending)) as server:
        before = descriptors()
        for url in [f"http://127.0.0.1:{port}/", server.url] * 5:
            with pytest.raises(httpxr.TransportError):
                ask(url)
        for thread in server.threads[1:]:
            thread.join(PATIENCE)
        assert descriptors() == before


def test_a_dropped_response_frees_its_connection_even_from_a_cycle():
    with Server(answering(CHUNKED)) as server:
        holder = [ask(server.url)]
        holder.append(holder)
        del holder
        gc.collect()
        assert server.closed.wait(PATIENCE)


def test_a_late_abort_or_close_of_one_response_leaves_the_next_alone():
    gate = threading.Event()

    def script(peer):
        peer.request()
        peer.send(CHUNKED + framed(EVENT))
        assert gate.wait(PATIENCE)
        peer.send(LAST)

    with Server(script) as server:
        signal = AbortSignal()
        first = ask(server.url, signal=signal)
        first.stream.close()
        with asked(server.url) as second:
            assert second.stream.read() == EVENT
            signal.abort()
            first.stream.close()
            del first
            gc.collect()
            gate.set()
            assert second.stream.read() == b""


def test_a_forked_child_does_not_end_its_parents_response():
    gate = threading.Event()

    def script(peer):
        peer.request()
        peer.send(CHUNKED + framed(EVENT))
        assert gate.wait(PATIENCE)
        peer.send(framed(EVENT))
        peer.sees_the_end()

    with Server(script) as server, asked(server.url) as response:
        assert response.stream.read() == EVENT
        forked(response.stream.close)
        gate.set()
        assert response.stream.read() == EVENT
