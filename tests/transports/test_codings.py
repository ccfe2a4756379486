"""br and zstd: live, bounded, never cut short unnoticed; offered only when present."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import brotli
import brotlicffi
import httpxr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.codings import codings
from reconnecting_sse.transports.codings.brotli import BrotliDecoder, brotli_library
from reconnecting_sse.transports.codings.chained import Chained
from reconnecting_sse.transports.codings.codings import decoder_for, offered_codings
from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.codings.inflating import Inflater
from reconnecting_sse.transports.codings.zstd import ZstdDecoder, zstd_library
from tests.raw_wire import EVENT, LAST, OK, PATIENCE, Server, framed
from tests.transports.test_decoding import decoded
from tests.wires import WIRES

zstd = import_module(
    "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"
)

LIMIT = 64 * 1024


def packed_br(parts):
    packer = brotli.Compressor()
    return [*(packer.process(p) + packer.flush() for p in parts), packer.finish()]


def packed_zstd(parts):
    packer = zstd.ZstdCompressor()
    mode = packer.FLUSH_BLOCK
    return [*(packer.compress(part, mode=mode) for part in parts), packer.flush()]


def packed_twice(parts):
    packer = zlib.compressobj(wbits=31)
    pieces = [
        packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        for piece in packed_br(parts)
    ]
    return [*pieces[:-1], pieces[-1] + packer.flush()]


DECODERS = {
    "brotli": (packed_br, lambda: BrotliDecoder(brotli)),
    "brotlicffi": (packed_br, lambda: BrotliDecoder(brotlicffi)),
    "zstd": (packed_zstd, lambda: ZstdDecoder(zstd)),
    "br in gzip": (
        packed_twice,
        lambda: Chained(Inflater("gzip"), BrotliDecoder(brotli)),
    ),
}
libraries = st.sampled_from(sorted(DECODERS))
each = pytest.mark.parametrize("library", DECODERS)


@given(libraries, st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_every_flushed_part_comes_out_at_once(library, parts):
    pack, decoder = DECODERS[library]
    decoder = decoder()
    *pieces, end = pack(parts)
    assert [decoded(decoder, piece) for piece in pieces] == parts
    assert decoded(decoder, end) == b""
    assert decoder.is_whole


@given(libraries, st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=9))
def test_the_cuts_do_not_matter(library, data, places):
    pack, decoder = DECODERS[library]
    decoder = decoder()
    wire = b"".join(pack([data, data]))
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    assert decoded(decoder, *(wire[a:b] for a, b in pairwise(edges))) == data + data
    assert decoder.is_whole


@given(libraries, st.binary(min_size=1, max_size=200), st.integers(1, 500))
def test_an_end_before_the_end_is_noticed(library, data, length):
    pack, decoder = DECODERS[library]
    decoder = decoder()
    wire = b"".join(pack([data]))
    decoded(decoder, wire[: min(length, len(wire) - 1)])
    assert not decoder.is_whole


@each
def test_nothing_at_all_is_whole(library):
    decoder = DECODERS[library][1]()
    assert decoder.decode(b"") == b""
    assert decoder.is_whole


@each
def test_one_step_of_a_bomb_is_bounded_and_loses_nothing(library):
    pack, decoder = DECODERS[library]
    decoder = decoder()
    data = b"x" * 20_000_000
    wire = b"".join(pack([data]))
    assert len(wire) < 20_000
    steps = [decoder.decode(wire)]
    while decoder.pending:
        steps.append(decoder.decode(b""))
    assert b"".join(steps) == data
    assert max(map(len, steps)) <= LIMIT
    assert decoder.is_whole


@each
def test_input_that_comes_while_output_is_pending_waits_its_turn(library):
    pack, decoder = DECODERS[library]
    decoder = decoder()
    first, second, end = pack([b"x" * 10_000_000, b"y" * 10])
    output = decoder.decode(first)
    assert decoder.pending
    output += decoder.decode(second) + decoder.decode(end)
    while decoder.pending:
        output += decoder.decode(b"")
    assert output == b"x" * 10_000_000 + b"y" * 10


@each
def test_damage_is_an_error(library):
    with pytest.raises(DecodingError):
        decoded(DECODERS[library][1](), b"\xff" * 50)


def test_a_chain_takes_one_step_at_a_time_also_where_nothing_comes_of_it():
    wire = gzip.compress(gzip.compress(b"") * 50_000 + gzip.compress(b"data"))
    decoder, steps = decoder_for(["gzip", "gzip"]), [b""]
    while decoder.pending or len(steps) == 1:
        steps.append(decoder.decode(wire))
        wire = b""
    assert b"".join(steps) == b"data"
    assert len(steps) > 50_000 * len(gzip.compress(b"")) // LIMIT
    assert decoder.is_whole


@pytest.mark.parametrize("library", ["brotli", "brotlicffi"])
def test_what_comes_after_the_end_of_br_is_not_content(library):
    decoder = DECODERS[library][1]()
    assert decoded(decoder, brotli.compress(b"data"), b"more") == b"data"
    assert decoder.is_whole


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_zstd_may_have_many_frames_cut_anywhere(size):
    parts = [b"one", b"", b"two" * 100, b"three"]
    wire = b"".join(map(zstd.compress, parts))
    decoder = ZstdDecoder(zstd)
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert decoded(decoder, *pieces) == b"".join(parts)
    assert decoder.is_whole


def test_zstd_that_needs_a_larger_window_than_it_may_is_an_error():
    options = {zstd.CompressionParameter.window_log: 27}
    packer = zstd.ZstdCompressor(options=options)
    wire = packer.compress(b"data", mode=packer.FLUSH_BLOCK)
    with pytest.raises(DecodingError, match="memory"):
        ZstdDecoder(zstd).decode(wire)


# Which libraries count


@pytest.fixture
def _anew():
    codings._decoders.cache_clear()
    yield
    codings._decoders.cache_clear()


def without(monkeypatch, *names):
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_anew")
def test_nothing_is_offered_that_no_library_decodes(monkeypatch):
    assert offered_codings() == ("gzip", "deflate", "br", "zstd")
    codings._decoders.cache_clear()
    without(monkeypatch, "brotli", "brotlicffi")
    without(monkeypatch, "compression.zstd", "backports.zstd")
    assert offered_codings() == ("gzip", "deflate")
    assert decoder_for(["br"]) is None
    assert decoder_for(["zstd"]) is None


def test_the_other_library_for_br_serves_as_well(monkeypatch):
    assert brotli_library() is brotli
    without(monkeypatch, "brotli")
    assert brotli_library() is brotlicffi


def test_a_library_that_would_inflate_a_bomb_whole_does_not_count(monkeypatch):
    class Decompressor:
        """As before version 1.2."""

    monkeypatch.setattr(brotli, "Decompressor", Decompressor)
    without(monkeypatch, "brotlicffi")
    assert brotli_library() is None


def test_the_standard_library_or_its_backport_serves_for_zstd(monkeypatch):
    ours, backport = ModuleType("ours"), ModuleType("backport")
    monkeypatch.setitem(sys.modules, "compression", ours)
    monkeypatch.setitem(sys.modules, "compression.zstd", ours)
    monkeypatch.setitem(sys.modules, "backports", backport)
    monkeypatch.setitem(sys.modules, "backports.zstd", backport)
    assert zstd_library() is ours
    without(monkeypatch, "compression.zstd")
    assert zstd_library() is backport


@pytest.mark.parametrize(
    ("codings", "kind"),
    [
        (["gzip"], Inflater),
        (["x-gzip"], Inflater),
        (["deflate"], Inflater),
        (["br"], BrotliDecoder),
        (["zstd"], ZstdDecoder),
        (["gzip", "br"], Chained),
        (["gzip"] * 5, Chained),
        (["gzip"] * 6, None),
        (["gzip", "compress"], None),
        (["x-compress", "gzip"], None),
        ([], None),
    ],
)
def test_known_codings_are_decoded_and_anything_else_left_alone(codings, kind):
    decoder = decoder_for(codings)
    assert decoder is None if kind is None else isinstance(decoder, kind)


# On the wires


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


PACKERS = {"br": packed_br, "zstd": packed_zstd}


@pytest.mark.parametrize("coding", PACKERS)
def test_each_flushed_event_is_delivered_without_another_byte(wire, coding):
    parts = PACKERS[coding]([EVENT] * 3)
    seen = threading.Semaphore(0)

    def script(peer):
        head, _ = peer.request()
        assert b"Accept-Encoding: gzip, deflate, br, zstd" in head
        peer.send(
            OK
            + b"Content-Encoding: %b\r\n" % coding.encode()
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for part in parts[:-1]:
            peer.send(framed(part))
            assert seen.acquire(timeout=PATIENCE)
        peer.send(framed(parts[-1]) + LAST)

    with Server(script) as server:
        response, body = wire.fetch(
            server.url, wire.transport(), seen=lambda _: seen.release()
        )
    assert body == EVENT * 3
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("end", [b"", b"\xff" * 50], ids=["cut", "damaged"])
@pytest.mark.parametrize("coding", PACKERS)
def test_a_coded_body_that_is_cut_or_damaged_is_an_error(wire, coding, end):
    (part, *_) = PACKERS[coding]([EVENT])
    got = []

    def script(peer):
        peer.request()
        peer.send(OK + b"Content-Encoding: %b\r\n" % coding.encode())
        peer.send(b"Content-Length: %d\r\n\r\n" % (len(part) + len(end)) + part)
        peer.send(end)

    with Server(script) as server, pytest.raises(httpxr.RemoteProtocolError):
        wire.fetch(server.url, wire.transport(), seen=got.append)
    # Damage in the same read takes along what came with it.
    assert b"".join(got) in ([EVENT] if not end else [EVENT, b""])
