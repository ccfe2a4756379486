"""How a body ends, by its head: one decision for every answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.http1.chunked import Chunked
from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.framing import payload_of
from reconnecting_sse.transports.http1.head import Head
from reconnecting_sse.transports.http1.payload import Counted, Nothing, UntilClose
from tests.transports.http1.answers import cut, drained, places


def payload(*fields, status=200, version=b"HTTP/1.1", method="GET"):
    pairs = [tuple(field.split(b": ", 1)) for field in fields]
    return payload_of(Head(version, status, b"", pairs), method)


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("fields", [[], [CHUNKED], [b"Content-Length: 5"]])
def test_some_answers_have_no_body_whatever_they_say(fields):
    assert isinstance(payload(*fields, method="HEAD"), Nothing)
    for status in (101, 204, 304):
        nothing = payload(*fields, status=status)
        assert isinstance(nothing, Nothing)
        assert drained(nothing, [b"never"], is_over=False) == (b"", "done")
        assert nothing.feed(b"never") == b""


@pytest.mark.parametrize(
    "fields",
    [
        [CHUNKED],
        [b"TRANSFER-ENCODING: Chunked"],
        [b"Transfer-Encoding: ,chunked ,"],
        [CHUNKED, b"Content-Length: 5"],
        [CHUNKED, b"Content-Length: nonsense"],
    ],
)
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_chunked_wins_over_any_length(fields, version):
    assert isinstance(payload(*fields, version=version), Chunked)


@pytest.mark.parametrize(
    "value",
    [
        b"gzip",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, identity",
        b"identity, chunked",
        b"chunked, chunked",
        b"xchunked",
        b"chunked;q=1",
        b"\x80\xff",
    ],
)
def test_a_transfer_coding_that_is_not_chunked_alone_is_a_fault(value):
    fault = payload(b"Transfer-Encoding: " + value, b"Content-Length: 5")
    assert fault == Fault("its Transfer-Encoding is other than chunked")


def test_codings_in_two_fields_are_one_list():
    assert isinstance(payload(CHUNKED, CHUNKED), Fault)
    assert isinstance(payload(CHUNKED, b"transfer-encoding: "), Chunked)


@pytest.mark.parametrize("value", [b"identity", b"Identity", b"", b" , "])
def test_no_transfer_coding_is_none(value):
    field = b"Transfer-Encoding: " + value
    assert isinstance(payload(field), UntilClose)
    assert isinstance(payload(field, b"Content-Length: 2"), Counted)


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 3"],
        [b"content-LENGTH: 003"],
        [b"Content-Length: 3, 3"],
        [b"Content-Length: 3", b"Content-Length: 3"],
        [b"Content-Length: 3", b"Content-Length: 03,3,"],
    ],
)
def test_one_length_however_often_it_is_said_is_that_length(fields):
    assert drained(payload(*fields), [b"abcdef"], is_over=False) == (b"abc", "done")


@pytest.mark.parametrize("value", [b"0", b"000", b"0, 0"])
def test_a_length_of_nothing_is_done_at_once(value):
    assert payload(b"Content-Length: " + value).is_done


@pytest.mark.parametrize("digits", [19, 30, 31, 5000, 60_000])
def test_a_length_may_have_any_number_of_digits(digits):
    body = payload(b"Content-Length: " + b"9" * digits)
    assert drained(body, [b"abc", b"def"]) == (b"abcdef", "cut")


@pytest.mark.parametrize(
    "value",
    [b"+5", b"-1", b"1_0", b"0x5", b"5.0", b"5 5", b"5;", b"five", b"\xb2", b"5, x"],
)
def test_a_length_that_is_no_number_is_a_fault(value):
    fault = payload(b"Content-Length: " + value)
    assert fault == Fault("its Content-Length is not a number")


@pytest.mark.parametrize("fields", [[b"3, 4"], [b"3", b"4"], [b"9" * 40, b"9" * 41]])
def test_lengths_that_differ_are_a_fault(fields):
    fault = payload(*(b"Content-Length: " + value for value in fields))
    assert fault == Fault("its Content-Length is told twice, and not the same")


def test_a_length_of_zeros_and_nonsense_costs_no_more_than_reading_it():
    began = time.process_time()
    assert isinstance(payload(b"Content-Length: " + b"0" * 65_000 + b"x"), Fault)
    assert time.process_time() - began < 1


@given(st.binary(max_size=300), st.integers(0, 300), places)
def test_a_body_of_known_length_ends_at_it_or_is_cut(data, length, places):
    body = payload(b"Content-Length: %d" % length)
    outcome = "cut" if len(data) < length else "done"
    assert drained(body, cut(data, places)) == (data[:length], outcome)


@given(st.binary(max_size=300), places)
def test_a_body_without_length_lasts_until_the_end(data, places):
    assert drained(payload(), cut(data, places), is_over=False) == (data, "open")
    assert drained(payload(), cut(data, places)) == (data, "done")
