"""Origins that redirects may take everything to, and what is said of any other."""

from __future__ import annotations

from dataclasses import replace

import httpxr
import pytest
from tenacity import stop_after_attempt

from reconnecting_sse import (
    ReconnectPolicy,
    SSEError,
    UnexpectedContentType,
    UnexpectedStatus,
)
from tests.connection_harness import new_source, reader_for
from tests.faces import FakeTransport, on_both_faces, redirect, reply

URL = "http://me:hush@feed.test/events?token=secret"
OTHER = "https://cdn.test:8443/events?key=secret"
TRUSTED = "https://cdn.test:8443"
END = reply(204)


def source_of(face, *answers, client=(), url=URL, **options):
    transport = FakeTransport(*answers)
    made = face.client(transport=transport, **dict(client))
    return new_source(str(face), url, client=made, **options), transport


def asked(face, *answers, **options):
    """The requests that a source makes until its end."""
    source, transport = source_of(face, *answers, END, **options)
    with reader_for(str(face)) as reader:
        assert reader.take(source) == []
    return transport.requests


def failed(face, *answers, **options):
    """The error that a source ends with."""
    source, _ = source_of(face, *answers, **options)
    with reader_for(str(face)) as reader, pytest.raises(SSEError) as caught:
        reader.take(source)
    return caught.value


SECRETS = {
    "headers": {"X-Api-Key": "k", "Cookie": "c=1", "Host": "virtual.test"},
    "client": {"headers": {"X-Client": "1"}, "cookies": {"jar": "2"}},
    "cookies": {"given": "3"},
}
ALL = {
    "x-api-key": b"k",
    "x-client": b"1",
    "cookie": b"c=1; jar=2; given=3",
    "authorization": b"Basic bWU6aHVzaA==",
}


def private(request):
    return {
        name.decode(): value
        for name, value in request.fields
        if name.decode() in (*ALL, "last-event-id")
    }


@on_both_faces
@pytest.mark.parametrize(
    "trusted",
    [[TRUSTED], (TRUSTED.upper() + "/",), {TRUSTED, "http://x"}, [httpxr.URL(TRUSTED)]],
)
def test_a_trusted_origin_has_it_all(face, trusted):
    away = redirect(OTHER)
    first, second = asked(face, away, trusted_origins=trusted, **SECRETS)
    assert private(first) == private(second) == ALL
    assert first.header("host") == "virtual.test"  # a name that is the first one's
    assert second.header("host") == "cdn.test:8443"


@on_both_faces
@pytest.mark.parametrize(
    ("chain", "kept"),
    [
        ([OTHER, "/further", "https://feed.test/home"], [True] * 4),
        (["/here", OTHER, "https://third.test/"], [True, True, True, False]),
        (["https://third.test/", OTHER, "https://feed.test/"], [True] + [False] * 3),
        (["https://cdn.test:8444/"], [True, False]),
        (["https://cdn.test/"], [True, False]),
        (["https://www.cdn.test:8443/"], [True, False]),
    ],
)
def test_only_the_origins_that_are_named_are_trusted(face, chain, kept):
    answers = [redirect(location) for location in chain]
    options = {"url": "https://me:hush@feed.test/", "trusted_origins": [TRUSTED]}
    requests = asked(face, *answers, **options, **SECRETS)
    assert [private(request) == ALL for request in requests] == kept
    assert [private(request) == {} for request in requests] == [not k for k in kept]


@on_both_faces
def test_no_trust_leads_from_https_to_http(face):
    answers = [redirect("http://cdn.test/")]
    options = {"url": "https://feed.test/", "trusted_origins": ["http://cdn.test"]}
    assert "from https to http" in str(failed(face, *answers, **options))


@on_both_faces
def test_prepare_may_change_whom_to_trust(face):
    def prepare(request, attempt):
        assert request.trusted_origins == ("https://other.test",)
        return replace(request, trusted_origins=[TRUSTED])

    options = {"prepare": prepare, "trusted_origins": ["https://other.test"]}
    _, second = asked(face, redirect(OTHER), **options, **SECRETS)
    assert private(second) == ALL


