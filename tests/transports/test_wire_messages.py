"""What a failure is called: the same class and the same words on both faces."""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
import socket
import ssl
import threading

import httpxr
import pytest

from reconnecting_sse.transports.timeouts import Timeouts
from reconnecting_sse.transports.troubles import reason
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Contexts
from reconnecting_sse.transports.ways.way import Way
from reconnecting_sse.transports.wire_errors import Stage, WireErrors
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    OK,
    PATIENCE,
    Peer,
    Server,
    answering,
    authority,
    black_hole,
    ending,
    framed,
    tls_context,
    trusting_context,
    unused_port,
)
from tests.wires import WIRES

REFUSED = (
    "could not connect to HOST: Connection refused;"
    " is the address right, and a server listening there?"
)
CONNECT_TIMEOUT = (
    "HOST could not be connected to within 0.1 s;"
    " is it reachable from here, or does it need longer?"
)
TLS = "HOST: TLS failed (…); does it speak TLS on this port?"
TLS_TIMEOUT = (
    "HOST is connected, but its TLS handshake was not done within 0.1 s;"
    " does it speak TLS on this port?"
)
REJECTED = "HOST: its certificate was rejected (…); "
TRUST_IT = REJECTED + "trust its authority with verify=, or correct the host name"
RENEW_IT = REJECTED + "it has to be renewed there, unless the clock here is wrong"
RESET = (
    "HOST broke off the connection instead of answering (…);"
    " is the server, or a proxy before it, restarting?"
)
REQUEST = (
    "HOST broke off the connection while the request was sent (…);"
    " does it accept a request of this size?"
)
SILENCE = "HOST sent nothing for 0.1 s; does it send comments more often than that?"
HELD_BACK = (
    "HOST sent nothing for 0.1 s of a KIND stream:"
    " a server that compresses without flushing holds events back;"
    " ask for Accept-Encoding: identity, or have it flush"
)
NOT_HTTP = (
    "HOST did not answer as HTTP/1.1 should (…);"
    " is it an HTTP server, and are its headers of a reasonable size?"
)
UNANSWERED = (
    "HOST closed the connection without a complete response;"
    " is the server, or a proxy before it, restarting?"
)
TLS_ANSWER = "HOST answered in TLS, not in HTTP; does it want https?"
HEADERS_TIMEOUT = (
    "HOST sent no complete response headers within 0.1 s;"
    " does it answer before its first event?"
)
HEADERS_HELD_BACK = (
    f"{HEADERS_TIMEOUT} A server that compresses without flushing holds even these"
    " back: ask for Accept-Encoding: identity"
)
FRAMING = (
    "HOST ended the body before its end, or broke its framing; connect again to go on"
)
CODING = (
    "HOST sent a body that does not decode as Content-Encoding says (…);"
    " is it compressed twice, or cut?"
)
LOSS = "HOST: the connection was lost within the body (…); connect again to go on"
BROKEN_OFF = (
    "HOST broke off the connection as soon as it was open;"
    " does it speak TLS on this port, or is it restarting?"
)

TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
TLS_HANDSHAKE = b"\x16\x03\x01\n\x00\x02\x02\x46"
CODED = OK + b"Content-Encoding: gzip\r\n\r\n"


@pytest.fixture(params=WIRES)
def wire(request):
    return WIRES[request.param]


def failure(wire, url, *, verify=True, **keywords):
    """The error's class, and its words with no address and no details."""
    with pytest.raises(httpxr.TransportError) as caught:
        wire.fetch(url, wire.transport(verify=verify), **keywords)
    assert caught.value.__cause__ is not None
    told = re.sub(r"\(.*\)", "(…)", str(caught.value))
    return type(caught.value), re.sub(r"127\.0\.0\.1:\d+", "HOST", told)


def failure_of(script, wire, *, tls=False, context=None, **keywords):
    with Server(script, context=context) as server:
        url = server.url.replace("http:", "https:") if tls else server.url
        told = failure(wire, url, **keywords)
        assert server.closed.wait(PATIENCE)
        # The client's alert, or the reset that overtook it.
        server.failures.clear()
    return told


# On the way to a connection


def test_a_refused_connection(wire):
    assert failure(wire, f"http://127.0.0.1:{unused_port()}/") == (
        httpxr.ConnectError,
        REFUSED,
    )


def test_a_name_that_is_not_known(wire, monkeypatch):
    def unknown(*args, **keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpxr.ConnectError) as caught:
        wire.fetch("http://nowhere.invalid/", wire.transport())
    assert str(caught.value) == (
        "nowhere.invalid:80: its name was not resolved (Name or service not known);"
        " is the name right?"
    )


def test_a_name_that_no_resolver_takes(wire):
    kind, told = failure(wire, f"http://{'a' * 70}.invalid/")
    assert kind is httpxr.ConnectError
    assert told.endswith(
        ".invalid:80: its name was not resolved (…); is the name right?"
    )


