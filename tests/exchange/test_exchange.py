"""An exchange's course: redirects, hooks, cookies on the way, nothing left open."""

from __future__ import annotations

import contextlib
import warnings

import httpxr
import pytest

from reconnecting_sse import UnexpectedStatus
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.sent import Acted, Sent
from reconnecting_sse.exchange.calls import Free, Send
from reconnecting_sse.exchange.client import ClientSettings, Transports
from reconnecting_sse.exchange.exchange import Exchange
from reconnecting_sse.exchange.request import request_of
from reconnecting_sse.exchange.runners import run
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.faces import ASYNC, SSE, SYNC, FakeTransport, on_both_faces, redirect, reply

URL = "http://feed.test/events"


def moved(location, status=307, **options):
    return Answer(status, headers=[("Location", location)], **options)


def tried(face, transport, url=URL, **request):
    """The response, and the transport's streams, through a client that has it."""
    client = face.client(transport=transport, **request.pop("client", {}))
    return face.ask(client, "GET", url, **request)


# ------------------------------------------------------------------ redirects


@on_both_faces
def test_ten_redirects_are_followed(face):
    script = [moved("/next")] * 10 + [Answer(body="data: here\n\n")]
    with ScriptedServer(script) as server:
        with face.connect(face.client(), "GET", server.url) as connected:
            assert connected.data() == ["here"]
        assert len(server.requests) == 11


@on_both_faces
def test_the_eleventh_redirect_is_not_followed(face):
    transport = FakeTransport(redirect("/next"))
    with pytest.raises(UnexpectedStatus, match="more than 10 redirects") as caught:
        tried(face, transport)
    assert len(transport.requests) == 11
    assert caught.value.status == 307
    assert all(stream.closed for stream in transport.streams)


@on_both_faces
def test_the_tenth_redirect_may_end_with_any_answer(face):
    transport = FakeTransport(*[redirect("/next")] * 10, reply(404))
    assert tried(face, transport).status_code == 404


REFUSED = {
    "downgrade": ("https://feed.test/", "http://feed.test/", "from https to http"),
    "scheme": (URL, "ftp://feed.test/", "the scheme 'ftp'"),
    "script": (URL, "javascript:alert(1)", "the scheme 'javascript'"),
    "empty": (URL, "", "without a Location"),
    "port": (URL, "http://feed.test:99999/", "no URL"),
    "port 0": (URL, "http://feed.test:0/", "no URL"),
    "host": (URL, "http://this is invalid/", "no URL"),
    "bracket": (URL, "http://[feed.test/", "no URL"),
}


@on_both_faces
@pytest.mark.parametrize(("url", "target", "why"), REFUSED.values(), ids=REFUSED)
def test_a_redirect_that_cannot_be_followed_is_refused(face, url, target, why):
    transport = FakeTransport(redirect(target, 302))
    with pytest.raises(UnexpectedStatus, match=why) as caught:
        tried(face, transport, url)
    assert caught.value.status == 302
    assert caught.value.url == url
    assert str(caught.value).startswith(f"{url} answered 302: ")
    assert len(transport.requests) == 1
    assert transport.streams[0].closed


@on_both_faces
def test_a_redirect_without_location_is_refused(face):
    with pytest.raises(UnexpectedStatus, match="without a Location"):
        tried(face, FakeTransport(reply(308, [])))


@on_both_faces
@pytest.mark.parametrize("status", [300, 304, 305])
def test_other_3xx_are_answers_like_any_other(face, status):
    transport = FakeTransport(reply(status, [("Location", "/other")]))
    assert tried(face, transport).status_code == status


@on_both_faces
def test_the_caller_may_have_the_redirect_itself(face):
    transport = FakeTransport(redirect("ftp://x/"))
    response = tried(face, transport, follow_redirects=False)
    assert response.status_code == 307
    assert len(transport.requests) == 1


@on_both_faces
def test_a_relative_target_is_resolved_against_the_hop_before(face):
    transport = FakeTransport(redirect("a/b?c"), redirect("../d"), reply())
    tried(face, transport, "http://feed.test/x/y?z")
    assert [request.url for request in transport.requests[1:]] == [
        "http://feed.test/x/a/b?c",
        "http://feed.test/x/d",
    ]