@on_both_faces
@pytest.mark.parametrize(
    "origin",
    [
        *("cdn.test", "ftp://cdn.test", "https://", "", "*"),
        *("https://cdn.test/events", "https://cdn.test?", "https://cdn.test/#a"),
        *("https://me:hush@cdn.test", "https://cdn.test:port", "https://[::1"),
    ],
)
def test_what_is_no_origin_is_refused_when_the_source_is_made(face, origin):
    with pytest.raises(
        ValueError, match=r"trusted_origins= names .* no origin"
    ) as error:
        source_of(face, trusted_origins=[origin])
    assert "hush" not in str(error.value)


@on_both_faces
def test_one_origin_alone_is_no_list_of_them(face):
    with pytest.raises(TypeError, match=r"write \['https://cdn\.test'\]"):
        source_of(face, trusted_origins="https://cdn.test")


# ------------------------------------------------------------------ what is said

KEPT_BACK = "your headers, auth and cookies were left behind"
HTML = [("Content-Type", "text/html")]


@on_both_faces
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(401), UnexpectedStatus),
        (reply(404), UnexpectedStatus),
        (redirect(""), UnexpectedStatus),
        (reply(200, HTML), UnexpectedContentType),
    ],
)
@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"X-Api-Key": "k"}},
        {"auth": ("me", "hush")},
        {"cookies": {"a": "hush"}},
        {"client": {"headers": {"X-Api-Key": "k"}}},
        {"client": {"cookies": {"a": "hush"}}},
    ],
)
def test_an_error_behind_a_redirect_says_what_was_kept_back(face, answer, kind, given):
    url = "http://feed.test/events?token=secret"
    third = "https://third.test/login?next=secret"
    error = failed(face, redirect(OTHER), redirect(third), answer, url=url, **given)
    assert type(error) is kind
    text = str(error)
    assert "redirect from http://feed.test/events?token=*** to https://third.te" in text
    assert KEPT_BACK in text
    assert "trusted_origins=['https://cdn.test:8443', 'https://third.test']" in text
    assert "hush" not in text
    assert "secret" not in text


@on_both_faces
def test_what_else_is_known_is_said_before(face):
    headers, policy = {"X-Api-Key": "k"}, ReconnectPolicy(stop=stop_after_attempt(1))
    options = {"headers": headers, "policy": policy, "url": "http://feed.test/"}
    for status, said in [(503, "the server is in trouble"), (429, "fewer requests")]:
        error = failed(face, redirect(OTHER), reply(status), **options)
        assert f"{said}; {KEPT_BACK}" in str(error)


@on_both_faces
def test_an_address_is_written_as_it_has_to_be(face):
    headers = {"X-Api-Key": "k"}
    error = failed(face, redirect("http://[::1]:80/"), reply(401), headers=headers)
    assert "trusted_origins=['http://[::1]']" in str(error)


@on_both_faces
def test_nothing_is_said_where_nothing_was_kept_back(face):
    bare = {"url": "http://feed.test/"}
    for answers, options in [
        ([redirect(OTHER)], {}),
        ([redirect(OTHER)], {"method": "POST", "json": {}}),
        ([redirect("/other")], SECRETS),
        ([redirect(OTHER)], {"trusted_origins": [TRUSTED], **SECRETS}),
        ([], SECRETS),
    ]:
        error = failed(face, *answers, reply(401), **{**bare, **options})
        assert KEPT_BACK not in str(error)


@on_both_faces
def test_a_cookie_of_the_server_s_own_is_not_kept_back(face):
    set_cookie = [("Set-Cookie", "a=1")]
    answers = redirect(OTHER, headers=set_cookie), reply(401)
    error = failed(face, *answers, url="http://feed.test/")
    assert KEPT_BACK not in str(error)


@on_both_faces
def test_connect_sse_says_it_too(face):
    transport = FakeTransport(redirect(OTHER), reply(200, HTML))
    client = face.client(transport=transport)
    with (
        face.connect(client, "GET", URL, headers={"X-Api-Key": "k"}) as connected,
        pytest.raises(UnexpectedContentType, match=KEPT_BACK) as caught,
    ):
        connected.data()
    assert "trusted_origins=['https://cdn.test:8443']" in str(caught.value)
