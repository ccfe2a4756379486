"""A wire's error as one of this package's, and whether the server may have acted."""

from __future__ import annotations

import socket
import ssl

import httpxr
import pytest

from reconnecting_sse import (
    CertificateRejected,
    ConnectionFailed,
    StreamInterrupted,
    UnexpectedStatus,
)
from reconnecting_sse.exchange.failures import (
    PERMANENT,
    cut_stream,
    explain,
    failed_attempt,
    was_never_sent,
)
from reconnecting_sse.transports.http1.faults import MalformedError
from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.ways.refusals import ProxyRefused
from reconnecting_sse.transports.wire_errors import AnswerError

URL = "https://me:hush@feed.test/events?token=secret"
NOT_READ_BACK = "cannot be read back"


def caused_by(kind, cause):
    error = kind(Trouble.NOT_HTTP if kind is AnswerError else "it broke")
    error.__cause__ = cause
    return error


def failure(error, *, substituted=False):
    return failed_attempt(error, URL, substituted=substituted)


def test_an_attempt_without_a_response_is_a_failed_connection():
    error = httpxr.ReadTimeout("no headers within 30 s")
    failed = failure(error).error
    assert type(failed) is ConnectionFailed
    assert failed.__cause__ is error
    assert str(failed) == (
        "https://feed.test/events?token=***: ReadTimeout: no headers within 30 s"
    )
    assert failed.url == "https://feed.test/events?token=***"


@pytest.mark.parametrize("cause", [MalformedError("no head"), ValueError()])
def test_it_is_known_of_an_answer_that_it_was_malformed(cause):
    wires = caused_by(AnswerError, cause)
    failed = failure(caused_by(httpxr.RemoteProtocolError, wires))
    assert failed.malformed is isinstance(cause, MalformedError)


def test_an_error_without_a_message_is_told_by_its_name():
    assert str(failure(httpxr.ReadError("")).error).endswith(": ReadError")


def test_what_a_wire_quotes_of_the_server_cannot_forge_a_line():
    error = httpxr.RemoteProtocolError("bad line 'é\r\nGET \x1b[31m'")
    assert str(failure(error).error).endswith("bad line 'é\\r\\nGET \\x1b[31m'")


@pytest.mark.parametrize(
    ("error", "may_have"),
    [
        (httpxr.ConnectError("refused"), False),
        (httpxr.ConnectTimeout("late"), False),
        (httpxr.PoolTimeout("full"), False),
        (httpxr.ProxyError("no"), False),
        (caused_by(httpxr.NetworkError, ConnectionRefusedError()), False),
        (caused_by(httpxr.NetworkError, socket.gaierror()), False),
        (caused_by(httpxr.NetworkError, ssl.SSLCertVerificationError()), False),
        (caused_by(httpxr.NetworkError, ConnectionResetError()), True),
        (httpxr.ReadTimeout("late"), True),
        (httpxr.WriteError("half"), True),
        (httpxr.RemoteProtocolError("what?"), True),
    ],
    ids=repr,
)
def test_whether_the_server_may_have_acted_on_the_request(error, may_have):
    assert was_never_sent(error) is not may_have


def test_a_rejected_certificate_is_told_apart():
    error = caused_by(httpxr.ConnectError, ssl.SSLCertVerificationError("expired"))
    rejected = failure(error)
    assert type(rejected.error) is CertificateRejected
    assert NOT_READ_BACK not in str(rejected.error)
    assert was_never_sent(error)


@pytest.mark.parametrize("cause", [ssl.SSLError("eof"), ssl.SSLCertVerificationError()])
def test_a_tls_failure_on_a_substitute_says_whose_settings_were_not_used(cause):
    error = caused_by(httpxr.ConnectError, caused_by(OSError, cause))
    assert NOT_READ_BACK in str(failure(error, substituted=True).error)


def test_other_failures_on_a_substitute_do_not():
    error = caused_by(httpxr.ConnectError, ConnectionRefusedError())
    assert NOT_READ_BACK not in str(failure(error, substituted=True).error)


def test_a_cut_stream_is_an_interruption():
    error = httpxr.ReadError("reset")
    cut = cut_stream(error, URL)
    assert type(cut.error) is StreamInterrupted
    assert cut.error.__cause__ is error
    assert not cut.silent
    assert cut_stream(httpxr.ReadTimeout("no byte"), URL).silent
    assert str(cut.error) == (
        "the stream of https://feed.test/events?token=*** was interrupted:"
        " ReadError: reset"
    )


def test_explaining_raises_the_same_kind_of_error_and_only_with_a_reason():
    error = caused_by(httpxr.ConnectError, ssl.SSLError("eof"))
    with pytest.raises(
        httpxr.ConnectError, match=f"it broke .*{NOT_READ_BACK}"
    ) as hint:
        explain(error, substituted=True)
    assert hint.value.__cause__ is error
    explain(error, substituted=False)
    explain(httpxr.ConnectError("refused"), substituted=True)


def test_a_request_that_cannot_be_sent_is_nothing_to_try_again():
    assert httpxr.LocalProtocolError in PERMANENT
    assert not issubclass(httpxr.RemoteProtocolError, PERMANENT)


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxys_refusal_is_an_unexpected_status(status):
    error = ProxyRefused("no", status=status)
    refused = failure(error)
    assert type(refused.error) is UnexpectedStatus
    assert refused.error.status == status
    assert was_never_sent(error)


def test_a_refusal_without_a_status_is_a_failed_connection():
    assert type(failure(ProxyRefused("no")).error) is ConnectionFailed


def test_what_quotes_a_url_quotes_no_secret():
    text = "Client error '401' for url 'https://u:hush@auth.test/t?client_secret=hush'"
    shown = str(failure(httpxr.ReadError(f"{text}\nmore")).error)
    assert "hush" not in shown
    assert "https://auth.test/t?client_secret=***" in shown
    assert "\n" not in shown