@on_both_faces
def test_the_redirects_own_connection_is_freed_before_the_next_is_made(face):
    def next_hop(_request):
        assert server.requests[0].closed_by_client.wait(5)
        return Answer()

    script = [moved("/next", body="moved", end="hang"), next_hop]
    with ScriptedServer(script) as server:
        face.ask(face.client(), "GET", server.url)
        assert len(server.requests) == 2


# ------------------------------------------------------------------ cookies


@on_both_faces
def test_a_cookie_set_on_a_hop_is_kept_and_sent_to_the_next(face):
    set_cookie = ("Set-Cookie", "session=1; Path=/")
    transport = FakeTransport(redirect("/next", headers=[set_cookie]), reply())
    client = face.client(transport=transport, cookies={"mine": "2"})
    face.ask(client, "GET", URL, cookies={"given": "3"}, headers={"Cookie": "own=4"})
    first, second = transport.requests
    assert first.header("cookie") == "own=4; mine=2; given=3"
    assert second.header("cookie") == "own=4; mine=2; session=1; given=3"
    assert client.cookies["session"] == "1"
    assert "given" not in dict(client.cookies)


@on_both_faces
def test_off_the_origin_only_cookies_of_the_jar_that_belong_there_are_sent(face):
    there = "http://other.test/"
    client = face.client(
        transport=FakeTransport(redirect(there), reply()), cookies={"mine": "1"}
    )
    client.cookies.set("theirs", "2", domain="other.test")
    face.ask(client, "GET", URL, cookies={"given": "3"}, headers={"Cookie": "own=4"})
    first, second = client._transport.requests
    assert first.header("cookie") == "own=4; mine=1; given=3"
    assert second.header("cookie") == "theirs=2"


@on_both_faces
def test_a_cookie_that_expires_on_the_way_is_no_longer_sent(face):
    gone = ("Set-Cookie", "session=; Max-Age=0; Path=/")
    transport = FakeTransport(
        reply(headers=[*SSE, ("Set-Cookie", "session=1; Path=/")]),
        reply(401, headers=[gone]),
        reply(),
    )
    client = face.client(transport=transport)
    face.ask(client, "GET", URL)

    class Again(httpxr.Auth):
        def auth_flow(self, request):
            yield request
            yield request

    face.ask(client, "GET", URL, auth=Again())
    assert [r.header("cookie") for r in transport.requests[1:]] == ["session=1", None]


@on_both_faces
def test_a_secure_cookie_travels_over_https_only(face):
    set_cookie = ("Set-Cookie", "s=1; Secure; Path=/; Domain=feed.test")
    transport = FakeTransport(reply(headers=[*SSE, set_cookie]), reply())
    client = face.client(transport=transport)
    for url in ("https://feed.test/", "https://feed.test/", "http://feed.test/"):
        face.ask(client, "GET", url)
    assert [r.header("cookie") for r in transport.requests] == [None, "s=1", None]


# ------------------------------------------------------------------ hooks


def hooks_of(*, request=(), response=()):
    return {"event_hooks": {"request": list(request), "response": list(response)}}


@on_both_faces
def test_hooks_run_on_every_hop_in_order(face):
    seen = []
    hooks = hooks_of(
        request=[lambda r: seen.append(str(r.url)), lambda _: seen.append("second")],
        response=[lambda r: seen.append((r.status_code, str(r.request.url)))],
    )
    transport = FakeTransport(redirect("/next"), reply())
    tried(face, transport, client=hooks)
    there = "http://feed.test/next"
    assert seen == [URL, "second", (307, URL), there, "second", (200, there)]


@on_both_faces
def test_what_a_request_hook_changes_is_sent(face):
    def sign(request):
        request.headers["X-Signature"] = "s"
        request.headers["Accept-Encoding"] = "br"

    transport = FakeTransport()
    tried(face, transport, client=hooks_of(request=[sign]))
    assert transport.requests[0].header("x-signature") == "s"
    assert transport.requests[0].header("accept-encoding") == "br"


