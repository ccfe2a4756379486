"""Content types and codings, as the standards' own words read them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.media import content_codings, essence_of, media_type

REGISTERED = [
    *("aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip"),
    *("pack200-gzip", "x-compress", "x-gzip", "zstd"),
]


@pytest.mark.parametrize("name", REGISTERED)
def test_a_registered_coding_is_one_in_any_letter_case(name):
    assert content_codings([name]) == [name]
    assert content_codings([f" {name.upper()}\t"]) == [name]


@pytest.mark.parametrize(
    "value",
    [
        *("identity", "Identity", "none", "utf-8", "chunked", "bzip2", "sdch", "8bit"),
        *("gzip;q=1", "*", "x-br", '"gzip"', "none, identity", "gz ip", "gzip\xa0"),
        *("", " ", ",", ", ,"),
    ],
)
def test_what_nobody_registered_is_no_coding(value):
    assert content_codings([value]) == []


@pytest.mark.parametrize(
    ("values", "codings"),
    [
        ([], []),
        (["gzip, br"], ["gzip", "br"]),
        (["gzip", "br"], ["gzip", "br"]),
        (["none, gzip"], ["gzip"]),
        (["gzip,identity"], ["gzip"]),
        (["gzip ,\t,none, BR", "x-compress"], ["gzip", "br", "x-compress"]),
        (["gzip, gzip"], ["gzip", "gzip"]),
    ],
)
def test_codings_are_told_in_the_order_in_which_they_were_applied(values, codings):
    assert content_codings(values) == codings


STREAM = "text/event-stream"


@pytest.mark.parametrize(
    ("values", "essence"),
    [
        ([], ""),
        ([""], ""),
        ([STREAM], STREAM),
        (["Text/EVENT-Stream ; charset=latin-1; x"], STREAM),
        (["text/event-stream, text/event-stream"], STREAM),
        (["application/json, text/event-stream"], STREAM),
        (["application/json", "text/event-stream"], STREAM),
        (["text/event-stream", "text/html"], "text/html"),
        (["text/event-stream", ""], STREAM),
        (["text/event-stream, nonsense"], STREAM),
        (["text/event-stream;a=b, */*;q=1"], STREAM),
        (["*/*"], ""),
        (["*/plain"], "*/plain"),
        (['text/event-stream;a="b, text/html"'], STREAM),
        (['text/html;a="\\", a/b", text/event-stream'], STREAM),
        (['text/html;a="b, text/event-stream'], "text/html"),
        (['text/html;a="b', 'c", text/event-stream'], STREAM),
        (["text/html;a=b\\, text/event-stream"], STREAM),
        (["text/event-stream charset=utf-8"], ""),
        (["text/event-stream/x"], ""),
        (["text /event-stream"], ""),
        (["text/ event-stream"], ""),
        (["/event-stream, text/"], ""),
        (['"text/event-stream"'], ""),
        (["text/évent-stream"], ""),
    ],
)
def test_the_type_is_the_last_usable_one(values, essence):
    assert media_type(values) == essence


def as_fetch_says(text):
    """Fetch, "get, decode, and split" and "extract a MIME type", step by step."""
    members, member, at = [], "", 0
    while True:
        while at < len(text) and text[at] not in '",':
            member += text[at]
            at += 1
        if at < len(text) and text[at] == '"':
            end = end_of_quotes(text, at)
            member, at = member + text[at:end], end
            if at < len(text):
                continue
        members.append(member.strip(" \t"))
        member = ""
        if at >= len(text):
            break
        at += 1
    essences = [essence_of(member) for member in members]
    return next((essence for essence in reversed(essences) if essence), "")


def end_of_quotes(text, at):
    """Fetch, "collect an HTTP quoted string"."""
    at += 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return min(at + 1, len(text))


PARTS = [",", '"', "\\", ";", "/", " ", "a/b", "c/d", "x", "=", "*/*", "\t", "\n"]
texts = st.lists(st.sampled_from(PARTS), max_size=20).map("".join)


@given(st.lists(texts, max_size=3))
def test_any_values_are_split_as_fetch_says(values):
    assert media_type(values) == as_fetch_says(",".join(values))


@pytest.mark.parametrize(
    "part", ['"', '""', '"\\', "\\", ",", '",', "a/b;", 'a"', "/", " ", "a/b,"]
)
def test_a_value_as_long_as_a_head_costs_no_time(part):
    started = time.perf_counter()
    media_type([part * (65536 // len(part))])
    media_type(['"' + part * (65536 // len(part))])
    content_codings([part * (65536 // len(part))])
    assert time.perf_counter() - started < 2.0  # 0.05, where it was measured
