"""The far end of a way, in memory: a server's side of TLS, and who runs the steps."""

from __future__ import annotations

import contextlib
import functools
import itertools
import ssl
from functools import partial

from reconnecting_sse.transports.ways.layers import Layers
from reconnecting_sse.transports.ways.tls import TLSLayer
from tests.raw_wire import authority, tls_context, trusting_context

WHOLE = (1 << 30,)
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TLSPeer:
    """A server's side of TLS: called with what has come, it gives what it sends.

    Args:
        answer: What it says to what it reads; another peer, if TLS is within TLS.
        first: What it says as soon as it can.
    """

    def __init__(self, context=None, *, answer=lambda _: b"", first=b""):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or tls_context()).wrap_bio(
            self.incoming, self.outgoing, server_side=True
        )
        self.answer, self.first = answer, first
        self.is_established = False
        self.failure = None

    def __call__(self, data):
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
            self.say(self.first)
        while data := self.tls.read(1 << 14):
            self.say(self.answer(data))

    def say(self, data):
        if data:
            self.tls.write(data)

    def send(self, data):
        """The records for it."""
        self.tls.write(data)
        return self.outgoing.read()

    def close(self):
        """The record of a proper end."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


def cut(data, sizes):
    """The bytes in pieces of these sizes, over and over."""
    starts = [0, *itertools.takewhile(len(data).__gt__, _sums(sizes))]
    ends = [*starts[1:], len(data)]
    return [data[a:b] for a, b in zip(starts, ends, strict=True) if a < b]


def _sums(sizes):
    return itertools.accumulate(itertools.cycle(sizes))


def play(steps, peer, *, sizes=WHOLE):
    """Run the steps against what a peer answers, cut into pieces; then comes the end.

    Returns what they return, and what they left unread.
    """
    step, coming = partial(next, steps), []
    while True:
        try:
            wanted = step()
        except StopIteration as done:
            return done.value, b"".join(coming)
        if wanted is None:
            step = partial(steps.send, coming.pop(0) if coming else b"")
            continue
        try:
            coming += cut(peer(wanted), sizes)
            step = partial(steps.send, b"")
        except OSError as error:
            step = partial(steps.throw, error)


@functools.cache
def context(version="1.3", make=trusting_context):
    made = make()
    made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def secured(peer, *, version="1.3", sizes=WHOLE):
    """A layer after its handshake with the peer, nothing left over."""
    layer = TLSLayer(context(version), "localhost")
    _, left = play(layer.handshake(), peer, sizes=sizes)
    assert layer.receive(left) == b""
    return layer


def nested(*peers):
    """The outermost peer, which hands what it reads to the next one."""
    for outer, inner in itertools.pairwise(peers):
        outer.answer = inner
    return peers[0]


def stacked(*peers, sizes=WHOLE):
    """Layers of TLS, each within the one before, to such peers."""
    layers = Layers()
    for depth in range(1, len(peers) + 1):
        layer = TLSLayer(context(), "localhost")
        steps = layers.through(layer.handshake())
        _, left = play(steps, nested(*peers[:depth]), sizes=sizes)
        layers.push(layer)
        assert layers.receive(left) == b""
    return layers


def server_context(*names):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*names).configure_cert(made)
    return made


def damaged(record):
    return record[:-1] + bytes([record[-1] ^ 1])
