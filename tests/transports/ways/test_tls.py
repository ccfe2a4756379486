"""A layer of TLS, against OpenSSL's own server side."""

from __future__ import annotations

import ssl

import pytest

from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import EVENT
from tests.transports.ways.in_memory import VERSIONS, TLSPeer, context, play, secured


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.mark.parametrize("size", [1, 2, 7, 100, None])
def test_a_handshake_may_arrive_in_any_pieces(version, size):
    peer = TLSPeer()
    layer = secured(peer, version=version, size=size)
    assert layer.receive(peer.send(EVENT)) == EVENT
    peer(layer.send(b"GET"))
    assert peer.is_established


@pytest.mark.parametrize("size", [1, 6, 33, 1000])
def test_records_may_arrive_in_any_pieces(version, size):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    records = b"".join(peer.send(EVENT * i) for i in (1, 5000, 1))
    cut = [records[i : i + size] for i in range(0, len(records), size)]
    assert b"".join(map(layer.receive, cut)) == EVENT * 5002
    assert not layer.is_ended


def test_what_came_with_the_handshake_is_not_lost(version):
    peer = TLSPeer(first=EVENT)
    layer = TLSLayer(context(version), "localhost")
    sent = play(layer.handshake(), peer)[1]
    assert layer.receive(sent) == EVENT


def test_an_end_is_told_or_not(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    records = peer.send(EVENT)
    assert layer.receive(records + peer.close() + b"garbage") == EVENT
    assert layer.is_told
    assert layer.is_ended
    assert layer.receive(b"more") == b""


def test_good_records_before_a_damaged_one_come_first(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    good, damaged = peer.send(EVENT), bytearray(peer.send(EVENT))
    damaged[-1] ^= 1
    assert layer.receive(good + damaged) == EVENT
    assert layer.is_ended
    assert not layer.is_told
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        layer.receive(b"")
    assert layer.receive(b"more") == b""
    peer(layer.outgoing())
    assert "alert" in str(peer.failure).lower()


def test_a_rejected_certificate_is_said_to_the_server(version):
    peer = TLSPeer()
    layer = TLSLayer(context(version, ssl.create_default_context), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        play(layer.handshake(), peer)
    assert "alert unknown ca" in str(peer.failure).lower()


def test_an_answer_that_is_not_tls_fails(version):
    layer = TLSLayer(context(version), "localhost")
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version"):
        play(layer.handshake(), lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_an_end_within_the_handshake_is_a_broken_off_one(version):
    layer = TLSLayer(context(version), "localhost")
    with pytest.raises(ssl.SSLEOFError):
        play(layer.handshake(), lambda _: b"")
