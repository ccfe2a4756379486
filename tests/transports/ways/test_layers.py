"""Layers over layers: what goes through them, and what their ends mean."""

from __future__ import annotations

import ssl

import httpxr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.transports.ways.layers import Layers
from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import EVENT
from tests.transports.ways.in_memory import (
    TLSPeer,
    context,
    cut,
    nested,
    play,
    stacked,
)
from tests.transports.ways.records import (
    ALERT,
    APPLICATION_DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    renegotiating,
)


def carried(data, *peers):
    """The bytes that the peers send for it, the last one the innermost."""
    for peer in reversed(peers):
        data = peer.send(data)
    return data


def waiting():
    """Steps that want what comes first, and return it."""
    return (yield None)


def asking(question):
    yield question
    return (yield None)


def test_without_a_layer_bytes_pass_as_they_are():
    layers = Layers()
    assert layers.is_plain
    assert layers.is_told
    assert (layers.receive(EVENT), layers.send(EVENT)) == (EVENT, EVENT)
    assert layers.receive(b"") == layers.outgoing() == b""
    assert not layers.is_ended
    layers.receive_eof()
    assert layers.is_ended
    assert layers.is_told


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2),
    st.lists(st.integers(1, 900), min_size=1, max_size=6),
    st.lists(st.integers(1, 20_000), max_size=3),
)
def test_tls_goes_through_tls_in_any_pieces(depth, sizes, lengths):
    peers = [TLSPeer() for _ in range(depth)]
    layers = stacked(*peers, sizes=sizes)
    sent = b"".join(carried(b"x" * length, *peers) for length in lengths)
    received = b"".join(map(layers.receive, cut(sent, [*sizes, 5000])))
    assert received == b"x" * sum(lengths)
    assert not layers.is_ended
    assert layers.is_plain is layers.is_told is (depth == 0)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_is_sent_arrives_through_all_of_them(depth):
    received = []
    peers = [TLSPeer() for _ in range(depth)]
    layers = stacked(*peers)
    nested(*peers)
    peers[-1].answer = lambda data: received.append(data) or EVENT
    assert layers.receive(peers[0](layers.send(b"GET"))) == EVENT
    assert received == [b"GET"]


# Ends


def test_the_innermost_layer_tells_the_end():
    outer, inner = TLSPeer(), TLSPeer()
    layers = stacked(outer, inner)
    records = outer.send(inner.send(EVENT) + inner.close())
    assert layers.receive(records) == EVENT
    assert layers.is_ended
    assert layers.is_told


def test_an_outer_layer_s_end_ends_it_untold():
    outer, inner = TLSPeer(), TLSPeer()
    layers = stacked(outer, inner)
    assert layers.receive(outer.send(inner.send(EVENT)) + outer.close()) == EVENT
    assert layers.is_ended
    assert not layers.is_told
    assert layers.receive(b"more") == b""


def test_the_connection_s_end_ends_it_untold():
    layers = stacked(TLSPeer())
    assert not layers.is_ended
    layers.receive_eof()
    assert layers.is_ended
    assert not layers.is_told


def test_a_told_end_stays_told_when_the_connection_ends_too():
    peer = TLSPeer()
    layers = stacked(peer)
    layers.receive(peer.close())
    layers.receive_eof()
    assert layers.is_told


@pytest.mark.parametrize("depth", [0, 1])
def test_damage_of_any_layer_comes_behind_what_was_good(depth):
    peers = [TLSPeer(), TLSPeer()]
    layers = stacked(*peers)
    good, bad = carried(EVENT, *peers), bytearray(peers[1].send(EVENT))
    if depth == 0:
        bad = bytearray(peers[0].send(bad))
        bad[-1] ^= 1
        coming = good + bad
    else:
        bad[-1] ^= 1
        coming = good + peers[0].send(bad)
    assert layers.receive(coming) == EVENT
    assert layers.is_ended
    assert not layers.is_told
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        layers.receive(b"")
    nested(*peers)
    peers[0](layers.outgoing())
    assert "alert bad record mac" in str(peers[depth].failure).lower()


# Other steps through them


@pytest.mark.parametrize("sizes", [[1], [7, 30], [5000]])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_steps_go_through_and_return_what_they_return(depth, sizes):
    def reading():
        yield b"CONNECT"
        yield b" me"
        answer = b""
        while len(answer) < len(b"to CONNECTto  me"):
            answer += yield None
        return answer

    peers = [TLSPeer() for _ in range(depth)]
    layers = stacked(*peers)
    far_end = nested(*peers, lambda question: b"to " + question)
    expected = b"to CONNECTto  me", b""
    assert play(layers.through(reading()), far_end, sizes=sizes) == expected


def test_steps_are_first_given_what_came_behind_the_last_ones():
    peer = TLSPeer(first=EVENT)
    layer, layers = TLSLayer(context(), "localhost"), Layers()
    _, left = play(layers.through(layer.handshake()), peer)
    layers.push(layer)
    steps = layers.through(waiting())
    assert next(steps) is None
    with pytest.raises(StopIteration) as end:
        steps.send(left)
    assert end.value.value == EVENT


def test_steps_that_raise_are_heard():
    def refused():
        yield b"CONNECT"
        raise httpxr.ProxyError("refused")

    with pytest.raises(httpxr.ProxyError, match="refused"):
        play(Layers().through(refused()), lambda _: b"")


@pytest.mark.parametrize(
    "ending", [lambda _: b"", TLSPeer.close], ids=["the socket's", "TLS's"]
)
def test_any_end_is_the_end_for_steps_within(ending):
    peer = TLSPeer()
    layers = stacked(peer)
    assert play(layers.through(asking(b"CONNECT")), lambda _: ending(peer)) == (
        b"",
        b"",
    )


def test_damage_is_an_error_for_steps_within():
    peer = TLSPeer()
    layers = stacked(peer)
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        play(
            layers.through(asking(b"CONNECT")),
            lambda _: peer.send(EVENT)[:-1] + b"\0",
        )


def test_a_handshake_anew_is_answered_while_steps_wait(tmp_path):
    layer, key = renegotiating(tmp_path)
    layers = Layers()
    layers.push(layer)
    steps = layers.through(waiting())
    assert next(steps) is None
    assert steps.send(key.sealed(HELLO_REQUEST, HANDSHAKE))[:1] == HANDSHAKE
    assert steps.send(b"") is None
    with pytest.raises(StopIteration) as end:
        steps.send(key.sealed(EVENT, APPLICATION_DATA))
    assert end.value.value == EVENT


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_certificate_rejected_within_tls_is_said_through_it(is_heard):
    outer, inner = TLSPeer(), TLSPeer()
    layers = stacked(outer)

    def peer(data):
        if data[:1] == ALERT and not is_heard:
            raise BrokenPipeError
        return inner(data)

    outer.answer = peer
    layer = TLSLayer(context(make=ssl.create_default_context), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        play(layers.through(layer.handshake()), outer)
    assert (inner.failure is not None) is is_heard


def test_a_handshake_within_tls_that_is_broken_off_is_that():
    outer = TLSPeer()
    layers = stacked(outer)
    steps = layers.through(TLSLayer(context(), "localhost").handshake())
    with pytest.raises(ssl.SSLEOFError):
        play(steps, lambda _: b"")