@on_both_faces
def test_what_a_response_hook_leaves_in_the_headers_counts(face):
    def mend(response):
        response.headers["Content-Type"] = "text/event-stream"

    plain = reply(headers=[("Content-Type", "text/plain")], body=[b"data: a\n\n"])
    client = face.client(transport=FakeTransport(plain), **hooks_of(response=[mend]))
    with face.connect(client, "GET", URL) as connected:
        assert connected.data() == ["a"]


@on_both_faces
def test_a_hook_may_raise_for_the_status_and_the_connection_is_freed(face):
    hooks = hooks_of(response=[lambda r: r.raise_for_status()])
    with ScriptedServer([Answer(503, body="busy", end="hang")]) as server:
        with pytest.raises(httpxr.HTTPStatusError, match="503"):
            face.ask(face.client(**hooks), "GET", server.url)
        assert server.requests[0].closed_by_client.wait(5)


@on_both_faces
def test_a_foreign_transports_response_knows_its_request_too(face):
    hooks = hooks_of(response=[lambda r: r.raise_for_status()])
    transport = FakeTransport(reply(500))
    with pytest.raises(httpxr.HTTPStatusError, match="500"):
        tried(face, transport, client=hooks)
    assert transport.streams[0].closed


@on_both_faces
def test_a_response_that_has_a_request_already_keeps_it(face):
    own = httpxr.Request("GET", "http://own.test/")
    transport = FakeTransport(lambda _: httpxr.Response(200, request=own))
    assert str(tried(face, transport).request.url) == "http://own.test/"


@on_both_faces
def test_a_request_hooks_exception_passes_through_before_anything_is_sent(face):
    def refuse(_request):
        raise LookupError("no")

    transport = FakeTransport()
    with pytest.raises(LookupError, match="no"):
        tried(face, transport, client=hooks_of(request=[refuse]))
    assert not transport.requests


@on_both_faces
def test_a_hook_may_read_an_errors_body(face):
    bodies = []
    hooks = hooks_of(response=[lambda r: bodies.append(r.read())])
    if face is ASYNC:

        async def read(response):
            bodies.append(await response.aread())

        hooks = hooks_of(response=[read])
    with ScriptedServer([Answer(500, body=["no ", "luck"])]) as server:
        response = face.ask(face.client(**hooks), "GET", server.url)
    assert bodies == [b"no luck"]
    assert response.status_code == 500


def test_async_hooks_are_awaited():
    seen = []

    async def on_request(request):
        seen.append(request.method)

    async def on_response(response):
        seen.append(response.status_code)

    hooks = hooks_of(request=[on_request], response=[on_response])
    tried(ASYNC, FakeTransport(), client=hooks)
    assert seen == ["GET", 200]