def test_an_address_that_does_not_answer(wire):
    with black_hole() as (host, port):
        url = f"http://{host}:{port}/"
        assert failure(wire, url, timeout={"connect": 0.1}) == (
            httpxr.ConnectTimeout,
            CONNECT_TIMEOUT,
        )


def test_https_from_a_server_that_speaks_http(wire):
    def script(peer):
        peer.received()
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.sees_the_end()

    assert failure_of(script, wire, tls=True) == (httpxr.ConnectError, TLS)


def test_tls_that_is_broken_off(wire):
    def resetting(peer):
        peer.received()
        peer.reset()

    def leaving(peer):
        peer.received()

    told = httpxr.ConnectError, BROKEN_OFF
    assert failure_of(resetting, wire, tls=True) == told
    assert failure_of(leaving, wire, tls=True) == told


def half_a_hello(peer):
    peer.received()
    peer.send(b"\x16\x03\x03\x00\x7a\x02")
    peer.sees_the_end()


@pytest.mark.parametrize("script", [Peer.sees_the_end, half_a_hello])
def test_a_tls_hello_that_is_never_answered(wire, script):
    told = failure_of(script, wire, tls=True, timeout={"connect": 0.1})
    assert told == (httpxr.ConnectTimeout, TLS_TIMEOUT)


def test_a_name_that_is_resolved_too_late(wire, monkeypatch):
    def slow(*args, flags=0, **keywords):
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name, no address")
        threading.Event().wait(0.3)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(httpxr.ConnectTimeout) as caught:
        wire.fetch("http://slow.invalid/", wire.transport(), timeout={"connect": 0.1})
    assert str(caught.value) == (
        "slow.invalid:80: its name was not resolved within 0.1 s;"
        " does the resolver of this machine answer?"
    )


def test_a_certificate_of_an_unknown_authority(wire):
    assert failure_of(lambda peer: None, wire, context=tls_context()) == (
        httpxr.ConnectError,
        TRUST_IT,
    )


YEAR = dt.timedelta(days=365)


@pytest.mark.parametrize(
    ("name", "life", "words"),
    [
        ("127.0.0.1", (-2 * YEAR, -YEAR), RENEW_IT),
        ("127.0.0.1", (YEAR, 2 * YEAR), RENEW_IT),
        ("localhost", (-YEAR, YEAR), REJECTED + "correct the host name"),
    ],
    ids=["expired", "not yet valid", "another name"],
)
def test_a_certificate_is_to_be_trusted_only_if_that_is_what_it_lacks(
    wire, name, life, words
):
    now = dt.datetime.now(dt.UTC)
    before, after = (now + span for span in life)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name, not_before=before, not_after=after).configure_cert(
        context
    )
    verify = trusting_context()
    told = failure_of(lambda peer: None, wire, context=context, verify=verify)
    assert told == (httpxr.ConnectError, words)


def test_a_certificate_with_another_flaw_is_not_to_be_trusted_either():
    revoked = ssl.SSLCertVerificationError(1, "certificate verify failed")
    assert str(mapped(revoked, Stage.CONNECTING)).endswith("; it needs another one")


# From there to the end of the response's headers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", UNANSWERED),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", UNANSWERED),
        (b"SSH-2.0\r\n", NOT_HTTP),
        (OK + b"X: y\r\n" * 20_000 + b"\r\n", NOT_HTTP),
        (TLS_ALERT, TLS_ANSWER),
        (TLS_HANDSHAKE, TLS_ANSWER),
    ],
    ids=["nothing", "half a head", "SSH", "a huge head", "an alert", "a handshake"],
)
def test_an_answer_that_is_no_response(wire, answer, words):
    told = failure_of(answering(answer, then=ending), wire)
    assert told == (httpxr.RemoteProtocolError, words)


def test_the_answer_is_not_quoted(wire):
    with (
        Server(answering(b"220 secret\r\n", then=ending)) as server,
        pytest.raises(httpxr.RemoteProtocolError, match="no status line") as caught,
    ):
        wire.fetch(server.url, wire.transport())
    assert "secret" not in str(caught.value)


def test_no_headers_in_time(wire):
    own = {"Accept-Encoding": "identity;q=1, none"}
    told = failure_of(answering(), wire, timeout={"headers": 0.1}, headers=own)
    assert told == (httpxr.ReadTimeout, HEADERS_TIMEOUT)


@pytest.mark.parametrize("own", [{}, {"accept-ENCODING": "gzip;q=0.5"}])
def test_no_headers_in_time_of_what_may_be_compressed(wire, own):
    told = failure_of(answering(), wire, timeout={"headers": 0.1}, headers=own)
    assert told == (httpxr.ReadTimeout, HEADERS_HELD_BACK)


