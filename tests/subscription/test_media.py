"""What is read as events, and what is refused: odd answers through a whole source."""

from __future__ import annotations

import gzip
import sys
import zlib
from functools import reduce
from importlib import import_module

import brotli
import httpxr
import pytest
from tenacity import stop_after_attempt

from reconnecting_sse import SSEError, UnexpectedContentType
from reconnecting_sse.testing import Answer, Raw, ScriptedServer
from tests.connection_harness import FACES, data_of, new_source, reader_for
from tests.raw_wire import Server
from tests.transports.odd_answers import ODD_ANSWERS

zstd = import_module(
    "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"
)

EVENT = b"id: 1\ndata: hello\n\n"
STREAM = b"text/event-stream"

PACKERS = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstd.compress,
}


@pytest.fixture(params=FACES)
def face(request):
    return request.param


def packed(*names):
    return reduce(lambda data, name: PACKERS[name](data), names, EVENT)


def typed(*values):
    return answer(*(b"Content-Type: " + value for value in values))


def coded(*values, body=EVENT):
    lines = [b"Content-Encoding: " + value for value in values]
    return answer(b"Content-Type: " + STREAM, *lines, body=body)


def answer(*lines, body=EVENT):
    head = [b"HTTP/1.1 200 OK", *lines, b"Connection: close"]
    return b"\r\n".join([*head, b"", b""]) + body


# name: the answer; what makes a source give the event
TAKEN = {
    **{
        f"type {value.decode()}": typed(value)
        for value in [
            b"text/event-stream",
            b"TEXT/Event-Stream;charset=utf-16",
            b"text/event-stream;",
            b"text/event-stream ; charset=utf-8",
            b"text/event-stream,",
            b",, text/event-stream",
            b"text/event-stream, text/event-stream",
            b"text/event-stream;charset=utf-8,text/event-stream",
            b"application/json, text/event-stream",
            b"text/html; charset=utf-8, text/event-stream; charset=utf-8",
            b"text/event-stream, nonsense",
            b"text/event-stream, */*",
            b"text/event-stream, text/",
            b'text/event-stream;a="b, text/html"',
            b'text/event-stream;a="b',
            b'text/html;a="b, c/d", text/event-stream',
            b'text/html;a="\\", c/d", text/event-stream',
            b"text/event-stream;\r\n charset=utf-8",
            b"application/json,\r\n\ttext/event-stream",
        ]
    },
    "types in two lines": typed(b"application/json", STREAM),
    "types in three lines": typed(STREAM, b"", b"*/*"),
    **{
        f"coding {value.decode()!r}": coded(value)
        for value in [
            b"none",
            b"None",
            b"utf-8",
            b"UTF-8",
            b"chunked",
            b"identity",
            b"identity, none",
            b"",
            b",",
            b"binary",
            b"8bit",
            b"null",
            b"*",
            b"bzip2",
            b"sdch",
            b"text/event-stream",
            b'"gzip"',
            b"gzip;q=1",
            b"gzip\xa0".decode("latin-1").encode(),
        ]
    },
    "no codings in two lines": coded(b"none", b"identity"),
    **{
        f"coded {value.decode()}": coded(value, body=packed(*names))
        for value, names in {
            b"gzip": [b"gzip"],
            b"GZIP": [b"gzip"],
            b"X-Gzip": [b"gzip"],
            b"deflate": [b"deflate"],
            b"br": [b"br"],
            b"zstd": [b"zstd"],
            b"gzip, identity": [b"gzip"],
            b"identity,gzip": [b"gzip"],
            b"none, gzip": [b"gzip"],
            b"gzip, chunked": [b"gzip"],
            b",gzip,": [b"gzip"],
            b"utf-8, br, none": [b"br"],
            b"gzip, br": [b"gzip", b"br"],
            b"br, gzip": [b"br", b"gzip"],
            b"gzip, gzip": [b"gzip", b"gzip"],
            b"deflate, none, zstd": [b"deflate", b"zstd"],
            b"gzip, deflate, br, zstd, gzip": [*PACKERS, b"gzip"],
        }.items()
    },
    "codings in two lines": coded(b"gzip", b"br", body=packed(b"gzip", b"br")),
    "a coding and none in two lines": coded(b"gzip", b"none", body=packed(b"gzip")),
}

# name: the answer, and what the error says that came
REFUSED = {
    **{
        f"type {value.decode()}": (typed(value), f"with {shown!r}, expected")
        for value, shown in {
            b"text/html": "text/html",
            b"text/event-stream, text/html": "text/html",
            b"text/event-stream, Text/Plain;a=b, x": "text/plain",
            b"text/event-streams": "text/event-streams",
            b"text/event-stream charset=utf-8": "text/event-stream charset=utf-8",
            b"text/event-stream/x": "text/event-stream/x",
            b"text / event-stream": "text / event-stream",
            b"event-stream": "event-stream",
            b"/event-stream": "/event-stream",
            b'"text/event-stream"': '"text/event-stream"',
            b'text/html;a="b, text/event-stream': "text/html",
            b"*/*": "*/*",
        }.items()
    },
    "type of nothing": (typed(b""), "with no content type, expected"),
    "no type": (answer(), "with no content type, expected"),
    "type after it": (typed(STREAM, b"text/html"), "with 'text/html', expected"),
    **{
        f"coding {value.decode()}": (coded(value), f"in the encoding {shown!r}, which")
        for value, shown in {
            b"compress": "compress",
            b"X-Compress": "x-compress",
            b"aes128gcm": "aes128gcm",
            b"exi": "exi",
            b"pack200-gzip": "pack200-gzip",
            b"dcb": "dcb",
            b"DCZ": "dcz",
            b"compress, identity": "compress",
            b"none, compress": "compress",
            b"gzip, compress": "gzip, compress",
            b"compress,none,gzip": "compress, gzip",
            b"gzip, gzip, gzip, gzip, gzip, gzip": ", ".join(["gzip"] * 6),
        }.items()
    },
    "codings in two lines": (coded(b"br", b"exi"), "in the encoding 'br, exi', which"),
}

