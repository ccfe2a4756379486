"""A layer of TLS, against OpenSSL's own server side."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import EVENT
from tests.transports.ways.in_memory import (
    VERSIONS,
    TLSPeer,
    context,
    cut,
    damaged,
    play,
    secured,
    server_context,
)
from tests.transports.ways.records import (
    ALERT,
    APPLICATION_DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    UPDATE_NOT_REQUESTED,
    UPDATE_REQUESTED,
    Key,
    logging_context,
    renegotiating,
    secrets,
)

SIZES = st.lists(st.integers(1, 700), min_size=1, max_size=8)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


# Whatever the pieces


@settings(deadline=None)
@given(
    st.sampled_from([*VERSIONS]),
    SIZES,
    st.lists(st.sampled_from([1, 9, 4095, 4096, 16_384, 40_000]), max_size=4),
)
def test_bytes_may_arrive_in_any_pieces(version, sizes, lengths):
    peer = TLSPeer()
    layer = secured(peer, version=version, sizes=sizes)
    records = b"".join(peer.send(b"x" * length) for length in lengths) + peer.close()
    received = map(layer.receive, cut(records, [*sizes, 5000]))
    assert sum(map(len, received)) == sum(lengths)
    assert layer.is_told


def test_a_handshake_may_arrive_byte_by_byte(version):
    peer = TLSPeer()
    layer = secured(peer, version=version, sizes=[1])
    assert b"".join(map(layer.receive, cut(peer.send(EVENT), [1]))) == EVENT


def test_all_that_came_is_there_at_once(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    records = b"".join(peer.send(EVENT) for _ in range(3000))
    assert layer.receive(records) == EVENT * 3000
    assert not layer.is_ended


def test_what_came_with_the_end_of_the_handshake_is_not_lost(version):
    peer = TLSPeer(first=EVENT)
    layer = TLSLayer(context(version), "localhost")
    _, left = play(layer.handshake(), peer)
    assert layer.receive(left) == EVENT


def test_what_came_before_the_handshake_s_last_step_is_not_lost():
    """TLS 1.3 lets a server speak before it has heard the client's last word."""
    made = server_context("localhost")
    made.num_tickets = 0
    peer = TLSPeer(made)
    layer = TLSLayer(context(), "localhost")
    steps = layer.handshake()
    flight = peer(next(steps))
    assert steps.send(b"") is None
    peer(steps.send(flight + b""))
    with pytest.raises(StopIteration):
        steps.send(b"")
    assert layer.receive(peer.send(EVENT)) == EVENT


def test_what_is_sent_arrives_whatever_its_size(version):
    received = []
    peer = TLSPeer(answer=lambda data: received.append(data) or b"")
    layer = secured(peer, version=version)
    content = bytes(range(256)) * 5000
    peer(layer.send(content))
    assert b"".join(received) == content
    assert layer.send(b"") == layer.outgoing() == b""


# Ends


def test_a_told_end_is_an_end_and_what_follows_is_nothing(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    records = peer.send(EVENT)
    assert layer.receive(records + peer.close() + b"garbage") == EVENT
    assert layer.is_told
    assert layer.is_ended
    assert layer.receive(b"more") == layer.receive(b"") == b""
    assert layer.is_told


@pytest.mark.parametrize("length", [0, 3, 20])
def test_an_end_that_is_not_told_is_none(version, length):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    assert layer.receive(peer.send(EVENT) + peer.send(EVENT)[:length]) == EVENT
    assert not layer.is_told
    assert not layer.is_ended


def test_a_proper_end_cut_short_is_not_told(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    assert layer.receive(peer.close()[:-1]) == b""
    assert not layer.is_told


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_what_came_before_a_damaged_record_is_not_lost(version, count):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    good = b"".join(peer.send(EVENT) for _ in range(count))
    assert layer.receive(good + damaged(peer.send(EVENT)) + peer.close()) == (
        EVENT * count
    )
    assert layer.is_ended
    assert not layer.is_told
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        layer.receive(b"")
    assert layer.receive(b"more") == b""
    peer(layer.outgoing())
    assert "alert bad record mac" in str(peer.failure).lower()


def test_a_damaged_record_alone_is_an_error_at_once(version):
    peer = TLSPeer()
    layer = secured(peer, version=version)
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        layer.receive(damaged(peer.send(EVENT)))
    assert layer.is_ended


def test_bytes_that_are_no_records_are_an_error(version):
    layer = secured(TLSPeer(), version=version)
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version"):
        layer.receive(b"data: 1\n\n")


def test_an_alert_is_an_error_and_no_end(tmp_path):
    log = tmp_path / "secrets"
    layer = secured(TLSPeer(logging_context(log)))
    key = Key(secrets(log)[0])
    internal_error = b"\x02\x50"  # fatal; RFC 8446, section 6
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.internal.error"):
        layer.receive(key.sealed(internal_error, ALERT))
    assert layer.is_ended
    assert not layer.is_told


# Keys


def test_a_key_update_is_followed_at_once_and_answered_before_what_is_sent(tmp_path):
    log = tmp_path / "secrets"
    layer = secured(TLSPeer(logging_context(log)))
    theirs, ours = map(Key, secrets(log))
    update = theirs.sealed(UPDATE_REQUESTED, HANDSHAKE)
    theirs = theirs.updated()
    event = theirs.sealed(EVENT, APPLICATION_DATA)
    assert layer.receive(update + event) == EVENT
    sent = layer.send(b"GET")
    length = 5 + int.from_bytes(sent[3:5])
    assert ours.opened(sent[:length]) == (UPDATE_NOT_REQUESTED, HANDSHAKE)
    ours = ours.updated()
    assert ours.opened(sent[length:]) == (b"GET", APPLICATION_DATA)


def test_a_handshake_anew_is_begun_and_what_comes_meanwhile_is_read(tmp_path):
    """TLS 1.2: how some servers ask for a certificate, once they know the path."""
    layer, key = renegotiating(tmp_path)
    request = key.sealed(HELLO_REQUEST, HANDSHAKE)
    event = key.sealed(EVENT, APPLICATION_DATA)
    assert layer.receive(request) == b""
    assert layer.outgoing()[:1] == HANDSHAKE
    assert layer.receive(event) == EVENT
    assert layer.outgoing() == b""
    with pytest.raises(ssl.SSLWantReadError):
        layer.send(b"GET")
