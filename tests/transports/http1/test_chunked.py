"""The chunked coding: held to a plain decoder and to http.client, whatever the cuts."""

from __future__ import annotations

import gc
import io
import re
import weakref
from contextlib import closing
from http.client import HTTPResponse, IncompleteRead

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconnecting_sse.transports.http1.chunked import OVERHEAD_LIMIT, Chunked
from tests.transports.http1.answers import cut, drained, places

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

sizes = st.sampled_from(
    [b"%x", b"%X", b"0%x", b"%x ", b"%x;a=b", b'%x;q="1 2"', b"%x;a;b"]
)
chunk = st.tuples(sizes, st.binary(min_size=1, max_size=40))
# Payloads that look like framing.
framing = st.sampled_from([b"\r\n0\r\n", b"0\r\n\r\n", b"\r", b"x:\r\n\r\n", b"3\r\n"])
chunk |= st.tuples(sizes, framing)
trailers = st.sampled_from(
    [b"", b"X: y\r\n", b"A: b\r\nC: d\r\n", b"A: b\r\n c\r\n", b"TE: chunked\r\n"]
)
# Within its value the parser takes digits only, so that a cut there passes for a cut.
length_trailer = st.just(b"Content-Length: 5\r\n")


def chunked(chunks, trailer=b""):
    body = b"".join(
        size % len(data) + b"\r\n" + data + b"\r\n" for size, data in chunks
    )
    return body + b"0\r\n" + trailer + b"\r\n"


_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n")


def plainly(wire):
    """All payload in the bytes, and whether the zero-sized chunk has come."""
    payload, at = b"", 0
    while match := _SIZE.match(wire, at):
        size = int(match[1], 16)
        if size == 0:
            return payload, True
        payload += wire[match.end() : match.end() + size]
        at = match.end() + size + 2
    return payload, False


@given(st.lists(chunk, max_size=8), trailers | length_trailer, places)
def test_whatever_the_cuts_the_payload_is_the_same(chunks, tail, places):
    wire = chunked(chunks, tail)
    expected = b"".join(data for _, data in chunks)
    assert drained(Chunked(), cut(wire, places), is_over=False) == (expected, "done")


@given(st.lists(chunk, max_size=6), trailers, st.integers(0, 400), places)
@example([(b"%x", b"abc")], b"", 1, [])
@example([(b"%x", b"abc")], b"A: b\r\n", 12, [])
def test_a_cut_body_gives_all_that_came_and_ends_well_after_the_last_chunk(
    chunks, tail, length, places
):
    wire = chunked(chunks, tail)
    kept = wire[: length % (len(wire) + 1)]
    expected, is_whole = plainly(kept)
    # Nothing but the zero-sized chunk's line can come of this.
    is_whole = is_whole or plainly(kept + b"\n")[1]
    outcome = "done" if is_whole else "cut"
    assert drained(Chunked(), cut(kept, places)) == (expected, outcome)


class Wire:
    """What http.client needs of a socket."""

    def __init__(self, data):
        self.data = data

    def makefile(self, mode):
        return io.BytesIO(self.data)


@given(st.lists(chunk, max_size=6), trailers, st.integers(0, 400), places)
def test_a_body_is_what_it_is_for_http_client(chunks, tail, length, places):
    wire = chunked(chunks, tail)
    kept = wire[: length % (len(wire) + 1)]
    with closing(HTTPResponse(Wire(HEAD + kept))) as reference:
        reference.begin()
        try:
            whole, is_cut = reference.read(), False
        except IncompleteRead as error:
            whole, is_cut = error.partial, True
    data, outcome = drained(Chunked(), cut(kept, places))
    assert data.startswith(whole)
    assert not (is_cut and outcome == "done")
    # http.client takes a size line that was cut off within for a whole one.
    assert is_cut or outcome == "done" or not kept.endswith(b"\n")


def test_every_place_to_end_within_the_end_is_judged_right():
    wire = b'3\r\nabc\r\n0 ;x="y z"\r\nAb: c\r\nD: e\r\n\r\n'.replace(b" ;", b";")
    last = wire.index(b'"\r\nAb') + 2
    for length in range(1, len(wire)):
        _, outcome = drained(Chunked(), [wire[:length]])
        assert outcome == ("done" if length >= last else "cut"), wire[:length]


@pytest.mark.parametrize("end", [b"0\r\n", b"0\r\n\r", b"0\r\nA: b\r"])
def test_bytes_that_are_none_change_nothing(end):
    """TLS may bring its own end only, and that of the body has to be judged then."""
    assert drained(Chunked(), [b"3\r\nabc\r\n" + end, b""]) == (b"abc", "done")
    assert drained(Chunked(), [b"", b"3\r\nabc\r\n", b""]) == (b"abc", "cut")