def test_a_request_that_is_not_taken_in_time(wire):
    gate = threading.Event()
    try:
        with Server(lambda peer: gate.wait(PATIENCE)) as server:
            told = failure(
                wire,
                server.url,
                method="POST",
                content=b"x" * 30_000_000,
                timeout={"headers": 0.1},
            )
            gate.set()
    finally:
        gate.set()
    assert told == (httpxr.ReadTimeout, HEADERS_HELD_BACK)


def test_whole_seconds_are_told_as_such(wire):
    with (
        black_hole() as (host, port),
        pytest.raises(httpxr.ConnectTimeout, match=" within 0 s;"),
    ):
        wire.fetch(f"http://{host}:{port}/", wire.transport(), timeout={"connect": 0.0})


def test_a_reset_instead_of_an_answer_promises_nothing_about_another_request(wire):
    told = failure_of(answering(then=Peer.reset), wire, method="POST", content=b"x")
    assert told == (httpxr.ReadError, RESET)


def test_a_reset_while_the_request_is_sent(wire):
    def script(peer):
        peer.received()
        peer.reset()

    told = failure_of(script, wire, method="POST", content=b"x" * 30_000_000)
    assert told == (httpxr.WriteError, REQUEST)


# Within the body


def test_silence_within_the_body(wire):
    script = answering(CHUNKED + framed(EVENT))
    assert failure_of(script, wire, timeout={"read": 0.1}) == (
        httpxr.ReadTimeout,
        SILENCE,
    )


@pytest.mark.parametrize(
    ("coding", "kind"),
    [
        (b"gzip", "gzip"),
        (b"X-gzip", "x-gzip"),
        (b"deflate", "deflate"),
        (b"br", "br"),
        (b"none, zstd", "zstd"),
        (b"gzip, br", "gzip, br"),
    ],
)
def test_silence_of_a_compressed_body_says_why_that_may_be(wire, coding, kind):
    script = answering(OK + b"Content-Encoding: %b\r\n\r\n" % coding)
    told = failure_of(script, wire, timeout={"read": 0.1})
    assert told == (httpxr.ReadTimeout, HELD_BACK.replace("KIND", kind))


@pytest.mark.parametrize("coding", [b"none", b"identity", b"compress"])
def test_silence_of_what_is_read_as_it_comes_is_only_that(wire, coding):
    script = answering(OK + b"Content-Encoding: %b\r\n\r\n" % coding)
    told = failure_of(script, wire, timeout={"read": 0.1})
    assert told == (httpxr.ReadTimeout, SILENCE)


@pytest.mark.parametrize("rest", [b"", b"5\r\nhal", b"zz\r\n"])
def test_a_body_that_is_cut_or_whose_framing_is_broken(wire, rest):
    script = answering(CHUNKED + framed(EVENT) + rest, then=ending)
    assert failure_of(script, wire) == (httpxr.RemoteProtocolError, FRAMING)


@pytest.mark.parametrize("body", [b"no gzip", b"\x1f\x8b\x08"])
def test_a_coded_body_that_is_damaged_or_cut(wire, body):
    script = answering(CODED + body, then=ending)
    assert failure_of(script, wire) == (httpxr.RemoteProtocolError, CODING)


def test_a_connection_that_is_lost_within_the_body(wire):
    gate = threading.Event()

    def reset(peer):
        assert gate.wait(PATIENCE)
        peer.reset()

    script = answering(CHUNKED + framed(EVENT), then=reset)
    told = failure_of(script, wire, seen=lambda _: gate.set())
    assert told == (httpxr.ReadError, LOSS)


# Details


class Wire:
    def __init__(self, *, is_sending=False):
        self.is_sending, self.is_given_up = is_sending, False


def mapped(error, stage, **of_the_wire):
    way = Way(Route("http", "host", 1), Contexts(None, None))
    timeouts = Timeouts(connect=5, headers=5, read=5)
    return WireErrors(timeouts, way, Wire(**of_the_wire)).of(error, stage)


@pytest.mark.parametrize("stage", Stage)
def test_the_systems_own_timeout_is_not_taken_for_one_of_ours(stage):
    told = str(mapped(TimeoutError(errno.ETIMEDOUT, "after minutes"), stage))
    assert os.strerror(errno.ETIMEDOUT) in told
    assert " 5 s" not in told


def test_tls_ended_without_its_own_end_is_a_cut_wherever_it_comes():
    told = [str(mapped(ssl.SSLEOFError(8, "EOF"), stage)) for stage in Stage]
    expected = [BROKEN_OFF, UNANSWERED, FRAMING]
    assert told == [words.replace("HOST", "host:1") for words in expected]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed"), "Connection refused"),
        (socket.gaierror(8, "not known"), "not known"),
        (ssl.SSLError(1, "[SSL] wrong version"), "[SSL] wrong version"),
        (OSError("no address"), "no address"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
    ids=repr,
)
def test_a_reason_is_told_without_its_number(error, said):
    assert reason(error) == said
