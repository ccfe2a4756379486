"""A layer of TLS, against OpenSSL's own server side."""

from __future__ import annotations

import gc
import ssl
import subprocess
import sys
import textwrap
import tracemalloc
import weakref
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import EVENT, PATIENCE, authority, trusting_context
from tests.transports.ways.in_memory import (
    VERSIONS,
    TLSPeer,
    context,
    cut,
    play,
    secured,
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


def server_context(*names):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*names).configure_cert(made)
    return made


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


def damaged(record):
    return record[:-1] + bytes([record[-1] ^ 1])


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


# Handshakes that fail


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


# Memory


class Watched(TLSLayer):
    """A layer that can be watched, which one with slots alone cannot."""

    __slots__ = ("__weakref__",)


def test_a_layer_is_freed_without_the_collector(version):
    peer = TLSPeer()
    layer = Watched(context(version), "localhost")
    layer.receive(play(layer.handshake(), peer)[1])
    layer.receive(peer.send(EVENT) + damaged(peer.send(EVENT)))
    with pytest.raises(ssl.SSLError):
        layer.receive(b"")
    watched = weakref.ref(layer)
    gc.disable()
    try:
        del layer
        assert watched() is None
    finally:
        gc.enable()


def test_an_idle_layer_keeps_no_buffer_of_python_s():
    count = 50
    ours = context()
    peers = [TLSPeer() for _ in range(count)]
    layers = [TLSLayer(ours, "localhost") for _ in range(count)]
    for layer, peer in zip(layers, peers, strict=True):
        left = play(layer.handshake(), peer)[1]
        layer.receive(left + peer.send(EVENT * 5000))
    tracemalloc.start()
    try:
        for layer, peer in zip(layers, peers, strict=True):
            layer.receive(peer.send(EVENT * 5000))
            peer(layer.send(b"x" * 50_000))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept / count < 200


IDLE = """
    import resource
    import sys

    from tests.transports.ways.in_memory import TLSPeer, context, play
    from reconnecting_sse.transports.ways.tls import TLSLayer

    ours = context()

    def idle():
        peer = TLSPeer()
        layer = TLSLayer(ours, "localhost")
        layer.receive(play(layer.handshake(), peer)[1])
        peer(layer.send(bytes(100_000)))
        layer.receive(b"".join(peer.send(bytes(100)) for _ in range(500)))
        return layer

    for _ in range(20):
        idle()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layers = [idle() for _ in range(300)]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) / len(layers))
"""


def test_an_idle_layer_is_small_whatever_went_through_it():
    """30 KB; handed records whole, OpenSSL's own buffers would make it 62 KB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(IDLE)],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[3],
        timeout=PATIENCE * 3,
    )
    unit = 1024 if sys.platform == "linux" else 1
    assert float(done.stdout) * unit < 45_000