# Those of the field that are refused; both by the second look at their bytes.
BROKEN = {
    "chunk size +14": "broke its framing",
    "coding compress": "in the encoding 'compress'",
}
FIELD = [
    *("no framing", "LF-only head", "blank before colon", "control in a value"),
    *("obs-fold", "101 fields", "coding none", "coding compress", "type list, same"),
    *("chunk size +14", "chunked and a length", "length of 19 digits"),
    *("length twice", "199 with fields first"),
]
ODD = {odd.name: odd.answer for odd in ODD_ANSWERS}


def first_event(face, server, **options):
    with reader_for(face) as reader:
        source = new_source(face, server.url, stop=stop_after_attempt(1), **options)
        try:
            (event,) = reader.take(source, 1)
        finally:
            reader.leave(source)
    return event.id, event.data


def playing(raw):
    def script(peer):
        peer.request()
        peer.send(raw)

    return Server(script)


def test_there_are_many_of_them():
    assert len(TAKEN) + len(REFUSED) > 80


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_an_event_stream_is_read(face, name):
    with playing(TAKEN[name]) as server:
        assert first_event(face, server) == ("1", "hello")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_none_is_refused_by_its_name(face, name):
    raw, said = REFUSED[name]
    with playing(raw) as server, pytest.raises(UnexpectedContentType) as caught:
        first_event(face, server)
    assert said in str(caught.value)
    assert caught.value.status == 200


@pytest.mark.parametrize("name", FIELD)
def test_odd_answers_of_the_field_are_an_event_or_refused(face, name):
    with playing(ODD[name]) as server:
        if name not in BROKEN:
            assert first_event(face, server) == ("1", "hello")
            return
        with pytest.raises(SSEError) as caught:
            first_event(face, server)
    assert BROKEN[name] in str(caught.value.__cause__ or caught.value)


@pytest.mark.parametrize(
    "body", [EVENT, packed(b"gzip"), packed(b"gzip", b"br")[:20]], ids=len
)
def test_a_chain_that_does_not_decode_is_a_cut(face, body):
    raw = coded(b"gzip, br", body=body)
    with playing(raw) as server, pytest.raises(SSEError) as caught:
        first_event(face, server)
    assert "does not decode as Content-Encoding says" in str(caught.value.__cause__)


# ------------------------------------------------------------------ content_types=


@pytest.mark.parametrize(
    ("content_types", "value"),
    [
        (["text/plain"], b"Text/Plain; charset=utf-8"),
        (("text/event-stream", "text/plain"), b"text/plain"),
        ({"TEXT/plain; charset=x"}, b"application/json, text/plain"),
        ("text/plain", b"text/plain"),
        ("*", b"text/html"),
        (["text/event-stream", "*"], b"text/html"),
        ("*", b"no type at all"),
        ("*", b""),
    ],
)
def test_other_types_may_be_taken(face, content_types, value):
    with playing(typed(value)) as server:
        event = first_event(face, server, content_types=content_types)
    assert event == ("1", "hello")


def test_any_type_may_be_none(face):
    with playing(answer()) as server:
        assert first_event(face, server, content_types="*") == ("1", "hello")


@pytest.mark.parametrize(
    ("content_types", "value", "expected"),
    [
        (["text/plain"], STREAM, "'text/plain'; is this"),
        (["text/b", "text/a"], STREAM, "'text/a' or 'text/b'; is this"),
    ],
)
def test_then_the_others_are_not(face, content_types, value, expected):
    with playing(typed(value)) as server, pytest.raises(UnexpectedContentType) as told:
        first_event(face, server, content_types=content_types)
    assert f"with 'text/event-stream', expected {expected}" in str(told.value)


def test_a_coding_that_cannot_be_undone_is_refused_whatever_the_type(face):
    raw = answer(b"Content-Encoding: compress")
    with playing(raw) as server, pytest.raises(UnexpectedContentType, match="compress"):
        first_event(face, server, content_types="*")


@pytest.mark.parametrize(
    ("content_types", "error"),
    [
        ((), ValueError),
        ("", ValueError),
        ("text", ValueError),
        ("text/plain, text/event-stream", ValueError),
        (["text/plain", "*/*"], ValueError),
        (None, TypeError),
        ([b"text/plain"], TypeError),
    ],
)
def test_what_names_no_type_is_refused_when_the_source_is_made(
    face, content_types, error
):
    with pytest.raises(error):
        new_source(face, "http://feed.test/", content_types=content_types)


class Whole(httpxr.Auth):
    """Wants to see each answer's body."""

    requires_response_body = True

    def auth_flow(self, request):
        yield request


def test_an_auth_flow_does_not_wait_for_the_end_of_another_types_stream(face):
    plain = Answer(
        headers=[("Content-Type", "text/plain")], body=EVENT.decode(), end="hang"
    )
    with ScriptedServer([plain]) as server:
        event = first_event(face, server, auth=Whole(), content_types=["text/plain"])
    assert event == ("1", "hello")


# ------------------------------------------------------------------ the version


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_the_version_that_was_spoken_is_among_the_responses_extensions(face, version):
    raw = typed(STREAM).replace(b"HTTP/1.1", version)
    with ScriptedServer([Raw(raw)]) as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        assert data_of(reader.take(source, 1)) == ["hello"]
        assert source.response.extensions["http_version"] == version
        # httpxr says so of every response, and cannot be told otherwise.
        assert source.response.http_version == "HTTP/1.1"
        reader.leave(source)
