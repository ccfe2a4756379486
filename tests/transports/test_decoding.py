"""Content codings: whatever the cuts, live, bounded, and never cut short unnoticed."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.codings.decoding import OUTPUT_LIMIT, DecodingError
from reconnecting_sse.transports.codings.inflating import Inflater

BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15, "bare deflate": -15}
codings = st.sampled_from(sorted(BITS))


def packed(coding, *parts):
    """Each part flushed, as a live server does."""
    packer = zlib.compressobj(wbits=BITS[coding])
    pieces = [packer.compress(p) + packer.flush(zlib.Z_SYNC_FLUSH) for p in parts]
    return [*pieces, packer.flush()]


def inflater(coding):
    return Inflater(coding.removeprefix("bare "))


def decoded(decoder, *pieces):
    output = b""
    for piece in pieces:
        output += decoder.decode(piece)
        while decoder.pending:
            output += decoder.decode(b"")
    return output


@given(codings, st.lists(st.binary(max_size=200), max_size=5))
def test_every_flushed_part_comes_out_at_once(coding, parts):
    decoder = inflater(coding)
    *pieces, end = packed(coding, *parts)
    assert [decoded(decoder, piece) for piece in pieces] == parts
    assert decoded(decoder, end) == b""
    assert decoder.is_whole


@given(codings, st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=9))
def test_the_cuts_do_not_matter(coding, data, places):
    wire = b"".join(packed(coding, data))
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    pieces = [wire[a:b] for a, b in pairwise(edges)]
    decoder = inflater(coding)
    assert decoded(decoder, *pieces) == data
    assert decoder.is_whole


@given(codings, st.binary(max_size=200), st.integers(1, 500))
def test_an_end_before_the_end_is_noticed(coding, data, length):
    wire = b"".join(packed(coding, data))
    decoder = inflater(coding)
    decoded(decoder, wire[: min(length, len(wire) - 1)])
    assert not decoder.is_whole


@pytest.mark.parametrize("coding", sorted(BITS))
def test_nothing_at_all_is_whole(coding):
    decoder = inflater(coding)
    assert decoder.decode(b"") == b""
    assert decoder.is_whole


@pytest.mark.parametrize("coding", sorted(BITS))
def test_one_step_is_bounded_and_loses_nothing(coding):
    data = b"x" * (OUTPUT_LIMIT * 5 + 7)
    decoder = inflater(coding)
    steps = [decoder.decode(b"".join(packed(coding, data)))]
    while decoder.pending:
        steps.append(decoder.decode(b""))
    assert b"".join(steps) == data
    assert max(map(len, steps)) == OUTPUT_LIMIT


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_gzip_may_have_many_members_cut_anywhere(size):
    parts = [b"one", b"", b"two" * 100, b"three"]
    wire = b"".join(map(gzip.compress, parts))
    decoder = Inflater("gzip")
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert decoded(decoder, *pieces) == b"".join(parts)
    assert decoder.is_whole


def test_a_later_member_that_is_cut_short_is_noticed():
    decoder = Inflater("gzip")
    assert decoded(decoder, gzip.compress(b"one") + gzip.compress(b"two")[:-1])
    assert not decoder.is_whole


@pytest.mark.parametrize("coding", sorted(BITS))
@pytest.mark.parametrize("together", [True, False])
def test_what_follows_the_end_is_not_content(coding, together):
    wire = b"".join(packed(coding, b"data"))
    pieces = [wire + bytes(9)] if together else [wire, bytes(9), wire]
    decoder = inflater(coding)
    assert decoded(decoder, *pieces) == b"data"
    assert decoder.is_whole


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_damage_is_an_error(coding):
    with pytest.raises(DecodingError):
        Inflater(coding).decode(b"\xff" * 20)