@pytest.mark.parametrize("kind", ["request", "response"])
def test_an_async_hook_on_a_sync_client_is_refused_and_nothing_is_left_open(kind):
    async def hook(_):
        raise AssertionError("never run")

    transport = FakeTransport()
    hooks = hooks_of(**{kind: [hook]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match=r"coroutine function.*httpxr\.AsyncClient"):
            tried(SYNC, transport, client=hooks)
    assert all(stream.closed for stream in transport.streams)


@on_both_faces
def test_a_failing_close_does_not_hide_the_hooks_own_exception(face):
    class Unclosable:
        def __iter__(self):
            return iter(())

        def close(self):
            raise OSError("cannot close")

    def refuse(_response):
        raise LookupError("no")

    transport = FakeTransport(lambda _: httpxr.Response(200, stream=Unclosable()))
    with pytest.raises(LookupError, match="no"):
        tried(face, transport, client=hooks_of(response=[refuse]))


# ------------------------------------------------------------------ the wire


@on_both_faces
def test_a_foreign_wires_own_errors_become_httpxrs(face):
    with pytest.raises(httpxr.NetworkError, match="Connection") as caught:
        tried(face, FakeTransport(ConnectionResetError("gone")))
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    with pytest.raises(httpxr.TimeoutException) as caught:
        tried(face, FakeTransport(TimeoutError("slow")))
    assert isinstance(caught.value.__cause__, TimeoutError)


@on_both_faces
@pytest.mark.parametrize("error", [httpxr.ConnectError("x"), LookupError("y")])
def test_any_other_error_of_a_transport_passes_through_unchanged(face, error):
    with pytest.raises(type(error)) as caught:
        tried(face, FakeTransport(error))
    assert caught.value is error


@on_both_faces
def test_extensions_reach_the_transport_on_every_hop(face):
    transport = FakeTransport(redirect("/next"), reply())
    given = {"trace": "t"}
    tried(face, transport, extensions=given)
    assert [r.extensions["trace"] for r in transport.requests] == ["t", "t"]
    assert all("timeout" in r.extensions for r in transport.requests)
    assert given == {"trace": "t"}


def exchange(request, *answers, prepare=None, **options):
    client = httpxr.Client(transport=FakeTransport(*answers), **options)
    settings, transports = ClientSettings.of(client), Transports(client)
    made = {"extensions": {}, "is_async": False, "prepare": prepare}
    return Exchange(request, settings, transports, **made)


def test_an_exchange_that_is_abandoned_makes_no_more_calls():
    hooks = hooks_of(response=[print])
    steps = exchange(request_of("GET", URL, {}), **hooks).steps()
    assert isinstance(next(steps), Send)
    assert not isinstance(steps.send(reply()(None)), Free)
    steps.close()


def test_what_prepare_gives_is_sent_in_place_of_the_request():
    given, prepared = request_of("GET", URL, {}), request_of("PUT", URL, {"json": 1})
    steps = exchange(given, prepare=lambda _: prepared).steps()
    assert next(steps)() is prepared
    sent = steps.send(prepared).request
    assert (sent.method, sent.content) == ("PUT", b"1")


def test_what_prepare_gives_has_to_be_a_request():
    steps = exchange(request_of("GET", URL, {}), prepare=lambda _: None).steps()
    next(steps)
    with pytest.raises(CallersError, match="StreamRequest to send, not NoneType"):
        steps.send(None)


# ------------------------------------------------------------------ what was sent

NEVER_SENT = httpxr.ConnectError("refused")
LATE = httpxr.ReadTimeout("late")


def sent_after(*answers, **options):
    """What is known to have been sent, once the servers have answered so."""
    one = exchange(request_of("POST", URL, {}), *answers, **options)
    with contextlib.suppress(httpxr.HTTPError):
        run(one.steps())
    return one.sent


def acted_after(*answers, **options):
    return sent_after(*answers, **options).acted


def test_nobody_has_acted_on_what_was_not_sent():
    def fail(_request):
        raise LATE  # of the caller's own, such as a token server's

    assert exchange(request_of("POST", URL, {})).sent == Sent("POST", Acted.NO)
    assert acted_after(prepare=fail) is Acted.NO
    assert acted_after(NEVER_SENT) is Acted.NO


@pytest.mark.parametrize("answer", [LATE, reply(), reply(503)])
def test_somebody_may_have_acted_on_what_was_sent(answer):
    assert acted_after(answer) is Acted.MAYBE


def test_what_fails_after_the_answer_does_not_tell_that_nothing_was_sent():
    def fail(_response):
        raise NEVER_SENT  # something else, that the hook asked for

    assert acted_after(reply(), **hooks_of(response=[fail])) is Acted.MAYBE


def test_whoever_sends_it_elsewhere_has_not_acted_and_there_it_may_fail_early():
    assert acted_after(redirect("/next", 307), NEVER_SENT) is Acted.NO
    assert acted_after(redirect("/next", 307), LATE) is Acted.MAYBE


@pytest.mark.parametrize("then", [NEVER_SENT, LATE, reply(503)])
def test_whoever_tells_where_the_result_is_has_acted_whatever_comes_then(then):
    assert acted_after(redirect("/result", 303), then) is Acted.YES


def test_the_method_is_the_first_one_that_was_sent():
    put = request_of("PUT", URL, {})
    answers = redirect("/result", 303), reply()
    assert sent_after(*answers, prepare=lambda _: put) == Sent("PUT", Acted.YES)
