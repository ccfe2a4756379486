"""The far end of a way, in memory: a server's side of TLS, and who runs the steps."""

from __future__ import annotations

import contextlib
import itertools
import ssl
from functools import partial

from reconnecting_sse.transports.ways.layers import Layers
from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import tls_context, trusting_context

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TLSPeer:
    """A server's side of TLS; ``answer`` says what to, once it is established."""

    def __init__(self, context=None, *, answer=lambda _: b"", first=b""):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or tls_context()).wrap_bio(
            self.incoming, self.outgoing, server_side=True
        )
        self.answer, self.first = answer, first
        self.is_established = False
        self.failure = None

    def __call__(self, data):
        """What it sends when these bytes have come."""
        self.incoming.write(data)
        try:
            self.go_on()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failure = error
        return self.outgoing.read()

    def go_on(self):
        if not self.is_established:
            self.tls.do_handshake()
            self.is_established = True
            self.tls.write(self.first) if self.first else None
        while data := self.tls.read(1 << 14):
            answer = self.answer(data)
            self.tls.write(answer) if answer else None

    def send(self, data):
        """The records for it."""
        self.tls.write(data)
        return self.outgoing.read()

    def close(self):
        """The records of a proper end."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


def play(steps, peer, *, size=None, end=b""):
    """Run the steps against what a peer answers, in pieces of a size.

    Returns what they return, and what they left unread.
    """
    step, left = partial(next, steps), bytearray()
    while True:
        try:
            wanted = step()
        except StopIteration as done:
            return done.value, bytes(left)
        if wanted is None:
            given, left = bytes(left[:size]), left[len(left[:size]) :]
            step = partial(steps.send, given or end)
        else:
            left += peer(wanted)
            step = partial(steps.send, b"")


def context(version="1.3", make=trusting_context):
    made = make()
    made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def secured(peer, *, version="1.3", size=None):
    """A layer after its handshake with the peer."""
    layer = TLSLayer(context(version), "localhost")
    _, left = play(layer.handshake(), peer, size=size)
    assert layer.receive(left) == peer.first
    return layer


def stacked(*peers):
    """Layers of TLS, each within the one before."""
    layers = Layers()
    for index, _peer in enumerate(peers):
        layer = TLSLayer(context(), "localhost")
        _, left = play(layers.through(layer.handshake()), nested(peers[: index + 1]))
        layers.push(layer)
        assert layers.receive(left) == b""
    return layers


def nested(peers):
    """The outermost peer, which hands what it reads to the next one."""
    for outer, inner in itertools.pairwise(peers):
        outer.answer = inner
    return peers[0]
