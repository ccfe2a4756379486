"""Handshakes of TLS that fail, and with whom."""

from __future__ import annotations

import ssl

import pytest

from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import authority, trusting_context
from tests.transports.ways.in_memory import (
    VERSIONS,
    TLSPeer,
    context,
    play,
    server_context,
)
from tests.transports.ways.records import (
    ALERT,
)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def test_a_rejected_certificate_is_said_to_the_server(version):
    peer = TLSPeer()
    layer = TLSLayer(context(version, ssl.create_default_context), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        play(layer.handshake(), peer)
    assert "alert unknown ca" in str(peer.failure).lower()


def test_a_rejected_certificate_is_the_error_though_nobody_reads_the_alert(version):
    peer = TLSPeer()

    def gone(data):
        if data[:1] == ALERT:
            raise ConnectionResetError
        return peer(data)

    layer = TLSLayer(context(version, ssl.create_default_context), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        play(layer.handshake(), gone)


def test_a_reset_within_the_handshake_is_one():
    def reset(data):
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        play(TLSLayer(context(), "localhost").handshake(), reset)


def test_an_answer_that_is_not_tls_fails(version):
    layer = TLSLayer(context(version), "localhost")
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version"):
        play(layer.handshake(), lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("length", [0, 1, 5, 80, -1])
def test_an_end_within_the_handshake_is_a_broken_off_one(version, length):
    peer = TLSPeer()
    layer = TLSLayer(context(version), "localhost")
    with pytest.raises(ssl.SSLEOFError):
        play(layer.handshake(), lambda data: peer(data)[:length])


def test_a_version_that_is_not_spoken_is_said():
    layer = TLSLayer(context("1.2"), "localhost")
    peer = TLSPeer(context("1.3", lambda: server_context("localhost")))
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        play(layer.handshake(), peer)


def test_a_server_that_wants_a_certificate_says_so(version):
    """With TLS 1.3 after the handshake, which is over for the client by then."""
    made = server_context("localhost")
    made.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(made)
    layer = TLSLayer(context(version), "localhost")
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        layer.receive(play(layer.handshake(), TLSPeer(made))[1])


# Names


@pytest.mark.parametrize(
    ("name", "certified", "told"),
    [
        ("localhost", "localhost", "localhost"),
        ("localhost.", "localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1", None),
        ("::1", "::1", None),
        ("xn--bcher-kva.test", "bücher.test", "xn--bcher-kva.test"),
    ],
)
def test_a_server_is_told_the_name_and_has_to_have_it(name, certified, told):
    names, made = [], server_context(certified)
    made.sni_callback = lambda _, seen, __: names.append(seen)
    play(TLSLayer(trusting_context(), name).handshake(), TLSPeer(made))
    assert names == [told]
    other = TLSPeer(server_context("other.test"))
    with pytest.raises(ssl.SSLCertVerificationError):
        play(TLSLayer(trusting_context(), name).handshake(), other)


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".test"])
def test_what_cannot_be_a_name_is_a_value_error(name):
    with pytest.raises(ValueError, match=r"server_hostname|label"):
        TLSLayer(trusting_context(), name)