@pytest.mark.parametrize("left", range(1, 12))
@pytest.mark.parametrize("data", [b"a", b"\r", b"\r\n0\r", b"0\r\n"])
def test_no_cut_within_a_chunk_passes_for_the_end(data, left):
    wire = b"%x\r\n%b" % (len(data) + left, data)
    assert drained(Chunked(), [wire]) == (data, "cut")


def test_chunks_that_came_together_are_read_together():
    payload = Chunked()
    wire = chunked([(b"%x", b"one"), (b"%x", b"two"), (b"%x", b"three")])
    assert payload.feed(wire) == b"onetwothree"
    assert payload.is_done


def test_part_of_a_chunk_is_payload_at_once():
    payload = Chunked()
    assert payload.feed(b"fff\r\ndata: 1\n\n") == b"data: 1\n\n"
    assert not payload.is_done
    assert not payload.may_end


BAD_SIZES = [b"+5", b"-5", b"1_0", b"0x5", b" 5", b"", b"g", b"1" * 17, b"5 5", b"5,"]


@pytest.mark.parametrize("line", BAD_SIZES)
def test_a_bad_size_is_a_fault_after_the_good_data(line):
    payload = Chunked()
    assert payload.feed(b"4\r\ngood\r\n" + line + b"\r\nhello\r\n") == b"good"
    assert payload.fault is not None
    assert "chunks are malformed" in payload.fault.message
    assert not payload.is_done
    assert not payload.may_end


@pytest.mark.parametrize(
    "wire",
    [
        b"4\r\ngoodness\r\n0\r\n\r\n",
        b"4\r\ngood0\r\n\r\n",
        b"4\r\ngood\n0\r\n\r\n",
        b"4\r\ngood\r0\r\n\r\n",
        b"4\r\ngood\r\n0\n\n",
        b"4\r\ngood\r\n0\rX",
        b"4\r\ngood\r\n0\r\nno colon\r\n\r\n",
    ],
)
def test_framing_that_is_otherwise_broken_is_a_fault_after_the_good_data(wire):
    assert drained(Chunked(), [wire]) == (b"good", "bad")
    assert drained(Chunked(), cut(wire, range(len(wire)))) == (b"good", "bad")


@pytest.mark.parametrize("size", [b"0" * 40 + b"5", b"5 ", b"5\t \t", b"5;a", b"5;a=b"])
def test_a_size_may_have_zeros_before_it_and_blanks_or_extensions_behind(size):
    wire = size + b"\r\nhello\r\n0\r\n\r\n"
    assert drained(Chunked(), [wire], is_over=False) == (b"hello", "done")


@pytest.mark.parametrize(
    "behind",
    [
        b"more",
        b"\r\n\r\n",
        b"5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore",
    ],
)
@pytest.mark.parametrize("trailer", [b"", b"Connection: keep-alive\r\n"])
def test_what_follows_the_end_is_nobodys(trailer, behind):
    wire = b"4\r\ngood\r\n0\r\n" + trailer + b"\r\n" + behind
    assert drained(Chunked(), [wire]) == (b"good", "done")


@pytest.mark.parametrize(
    "trailer",
    [
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
        b"Connection: upgrade\r\nUpgrade: x",
        b"A: b\r\n c",
        b"A: \x01",
    ],
)
def test_a_trailer_changes_nothing(trailer):
    wire = b"4\r\ngood\r\n0\r\n" + trailer + b"\r\n\r\n4\r\nmore"
    assert drained(Chunked(), [wire]) == (b"good", "done")


@pytest.mark.parametrize(
    "framing", [b"5;" + b"x" * 40_000, b"0\r\n" + b"X: y\r\n" * 6000, b"0" * 40_000]
)
@pytest.mark.parametrize("size", [1, 1000, 65536])
def test_framing_without_payload_is_bounded(framing, size):
    payload = Chunked()
    pieces = [framing[at : at + size] for at in range(0, len(framing), size)]
    assert payload.feed(b"4\r\ngood\r\n") == b"good"
    assert drained(payload, pieces) == (b"", "bad")
    assert payload.fault is not None
    assert f"exceeds {OVERHEAD_LIMIT} bytes" in payload.fault.message


def test_a_large_end_is_an_end_when_it_comes_at_once():
    wire = b"0\r\n" + b"X: y\r\n" * 3000 + b"\r\n"
    assert drained(Chunked(), [wire], is_over=False) == (b"", "done")


def test_framing_between_payload_is_not_added_up():
    payload = Chunked()
    for _ in range(20):
        assert payload.feed(b"1;" + b"x" * 2000 + b"\r\n") == b""
        assert payload.feed(b"y\r\n") == b"y"
    assert payload.fault is None


def test_a_payload_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        payload = Chunked()
        assert payload.feed(b"3\r\nabc\r\n+") == b"abc"
        freed = weakref.ref(payload)
        del payload
        assert freed() is None
    finally:
        gc.enable()
