"""What a layer of TLS leaves in memory, used and unused."""

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

from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import EVENT, PATIENCE
from tests.transports.ways.in_memory import (
    VERSIONS,
    TLSPeer,
    context,
    damaged,
    play,
)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


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
