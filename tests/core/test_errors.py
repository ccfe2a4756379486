"""The error tree: what it shows, what it hides, and that it travels."""

from __future__ import annotations

import copy
import pickle
import ssl

import httpxr
import pytest
from httpxr.sse import SSEError
from hypothesis import given
from hypothesis import strategies as st

import reconnecting_sse
from reconnecting_sse import (
    ConnectionFailed,
    ReconnectionExhausted,
    StreamError,
    UnexpectedStatus,
)
from reconnecting_sse.core.errors import MESSAGE_LIMIT, redacted, shortened

KINDS = [
    getattr(reconnecting_sse, name)
    for name in (
        "CertificateRejected",
        "ConnectionFailed",
        "EventTooLarge",
        "ReconnectionExhausted",
        "StreamEnded",
        "StreamInterrupted",
        "UnexpectedContentType",
        "UnexpectedStatus",
    )
]


def travelled(error):
    return pickle.loads(pickle.dumps(error))


def full_error(kind=UnexpectedStatus):
    return kind(
        "it went wrong",
        url="https://me:hush@h.test/feed?token=secret",
        status=503,
        headers=[("retry-after", "5")],
        body=b"x" * 2000,
        attempts=3,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_caught_by_handlers_of_httpxrs(kind):
    for base in (StreamError, SSEError, httpxr.TransportError, httpxr.HTTPError):
        assert issubclass(kind, base)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_has_every_error(kind):
    assert kind.__name__ in reconnecting_sse.core.errors.__doc__
    assert kind.__doc__


def test_an_errors_fields_are_there_without_any():
    error = ConnectionFailed("no")
    assert str(error) == "no"
    assert (error.url, error.status, error.headers) == ("", None, ())
    assert (error.body, error.attempts) == (b"", 0)


def test_an_error_keeps_at_most_a_kilobyte_of_the_body_and_no_credential():
    error = full_error()
    assert len(error.body) == 1024
    assert error.url == "https://h.test/feed?token=***"
    assert error.headers == (("retry-after", "5"),)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/", "http://h/"),
        ("http://u:p@h:1/a", "http://h:1/a"),
        ("http://u@p@h/a@b", "http://h/a@b"),
        ("u:p@h/a", "h/a"),
        ("mailto:me@h.test", "mailto:me@h.test"),
        ("SIP:me@h.test?subject=secret", "SIP:me@h.test?subject=***"),
        ("mailto://u:p@h/", "mailto://h/"),
        ("http://h?q=1#frag", "http://h?q=***"),
        ("http://h/?a=1&b&c=&=d", "http://h/?a=***&***&c=***&***"),
        ("http://h/?to=http://u:p@x/", "http://h/?to=***"),
        ("/a?b=c", "/a?b=***"),
        ("http://h/#u:p@x", "http://h/"),
        (" http://user:secret@h/", "http://h/"),
        ("ht\ttp://user:secret@h/", "http://h/"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_userinfo_and_query_values(url, shown):
    assert redacted(url) == shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copied", [travelled, copy.copy, copy.deepcopy])
def test_an_error_travels_with_all_its_fields(kind, copied):
    error = full_error(kind)
    error.add_note("a note")
    twin = copied(error)
    assert type(twin) is kind
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
    assert twin.__cause__ is None


def test_a_cause_of_ours_travels_whole_and_its_own_cause_too():
    error = full_error(ReconnectionExhausted)
    error.__cause__ = full_error()
    error.__cause__.__cause__ = ValueError("deep")
    cause = travelled(error).__cause__
    assert type(cause) is UnexpectedStatus
    assert cause.status == 503
    assert isinstance(cause.__cause__, ValueError)


def test_a_cause_that_pickles_travels_as_it_is():
    error = full_error()
    error.__cause__ = ssl.SSLCertVerificationError("expired")
    cause = travelled(error).__cause__
    assert type(cause) is ssl.SSLCertVerificationError


def test_a_cause_that_cannot_travel_leaves_its_words():
    error = full_error()
    error.__cause__ = httpxr.ReadTimeout("no byte for 5 s")
    cause = travelled(error).__cause__
    assert type(cause) is StreamError
    assert str(cause) == "ReadTimeout: no byte for 5 s"


def test_the_callers_own_subclass_travels_too():
    error = Own("mine", url="http://h/", extra=5)
    assert (travelled(error).extra, str(travelled(error))) == (5, "mine")


class Own(StreamError):
    def __init__(self, message, *, extra, **fields):
        super().__init__(message, **fields)
        self.extra = extra


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://user:secret@host/https://target/feed",
            "https://host/https://target/feed",
        ),
        ("http:/user:secret@h/", "http:/h/"),
        ("//user:secret@host/x", "//host/x"),
        ("http://user:sec/ret@h/", "http://h/"),
        ("http://user:sec#ret@h/x", "http://h/x"),
        ("http://user:sec?ret@h/", "http://h/"),
        ("http://host:80/a@b?c=d", "http://host:80/a@b?c=***"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("/events?a=b", "/events?a=***"),
        (" http://user:secret@h/", "http://h/"),
        ("ht\ttp://user:secret@h/", "http://h/"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_userinfo_however_it_is_written(url, shown):
    assert redacted(url) == shown


@given(st.text(), st.integers(4, 20))
def test_what_is_too_long_is_shown_in_part(text, limit):
    shown = shortened(text, limit)
    assert len(shown) <= limit
    if len(text) <= limit:
        assert shown == text
    else:
        beginning, _, end = shown.rpartition("…")
        assert beginning
        assert end
        assert text.startswith(beginning)
        assert text.endswith(end)


def test_a_message_keeps_its_beginning_and_its_advice():
    error = StreamError("it failed: " + "x" * 10_000 + "; is it right?")
    assert len(str(error)) == MESSAGE_LIMIT
    assert str(error).startswith("it failed: x")
    assert str(error).endswith("x; is it right?")


def test_a_long_url_is_redacted_before_it_is_shortened():
    shown = redacted(
        f"http://{'u' * 5000}:hush@h.test/{'p' * 5000}?{'q=secret&' * 999}"
    )
    assert len(shown) < 500
    assert shown.startswith("http://h.test/ppp")
    assert "hush" not in shown
    assert "secret" not in shown
    assert redacted(shown) == shown
