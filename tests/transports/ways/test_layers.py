"""Layers over layers."""

from __future__ import annotations

import pytest

from reconnecting_sse.transports.ways.layers import Layers
from tests.raw_wire import EVENT
from tests.transports.ways.in_memory import TLSPeer, nested, stacked


def test_without_a_layer_bytes_pass_as_they_are():
    layers = Layers()
    assert layers.is_plain
    assert layers.is_told
    assert (layers.receive(EVENT), layers.send(EVENT)) == (EVENT, EVENT)
    assert layers.outgoing() == b""
    assert not layers.is_ended
    layers.receive_eof()
    assert layers.is_ended


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_tls_goes_through_tls(depth):
    received = []
    peers = [TLSPeer() for _ in range(depth)]
    layers = stacked(*peers)
    peers[-1].answer = lambda data: received.append(data) or EVENT
    assert layers.receive(nested(peers)(layers.send(b"GET"))) == EVENT
    assert received == [b"GET"]
    assert not layers.is_plain
    assert not layers.is_told


def test_only_the_innermost_tells_the_end():
    outer, inner = TLSPeer(), TLSPeer()
    layers = stacked(outer, inner)
    assert layers.receive(outer.close()) == b""
    assert layers.is_ended
    assert not layers.is_told
    outer, inner = TLSPeer(), TLSPeer()
    layers = stacked(outer, inner)
    assert layers.receive(outer.send(inner.close())) == b""
    assert layers.is_ended
    assert layers.is_told
