"""What an answer says, without a socket or a clock."""

from __future__ import annotations

import httpxr
import pytest

from reconnecting_sse import UnexpectedContentType, UnexpectedStatus
from reconnecting_sse.core.answer import Answer, refusal
from reconnecting_sse.exchange.answers import answer_of

URL = "https://me:hush@feed.test/events?token=secret"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NOON = 784111777.0  # DATE in POSIX seconds


def answer(status=200, **headers):
    fields = ((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, tuple(fields))


# ------------------------------------------------------------------ headers


def test_an_httpxr_response_as_an_answer():
    request = httpxr.Request("GET", "http://feed.test/events?a=1")
    headers = [("X-A", "1"), ("x-a", "2"), ("X-B", b"caf\xe9")]
    response = httpxr.Response(201, headers=headers, request=request)
    seen = answer_of(response, "why not")
    assert seen.status == 201
    assert seen.headers[:3] == (("x-a", "1"), ("x-a", "2"), ("x-b", "café"))
    assert seen.refusal == "why not"
    assert seen.url == "http://feed.test/events?a=1"
    assert seen.header("x-a") == "2"
    assert seen.header("x-c") is None


def test_a_response_without_request_has_no_url():
    assert answer_of(httpxr.Response(200)).url == ""


def test_what_httpxr_holds_whole_is_decoded_and_a_stream_is_not():
    headers = [("Content-Encoding", "br")]
    assert answer_of(httpxr.Response(200, headers=headers)).content_encoding == ""
    stream = httpxr.Response(200, headers=headers, stream=iter([b"a"]))
    assert answer_of(stream).content_encoding == "br"


def test_a_position_is_what_the_first_of_the_named_headers_says():
    seen = answer(x_position="5", x_other="6", x_empty="")
    assert seen.position(["x-missing", "x-other", "x-position"]) == "6"
    assert seen.position(["x-empty", "x-other"]) == ""
    assert seen.position(["x-missing"]) is None
    assert seen.position([]) is None


@pytest.mark.parametrize(
    ("value", "essence"),
    [
        ("text/event-stream", "text/event-stream"),
        ("Text/EVENT-Stream ; charset=latin-1; x", "text/event-stream"),
        (" text/event-stream", "text/event-stream"),
        ("text/event-stream-not", "text/event-stream-not"),
        ("text/html, text/event-stream", "text/event-stream"),
        ("", ""),
    ],
)
def test_the_content_type_is_its_essence(value, essence):
    assert answer(content_type=value).content_type == essence
    is_stream = essence == "text/event-stream"
    assert answer(content_type=value).is_event_stream is is_stream


def test_without_a_content_type_there_is_none():
    assert answer().content_type == ""
    assert not answer().is_event_stream


@pytest.mark.parametrize("status", [201, 204, 206, 301, 500])
def test_only_a_200_is_an_event_stream(status):
    assert not answer(status, content_type="text/event-stream").is_event_stream


@pytest.mark.parametrize(
    ("value", "encoding"),
    [("br", "br"), (" GZIP, exi", "gzip, exi"), ("none, Identity", ""), ("", "")],
)
def test_an_encoding_that_nobody_undid_is_no_event_stream(value, encoding):
    seen = answer(content_type="text/event-stream", content_encoding=value)
    assert seen.content_encoding == encoding
    assert seen.is_event_stream is not bool(encoding)


# ------------------------------------------------------------------ Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("007", 7),
        (" 120 ", 120),
        ("3601", 3600),
        ("9" * 18, 3600),
        ("-5", None),
        ("1.5", None),
        ("+5", None),
        ("1_0", None),
        ("٣", None),
        ("soon", None),
        ("", None),
    ],
)
def test_seconds_to_wait(value, seconds):
    assert answer(503, retry_after=value).retry_after(NOON, 3600) == seconds


def test_without_the_header_nothing_is_asked():
    assert answer(503).retry_after(NOON, 3600) is None


@pytest.mark.parametrize(
    ("due", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
        ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
        ("Sun Nov  6 08:50:07 1994", 30),
        ("Sun, 06 Nov 1994 08:50:07 -0000", 30),
        (DATE, 0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Sun, 06 Nov 1995 08:00:00 GMT", 3600),
        ("Sun, 99 Nov 1994 08:50:07 GMT", None),
    ],
)
def test_a_date_to_wait_for_is_relative_to_the_answers_own(due, seconds):
    seen = answer(503, retry_after=due, date=DATE)
    # Whatever time it is here.
    for wall in (0.0, NOON, NOON + 1e6):
        assert seen.retry_after(wall, 3600) == seconds


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_without_a_date_of_its_own_it_is_relative_to_the_wall_clock(date):
    seen = answer(429, retry_after="Sun, 06 Nov 1994 08:50:07 GMT", **date)
    assert seen.retry_after(NOON, 3600) == 30
    assert seen.retry_after(NOON + 20, 3600) == 10
    assert seen.retry_after(NOON + 40, 3600) == 0


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "credentials"),
        (403, "credentials"),
        (407, "credentials"),
        (404, "expected 200; is this the stream's URL?"),
        (429, "fewer requests"),
        (431, "headers are too large for the server"),
        (500, "in trouble"),
        (599, "in trouble"),
        (206, "expected 200"),
    ],
)
def test_a_refused_status_says_what_to_look_at(status, hint):
    seen = Answer(status, (("x", "1"),), b"sorry")
    error = refusal(seen, URL)
    assert type(error) is UnexpectedStatus
    assert str(error).startswith("https://feed.test/events?token=*** answered ")
    assert f"answered {status}: " in str(error)
    assert hint in str(error)
    assert (error.status, error.headers, error.body) == (status, seen.headers, b"sorry")
    assert error.url == "https://feed.test/events?token=***"


def test_a_refused_redirect_says_why():
    error = refusal(Answer(302, refusal="a redirect without a Location"), URL)
    assert str(error).endswith("answered 302: a redirect without a Location")


@pytest.mark.parametrize(
    ("content_type", "coding", "said"),
    [
        (
            "text/HTML; x",
            None,
            "with 'text/html', expected 'text/event-stream'; is this",
        ),
        (None, None, "with no content type, expected 'text/event-stream'; is this"),
        ("text/html", "compress", "with 'text/html', expected 'text/event-stream'; is"),
        (
            "text/event-stream",
            "br",
            'decoded here; pip install "reconnecting-sse[compression]", or have',
        ),
        (
            "text/event-stream",
            "gzip, zstd",
            "'gzip, zstd', which cannot be decoded here; pip install",
        ),
        (
            "text/event-stream",
            "gzip, none",
            "'gzip', which cannot be decoded here; have the server send gzip, or none",
        ),
        (
            "text/event-stream",
            "br, exi",
            "'br, exi', which cannot be decoded here; have the server",
        ),
        (
            "text/event-stream",
            "compress",
            "'compress', which cannot be decoded here; h",
        ),
    ],
)
def test_a_200_that_is_no_event_stream_says_what_it_is(content_type, coding, said):
    headers = {"content_type": content_type, "content_encoding": coding}
    given = {name: value for name, value in headers.items() if value is not None}
    error = refusal(answer(**given), URL)
    assert type(error) is UnexpectedContentType
    assert " answered 200 " in str(error)
    assert said in str(error)
    assert error.status == 200
