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

EVERY = pytest.mark.parametrize("odd", ODD_ANSWERS, ids=lambda odd: odd.name)

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


def is_whatever_the_end(odd):
    """Whether only TLS could tell that a body until the close was cut."""
    is_untold = odd.end is End.UNTOLD and odd.trouble is Trouble.FRAMING
    return is_untold and b"Length" not in odd.answer and b"chunked" not in odd.answer


@pytest.mark.parametrize("size", [1, 7, 65536])
@EVERY
def test_the_parts_take_it_as_is_right(odd, size):
    if is_whatever_the_end(odd):
        return
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
    verify = {"verify": trusting_context()} if odd.is_tls else {}
    content = {"content": LARGE} if odd.is_early else {}
    with Server(script_of(odd, is_seen), context=context) as server:
        transport = wire.transport(**verify)
        try:
            result.response, _ = wire.fetch(
                server.url, transport, method=odd.method, seen=seen, **content
            )
        except httpxr.TransportError as error:
            result.error = error
        finally:
            is_seen.set()
    return result, f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@EVERY
def test_both_wires_take_it_as_is_right(odd, wire):
    got, where = fetched(wire, odd)
    if odd.trouble is None:
        assert got.error is None
    else:
        expected = odd.trouble.at(where, odd.detail or RESET_BY_PEER)
        assert (type(got.error), str(got.error)) == (type(expected), str(expected))
    assert got.body == odd.body
    if odd.trouble is None:
        assert got.response.status_code == odd.status
        assert got.response.extensions["http_version"] == odd.version
        lines = [name + b": " + value for name, value in got.response.headers.raw]
        assert odd.has is None or odd.has in lines
