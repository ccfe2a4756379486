"""A request and its answer as steps, without a socket."""

from __future__ import annotations

import pytest

from reconnecting_sse.transports.conversation import asked
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Contexts
from reconnecting_sse.transports.ways.way import Way
from tests.raw_wire import CHUNKED, EVENT, framed
from tests.transports.ways.records import (
    APPLICATION_DATA,
    HANDSHAKE,
    HELLO_REQUEST,
    renegotiating,
)


def test_tls_may_be_negotiated_anew_before_there_is_an_answer(tmp_path):
    """A server of TLS 1.2 may ask for a certificate once it knows the path."""
    layer, key = renegotiating(tmp_path)
    way = Way(Route("https", "localhost", 443), Contexts(None, None))
    way.layers.push(layer)
    steps = asked(way, "GET", b"GET / HTTP/1.1\r\n\r\n")
    assert next(steps)[:1] == APPLICATION_DATA
    assert steps.send(b"") is None
    assert steps.send(key.sealed(HELLO_REQUEST, HANDSHAKE))[:1] == HANDSHAKE
    assert steps.send(b"") is None
    with pytest.raises(StopIteration) as end:
        steps.send(key.sealed(CHUNKED + framed(EVENT), APPLICATION_DATA))
    assert end.value.value.first == EVENT
