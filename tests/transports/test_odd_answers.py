"""Every odd answer, through the parts and over both wires: one list holds them all."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from dataclasses import dataclass

import httpxr
import pytest

from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.framing import payload_of
from reconnecting_sse.transports.http1.head import Head, HeadReader
from reconnecting_sse.transports.troubles import Trouble
from tests.raw_wire import (
    PATIENCE,
    Server,
    ending,
    tls_context,
    trusting_context,
)
from tests.transports.odd_answers import ODD_ANSWERS, End
from tests.wires import WIRES

RESET_BY_PEER = os.strerror(errno.ECONNRESET)


def test_there_are_many_of_them_and_each_has_a_name():
    assert len({odd.name for odd in ODD_ANSWERS}) == len(ODD_ANSWERS) > 250


# Through the parts


@dataclass
class Taken:
    """What the parts make of an answer."""

    head: Head | None = None
    body: bytes = b""
    trouble: Trouble | None = None
    detail: str = ""


def taken(odd, pieces):
    reader, pieces = HeadReader(), list(pieces)
    outcome = None
    while outcome is None and pieces:
        outcome = reader.receive(pieces.pop(0))
    if outcome is None:
        assert reader.has_begun == bool(odd.answer)
        is_reset = odd.end is End.RESET
        return Taken(trouble=Trouble.RESET if is_reset else Trouble.UNANSWERED)
    if isinstance(outcome, Fault):
        return of_fault(outcome)
    payload = payload_of(outcome, odd.method)
    if isinstance(payload, Fault):
        return of_fault(payload)
    result = Taken(outcome)
    for piece in [reader.rest, *pieces]:
        if payload.is_done or payload.fault is not None:
            break
        result.body += payload.feed(piece)
    result.trouble = trouble_of(payload, odd)
    return result


def of_fault(fault):
    if fault.is_tls:
        return Taken(trouble=Trouble.TLS_ANSWER)
    return Taken(trouble=Trouble.NOT_HTTP, detail=fault.message)


def trouble_of(payload, odd):
    if payload.is_done:
        return None
    if payload.fault is not None:
        return Trouble.FRAMING
    assert odd.end is not End.OPEN, "it would be waited for"
    if odd.end is End.RESET:
        return Trouble.LOSS
    return None if payload.may_end else Trouble.FRAMING


# Those in which no layer has a say: no proxy, and no end that TLS did not tell.
OF_THE_PARTS = [
    odd for odd in ODD_ANSWERS if not odd.refusal and odd.end is not End.UNTOLD
]


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("odd", OF_THE_PARTS, ids=lambda odd: odd.name)
def test_the_parts_take_it_as_is_right(odd, size):
    pieces = [odd.answer[at : at + size] for at in range(0, len(odd.answer), size)]
    got = taken(odd, pieces)
    assert (got.trouble, got.detail, got.body) == (odd.trouble, odd.detail, odd.body)
    if got.head is not None:
        assert (got.head.status, got.head.version) == (odd.status, odd.version)
        lines = [name + b": " + value for name, value in got.head.fields]
        assert odd.has is None or odd.has in lines


# Over the wires


@dataclass
class Fetched:
    """What a transport makes of an answer."""

    where: str = ""
    response: httpxr.Response | None = None
    body: bytes = b""
    error: httpxr.TransportError | None = None


# More than any system buffers.
LARGE = b"x" * 16 * 1024 * 1024


def script_of(odd, is_seen):
    def script(peer):
        if odd.is_early:
            peer.sock.recv(1000)
        else:
            peer.request()
        # The client may leave as soon as it knows.
        with suppress(OSError):
            peer.send(odd.answer)
            END[odd.end](peer, odd, is_seen)

    return script


def end_by_fin(peer, odd, is_seen):
    if odd.is_tls:
        peer.sock.unwrap()
    else:
        end_untold(peer, odd, is_seen)


def end_by_reset(peer, odd, is_seen):
    # A system may discard what was not read before a reset.
    if odd.body and not odd.is_early:
        assert is_seen.wait(PATIENCE)
    peer.reset()


def end_untold(peer, odd, is_seen):
    ending(peer)
    if odd.is_early:
        peer.sees_the_end()


END = {
    End.FIN: end_by_fin,
    End.RESET: end_by_reset,
    End.OPEN: lambda peer, odd, is_seen: peer.sees_the_end(),
    End.UNTOLD: end_untold,
}


def fetched(wire, odd):
    result, is_seen = Fetched(), threading.Event()

    def seen(part):
        result.body += part
        if len(result.body) >= len(odd.body):
            is_seen.set()

    context = tls_context() if odd.is_tls else None
    with Server(script_of(odd, is_seen), context=context) as server:
        result.where = f"127.0.0.1:{server.port}"
        url, transport = way_of(odd, wire, server)
        content = {"content": LARGE} if odd.is_early else {}
        try:
            result.response, _ = wire.fetch(
                url, transport, method=odd.method, seen=seen, **content
            )
        except httpxr.TransportError as error:
            result.error = error
        finally:
            is_seen.set()
    return result


def way_of(odd, wire, server):
    if odd.refusal:
        proxy = f"http://127.0.0.1:{server.port}"
        return "https://feed.test/", wire.transport(proxy=proxy)
    verify = {"verify": trusting_context()} if odd.is_tls else {}
    return server.url, wire.transport(**verify)


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("odd", ODD_ANSWERS, ids=lambda odd: odd.name)
def test_both_wires_take_it_as_is_right(odd, wire):
    got = fetched(wire, odd)
    assert got.body == odd.body
    if odd.refusal:
        assert isinstance(got.error, httpxr.ProxyError)
        assert odd.refusal in str(got.error)
    elif odd.trouble is None:
        assert got.error is None
        assert got.response.status_code == odd.status
        assert got.response.extensions["http_version"] == odd.version
        lines = [name + b": " + value for name, value in got.response.headers.raw]
        assert odd.has is None or odd.has in lines
    else:
        expected = odd.trouble.at(got.where, odd.detail or RESET_BY_PEER)
        assert (type(got.error), str(got.error)) == (type(expected), str(expected))
