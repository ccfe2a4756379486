"""Auth in every form that httpxr takes, on both faces."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import warnings

import httpxr
import pytest
from httpxr.extensions import OAuth2Auth

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.faces import ASYNC, SYNC, FakeTransport, on_both_faces, redirect, reply

URL = "http://feed.test/events"
BASIC = "Basic bWU6aHVzaA=="  # me:hush


def authorizations(face, *answers, client=(), **request):
    """The Authorization header of each request that was sent."""
    transport = FakeTransport(*answers)
    face.ask(face.client(transport=transport, **dict(client)), "GET", URL, **request)
    return [request.header("authorization") for request in transport.requests]


def bearer(request, token="t"):
    request.headers["Authorization"] = f"Bearer {token}"
    return request


# ------------------------------------------------------------------ which one


@on_both_faces
@pytest.mark.parametrize(
    "auth",
    [("me", "hush"), httpxr.BasicAuth("me", "hush")],
    ids=["tuple", "BasicAuth"],
)
def test_a_pair_is_basic_auth(face, auth):
    assert authorizations(face, auth=auth) == [BASIC]
    assert authorizations(face, client={"auth": auth}) == [BASIC]


@on_both_faces
def test_the_requests_auth_counts_more_than_the_clients(face):
    client = {"auth": ("other", "one")}
    assert authorizations(face, client=client, auth=("me", "hush")) == [BASIC]


@on_both_faces
def test_none_is_without_auth_whatever_the_client_has(face):
    assert authorizations(face, client={"auth": ("me", "hush")}, auth=None) == [None]


@on_both_faces
def test_auth_counts_more_than_the_urls_userinfo(face):
    transport = FakeTransport()
    client = face.client(transport=transport)
    face.ask(client, "GET", "http://a:b@feed.test/", auth=("me", "hush"))
    face.ask(client, "GET", "http://me:hush@feed.test/", auth=None)
    face.ask(client, "GET", "http://me@feed.test/")
    headers = [request.header("authorization") for request in transport.requests]
    assert headers == [BASIC, BASIC, "Basic bWU6"]


@on_both_faces
@pytest.mark.parametrize("auth", ["me:hush", 5, httpxr.Auth()], ids=type)
def test_what_is_no_auth_is_refused_rather_than_sent_without(face, auth):
    with pytest.raises(TypeError, match=r"auth= must be .*, not (str|int|Auth)"):
        authorizations(face, auth=auth)


# ------------------------------------------------------------------ callables


@on_both_faces
@pytest.mark.parametrize("auth", [bearer, httpxr.FunctionAuth(bearer)], ids=type)
def test_a_callable_makes_one_request_of_another(face, auth):
    assert authorizations(face, reply(401), auth=auth) == ["Bearer t"]


class Nothing(httpxr.Auth):
    def auth_flow(self, request):
        return iter(())


@on_both_faces
@pytest.mark.parametrize("auth", [lambda _: None, Nothing()], ids=type)
def test_auth_that_gives_no_request_is_a_mistake(face, auth):
    with pytest.raises(TypeError, match="gave no request to send"):
        authorizations(face, auth=auth)


def test_an_async_callable_needs_an_async_client():
    async def auth(request):
        return bearer(request)

    assert authorizations(ASYNC, auth=auth) == ["Bearer t"]
    with pytest.raises(TypeError, match=r"httpxr\.AsyncClient"):
        authorizations(SYNC, auth=auth)


# ------------------------------------------------------------------ flows


class Retrying(httpxr.Auth):
    """Sends a token, and a better one after a 401."""

    def __init__(self):
        self.statuses = []

    def auth_flow(self, request):
        response = yield bearer(request, "old")
        self.statuses.append(response.status_code)
        if response.status_code == 401:
            yield bearer(request, "new")


class Both(Retrying):
    """Each face has its own flow."""

    async def async_auth_flow(self, request):
        response = yield bearer(request, "async")
        self.statuses.append(response.status_code)


class OnlyAsync(httpxr.Auth):
    async def async_auth_flow(self, request):
        response = yield bearer(request, "old")
        if response.status_code == 401:
            yield bearer(request, "new")


@on_both_faces
def test_a_flow_is_told_the_answer_and_may_ask_again(face):
    auth = Retrying()
    asked = authorizations(face, reply(401), reply(), auth=auth)
    assert asked == ["Bearer old", "Bearer new"]
    assert auth.statuses == [401]
    assert authorizations(face, client={"auth": Retrying()}) == ["Bearer old"]


@on_both_faces
def test_a_sync_auth_flow_alone_serves_both_faces(face):
    class OnlySync(httpxr.Auth):
        def sync_auth_flow(self, request):
            response = yield bearer(request, "old")
            if response.status_code == 401:
                yield bearer(request, "new")

    asked = authorizations(face, reply(401), reply(), auth=OnlySync())
    assert asked == ["Bearer old", "Bearer new"]


@on_both_faces
def test_a_flow_that_is_no_subclass_of_httpxrs_works(face):
    class Own:
        def auth_flow(self, request):
            yield bearer(request)

    assert authorizations(face, auth=Own()) == ["Bearer t"]


def test_each_face_has_its_own_flow_where_both_are_defined():
    assert authorizations(ASYNC, auth=Both()) == ["Bearer async"]
    assert authorizations(SYNC, auth=Both()) == ["Bearer old"]


def test_an_async_flow_serves_the_async_face_only():
    asked = authorizations(ASYNC, reply(401), reply(), auth=OnlyAsync())
    assert asked == ["Bearer old", "Bearer new"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="OnlyAsync has only async_auth_flow"):
            authorizations(SYNC, auth=OnlyAsync())


def test_an_async_flow_that_gives_no_request_is_a_mistake():
    class Empty(httpxr.Auth):
        async def async_auth_flow(self, request):
            for nothing in ():
                yield nothing

    with pytest.raises(TypeError, match="Empty gave no request"):
        authorizations(ASYNC, auth=Empty())


@on_both_faces
def test_a_flow_that_is_a_plain_iterator_takes_no_answers(face):
    class Iterated(httpxr.Auth):
        def auth_flow(self, request):
            return map(bearer, [request, request], ["first", "second"])

    asked = authorizations(face, reply(401), reply(), auth=Iterated())
    assert asked == ["Bearer first", "Bearer second"]


@on_both_faces
def test_a_flow_may_take_several_steps_and_fetch_its_token_itself(face):
    class TokenFirst(httpxr.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            answer = yield httpxr.Request("POST", "http://login.test/", content=b"me")
            yield bearer(request, answer.json()["token"])

    transport = FakeTransport(
        reply(body=[b'{"tok', b'en": "t1"}'], headers=()), reply()
    )
    client = face.client(transport=transport, cookies={"mine": "1"})
    response = face.ask(
        client, "GET", URL, auth=TokenFirst(), headers={"Cookie": "a=1"}
    )
    token, stream = transport.requests
    assert (token.url, token.content) == ("http://login.test/", b"me")
    assert token.header("cookie") is None
    assert token.header("last-event-id") is None
    assert token.extensions == stream.extensions
    assert stream.header("authorization") == "Bearer t1"
    assert stream.header("cookie") == "a=1; mine=1"
    assert response.status_code == 200
    assert transport.streams[0].closed


@on_both_faces
def test_a_flows_request_to_another_origin_gets_no_cookies_of_this_one(face):
    class TokenFirst(httpxr.Auth):
        def auth_flow(self, request):
            yield httpxr.Request("GET", "http://feed.test:8080/login")
            yield request

    transport = FakeTransport()
    client = face.client(transport=transport)
    client.cookies.set("mine", "1", path="/login")
    face.ask(client, "GET", URL, auth=TokenFirst())
    assert [r.header("cookie") for r in transport.requests] == [None, None]


@on_both_faces
@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson"])
def test_a_flow_that_wants_bodies_does_not_swallow_the_stream(face, kind):
    class Curious(httpxr.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            self.bodies = []
            response = yield request
            self.bodies.append(response.text)
            response = yield request
            with pytest.raises(httpxr.ResponseNotRead):
                _ = response.content

    auth = Curious()
    script = [
        Answer(401, body=["who are", " you?"]),
        Answer(headers=[("Content-Type", kind)], body='data: {"a": 1}\n\n', end="hang"),
    ]
    with ScriptedServer(script) as server:
        with face.connect(face.client(), "GET", server.url, auth=auth) as connected:
            if kind == "text/event-stream":
                assert next(connected.events()).json() == {"a": 1}
        assert server.requests[1].closed_by_client.wait(5)
    assert auth.bodies == ["who are you?"]


@on_both_faces
def test_the_last_answer_of_a_curious_flow_can_still_be_read(face):
    class Curious(httpxr.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            yield request

    transport = FakeTransport(reply(403, body=[b"no", b" way"]))
    client = face.client(transport=transport)
    with face.connect(client, "GET", URL, auth=Curious()) as connected:
        assert connected.response.text == "no way"
        assert connected.response.headers["content-type"] == "text/event-stream"
        assert str(connected.response.request.url) == URL


@on_both_faces
def test_a_flows_exception_passes_through_and_the_connection_is_freed(face):
    class Picky(httpxr.Auth):
        def auth_flow(self, request):
            response = yield request
            raise LookupError(response.status_code)

    with ScriptedServer([Answer(401, body="no", end="hang")]) as server:
        with pytest.raises(LookupError, match="401"):
            face.ask(face.client(auth=Picky()), "GET", server.url)
        assert server.requests[0].closed_by_client.wait(5)


@on_both_faces
@pytest.mark.parametrize("error", [LookupError("no"), httpxr.ReadError("no")])
@pytest.mark.parametrize("is_generator", [True, False])
def test_what_a_flow_raises_before_anything_is_sent_passes_through(
    face, error, is_generator
):
    class Broken(httpxr.Auth):
        def auth_flow(self, request):
            if is_generator:
                return map(self.fail, [request])
            return self.fail(request)

        def fail(self, _request):
            raise error

    with pytest.raises(type(error)) as caught:
        authorizations(face, auth=Broken())
    assert caught.value is error


@on_both_faces
def test_the_answer_before_is_freed_before_the_flow_asks_again(face):
    def again(_request):
        assert server.requests[0].closed_by_client.wait(5)
        return Answer()

    with ScriptedServer([Answer(401, body="no", end="hang"), again]) as server:
        face.ask(face.client(auth=Retrying()), "GET", server.url)


@on_both_faces
def test_a_cookie_set_by_the_challenge_goes_with_the_next_try(face):
    challenge = reply(401, [("Set-Cookie", "s=1; Path=/")])
    transport = FakeTransport(challenge, reply())
    client = face.client(transport=transport, auth=Retrying())
    face.ask(client, "GET", URL, headers={"Cookie": "own=1"})
    cookies = [request.header("cookie") for request in transport.requests]
    assert cookies == ["own=1", "own=1; s=1"]


@on_both_faces
def test_a_flow_may_authenticate_by_a_cookie_of_its_own(face):
    class BySession(httpxr.Auth):
        def auth_flow(self, request):
            request.headers["Cookie"] = "session=secret"
            yield request

    transport = FakeTransport()
    client = face.client(transport=transport, cookies={"jar": "1"})
    face.ask(client, "GET", URL, auth=BySession())
    assert transport.requests[0].header("cookie") == "session=secret"


@on_both_faces
def test_every_hop_of_the_origin_is_authenticated_and_none_beyond(face):
    auth = Retrying()
    answers = [reply(401), redirect("/next"), redirect("http://other.test/"), reply()]
    asked = authorizations(face, *answers, auth=auth)
    assert asked == ["Bearer old", "Bearer new", "Bearer old", None]
    assert auth.statuses == [401, 307]


@on_both_faces
def test_a_retried_post_has_its_body_again(face):
    transport = FakeTransport(reply(401), reply())
    client = face.client(transport=transport, auth=Retrying())
    face.ask(client, "POST", URL, content=iter([b"a", b"b"]))
    assert [request.content for request in transport.requests] == [b"ab", b"ab"]


# ------------------------------------------------------------------ Digest


class DigestServer:
    """Challenges, and checks the answer as RFC 7616 says."""

    def __init__(self, algorithm):
        self._algorithm = algorithm
        self.verdicts = []

    def __call__(self, request):
        given = request.header("authorization")
        if given is None:
            challenge = (
                'Digest realm="feeds, all", nonce="n0nce", qop="auth", opaque="o",'
                f" algorithm={self._algorithm}"
            )
            return Answer(
                401,
                headers=[("WWW-Authenticate", challenge), ("Set-Cookie", "c=1")],
                body="who?",
            )
        self.verdicts.append(self._is_right(request, given))
        return Answer(body="data: welcome\n\n")

    def _is_right(self, request, given):
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        name = {"MD5": "md5", "SHA-256": "sha256"}[self._algorithm]

        def digest(*parts):
            return hashlib.new(name, ":".join(parts).encode()).hexdigest()

        secret = digest("me", "feeds, all", "hush")
        asked = digest(request.method, request.target)
        expected = digest(
            secret, "n0nce", fields["nc"], fields["cnonce"], "auth", asked
        )
        is_for_this = fields["uri"] == request.target and fields["opaque"] == "o"
        return is_for_this and fields["response"] == expected


@on_both_faces
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_digest_answers_a_real_challenge(face, algorithm, method):
    script = DigestServer(algorithm)
    body = {"json": {"q": 1}} if method == "POST" else {}
    with ScriptedServer(script) as server:
        client = face.client(auth=httpxr.DigestAuth("me", "hush"))
        url = server.url + "/feed?a=1"
        with face.connect(client, method, url, **body) as connected:
            assert connected.data() == ["welcome"]
        first, second = server.requests
    assert script.verdicts == [True]
    assert (first.header("cookie"), second.header("cookie")) == (None, "c=1")
    assert second.body == (b'{"q":1}' if body else b"")


# ------------------------------------------------------------------ OAuth2


class Tokens(OAuth2Auth):
    """Its tokens come from nowhere, and know the thread they were fetched in."""

    def __init__(self):
        super().__init__("http://login.test/token", "id", "secret")
        self.threads = []

    def _refresh_sync(self):
        self.threads.append(threading.current_thread())
        token = f"t{len(self.threads)}".encode()
        body = b'{"access_token": "%b", "expires_in": 3600}' % token
        return self._parse_token_response(body)


@on_both_faces
def test_a_token_is_fetched_and_refreshed_after_a_401(face):
    auth = Tokens()
    asked = authorizations(face, reply(401), reply(), auth=auth)
    assert asked == ["Bearer t1", "Bearer t2"]
    assert authorizations(face, reply(), auth=auth) == ["Bearer t2"]
    is_here = [thread is threading.current_thread() for thread in auth.threads]
    # The fetch blocks: not in the loop's own thread.
    assert is_here == ([True, True] if face is SYNC else [False, False])


@on_both_faces
def test_a_failed_token_fetch_passes_through(face):
    class Broken(Tokens):
        def _refresh_sync(self):
            raise httpxr.ConnectError("no login")

    transport = FakeTransport()
    with pytest.raises(httpxr.ConnectError, match="no login"):
        face.ask(face.client(transport=transport, auth=Broken()), "GET", URL)
    assert not transport.requests


def test_a_subclass_with_an_async_flow_of_its_own_is_asked_for_it():
    class Own(Tokens):
        async def async_auth_flow(self, request):
            await asyncio.sleep(0)
            yield bearer(request, "own")

    assert authorizations(ASYNC, auth=Own()) == ["Bearer own"]


@on_both_faces
def test_a_flow_is_shown_a_bounded_part_of_an_endless_body(face):
    shown = []

    class Curious(httpxr.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            answer = yield request
            shown.append(len(answer.content))
            yield request

    piece = b"x" * 65536
    endless = reply(401, body=[piece] * 1000, headers=())
    authorizations(face, endless, reply(), auth=Curious())
    assert shown == [1024 * 1024]
