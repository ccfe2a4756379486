"""Each hop's request: its URL, its body, and what it carries away from home."""

from __future__ import annotations

import io

import httpxr
import pytest

from reconnecting_sse import ReconnectingEventSource, aconnect_sse, connect_sse
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.faces import SYNC, asked, on_both_faces, redirect, reply

URL = "http://feed.test/events"


def asked_once(face, url=URL, method="GET", **options):
    (request,) = asked(face, url, method, **options)
    return request


# ------------------------------------------------------------------ URLs


@on_both_faces
def test_the_query_keeps_its_spelling_and_params_follow_it(face):
    url = URL + "?x=1&y=a%20b&z=%2B+"
    request = asked_once(face, url, params={"q": ["1", "ü"], "x": 2})
    assert request.url == url + "&q=1&q=%C3%BC&x=2"


def test_the_clients_params_come_between_the_urls_and_the_requests():
    client = {"params": {"c": "1"}}
    request = asked_once(SYNC, URL + "?u=1", client=client, params=[("r", "1")])
    assert request.url == URL + "?u=1&c=1&r=1"
    assert asked_once(SYNC, client=client).url == URL + "?c=1"


@on_both_faces
@pytest.mark.parametrize("params", [None, {}, [], ""])
def test_no_params_add_nothing(face, params):
    assert asked_once(face, URL + "?", params=params).url.rstrip("?") == URL


@on_both_faces
@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("http://h.test/api", "/events", "http://h.test/api/events"),
        ("http://h.test/api/", "events?x=%20", "http://h.test/api/events?x=%20"),
        ("http://h.test/api?k=v#f", "events", "http://h.test/api/events"),
        ("http://h.test", "events", "http://h.test/events"),
        ("http://h.test/api", "", "http://h.test/api/"),
        ("http://h.test/api", "https://o.test/x", "https://o.test/x"),
    ],
)
def test_a_relative_url_goes_below_the_base_url(face, base, url, expected):
    assert asked_once(face, url, client={"base_url": base}).url == expected


@on_both_faces
def test_a_url_without_scheme_is_not_taken_for_a_path(face):
    with pytest.raises(ValueError, match="not an absolute"):
        asked(face, "//other.test/x", client={"base_url": "http://h.test/"})


@on_both_faces
def test_a_refused_url_is_shown_without_its_secrets(face):
    with pytest.raises(ValueError, match="not an absolute") as caught:
        asked(face, "ftp://me:hush@h.test/?token=secret")
    assert "hush" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:hush@[bad/", "http://me:hush@h:port/"])
def test_an_invalid_url_is_shown_without_its_secrets(url):
    with pytest.raises(httpxr.InvalidURL) as caught:
        asked(SYNC, url)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_invalid_url_says_what_is_wrong_with_it():
    with pytest.raises(httpxr.InvalidURL, match=r"http://h:99999/.*99999"):
        asked(SYNC, "http://h:99999/")


IMPOSSIBLE = {
    "http://this is invalid/": "no host has",
    "http://user:pass word@this is invalid/": "no host has",
    "http://h%20/": "no host has",
    "http://a%2fb:8000/feed": "no host has",
    "http://h:65536/": "no URL",
    "http://h:99999/": "no URL",
    "http://h:-1/": "no URL",
    "http://h:port/": "no URL",
    "http://h:0/": "port 0",
    "https://[::1]:0/": "port 0",
    "http://[::1/": "no URL",
    "http://a..b/": "no URL",
    "http://": "not an absolute",
    "http:///feed": "not an absolute",
    "http:/h/feed": "not an absolute",
    "http:feed": "not an absolute",
    "https://:443/": "not an absolute",
    "http://user@/": "not an absolute",
    "http://?q": "not an absolute",
    "ftp://h/": "not an absolute",
    "ws://h/": "not an absolute",
    "mailto:me@h.test": "'mailto:me@h.test' is not an absolute",
    "localhost:8000/feed": "not an absolute",
    "h.test/feed": "not an absolute",
    "/feed": "not an absolute",
    "//h.test/feed": "not an absolute",
    "": "not an absolute",
    "http://h.test/\ud800": "UTF-8",
}

both_ways = pytest.mark.parametrize(
    ("kind", "made"),
    [
        (httpxr.Client, ReconnectingEventSource),
        (httpxr.Client, connect_sse),  # called, and not entered
        (httpxr.AsyncClient, ReconnectingEventSource),
        (httpxr.AsyncClient, aconnect_sse),
    ],
)


@both_ways
@pytest.mark.parametrize(("url", "words"), IMPOSSIBLE.items(), ids=ascii)
def test_a_url_that_nobody_can_be_asked_for_is_refused_at_once(kind, made, url, words):
    for expected in (ValueError, httpxr.InvalidURL):
        with pytest.raises(expected, match=words) as caught:
            made(kind(), "GET", url)
    assert "pass word" not in str(caught.value)


@both_ways
@pytest.mark.parametrize("base", ["http://this is invalid/", "http://h:0/", "ftp://h/"])
def test_so_is_a_relative_url_below_a_base_of_that_kind(kind, made, base):
    with pytest.raises(ValueError, match=r"no URL|not an absolute"):
        made(kind(base_url=base), "GET", "/feed")


@both_ways
@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"method": "G ET"}, httpxr.LocalProtocolError, "'G ET'"),
        ({"method": ""}, httpxr.LocalProtocolError, "method ''"),
        ({"headers": {"a b": "c"}}, httpxr.LocalProtocolError, "header b'a b'"),
        ({"headers": {"a": "b\r\nc: d"}}, httpxr.LocalProtocolError, "header b'a'"),
        ({"headers": {"a": None}}, TypeError, "leave the header out"),
        ({"auth": 5}, TypeError, "auth="),
        ({"auth": ("user",)}, TypeError, "password"),
    ],
)
def test_what_can_never_be_sent_is_refused_at_once(kind, made, request_, error, words):
    with pytest.raises(error, match=words):
        made(kind(), **{"method": "GET", "url": URL, **request_})


@both_ways
def test_a_client_that_cannot_be_used_is_refused_at_once(kind, made):
    with pytest.raises(ValueError, match="proxy of its own"):
        made(kind(proxy="http://proxy.test:3128"), "GET", URL)


@pytest.mark.parametrize("kind", [httpxr.Client, httpxr.AsyncClient])
@pytest.mark.parametrize("keyword", ["json", "data"])
def test_so_is_a_body_that_is_sent_again_and_again(kind, keyword):
    with pytest.raises(TypeError):
        ReconnectingEventSource(kind(), "POST", URL, **{keyword: object()})


def test_a_body_that_comes_only_once_is_not_read_by_a_call_alone():
    content = iter([b"x"])
    connect_sse(httpxr.Client(), "POST", URL, content=content)
    assert next(content) == b"x"


def test_a_closed_client_is_refused_at_once():
    client = httpxr.Client()
    client.close()
    for made in (ReconnectingEventSource, connect_sse):
        with pytest.raises(RuntimeError, match="the client is closed"):
            made(client, "GET", URL)


@on_both_faces
def test_the_fragment_and_the_userinfo_stay_at_home(face):
    request = asked_once(face, "http://u%40:p%3A%C3%A9@feed.test/events#part")
    assert request.url == URL
    # "u@" and "p:é", percent-decoded before they are encoded
    assert request.header("authorization") == "Basic dUA6cDrDqQ=="


@on_both_faces
def test_the_host_of_an_ipv6_address_has_brackets(face):
    request = asked_once(face, "http://[::1]:8080/x")
    assert request.header("host") == "[::1]:8080"


@on_both_faces
def test_the_caller_may_name_the_host(face):
    request = asked_once(face, headers={"host": "virtual.test"})
    assert request.header("host") == "virtual.test"


@on_both_faces
def test_an_ipv6_address_is_asked_over_the_wire(face):
    with ScriptedServer([Answer()], host="::1") as server:
        face.ask(face.client(), "GET", server.url)
        (request,) = server.requests
    assert request.header("host") == server.url.removeprefix("http://")


# ------------------------------------------------------------------ bodies


BODIES = {
    "json": ({"json": {"a": "é"}}, "application/json", '{"a":"é"}'.encode()),
    "data": (
        {"data": {"a": ["1", "2"]}},
        "application/x-www-form-urlencoded",
        b"a=1&a=2",
    ),
    "bytes": ({"content": b"\x00\xff"}, None, b"\x00\xff"),
    "str": ({"content": "é"}, None, b"\xc3\xa9"),
    "empty": ({"content": b""}, None, b""),
    "bytearray": ({"content": bytearray(b"ab")}, None, b"ab"),
    "memoryview": ({"content": memoryview(b"ab")}, None, b"ab"),
    "iterable": ({"content": [b"a", b"b"]}, None, b"ab"),
}


@on_both_faces
@pytest.mark.parametrize(("body", "kind", "sent"), BODIES.values(), ids=BODIES)
def test_every_body_arrives_whole_with_its_type_and_length(face, body, kind, sent):
    with ScriptedServer([Answer()]) as server:
        face.ask(face.client(), "POST", server.url, **body)
        (request,) = server.requests
    assert request.method == "POST"
    assert request.body == sent
    assert request.header("content-type") == kind
    assert request.header("content-length") == str(len(sent))
    assert request.header("transfer-encoding") is None


@on_both_faces
def test_a_file_arrives_whole(face):
    with ScriptedServer([Answer()] * 2) as server:
        face.ask(face.client(), "POST", server.url, content=io.BytesIO(b"a\nb"))
        files = {"f": ("n.txt", io.BytesIO(b"contents"), "text/plain")}
        face.ask(face.client(), "POST", server.url, files=files, data={"k": "v"})
        plain, form = server.requests
    assert plain.body == b"a\nb"
    assert form.header("content-type").startswith("multipart/form-data; boundary=")
    assert int(form.header("content-length")) == len(form.body)
    assert b"contents" in form.body
    assert b'name="k"' in form.body


@on_both_faces
def test_the_callers_content_type_is_the_only_one(face):
    headers = {"content-TYPE": "application/vnd.chat+json"}
    request = asked_once(face, URL, "POST", json={}, headers=headers)
    assert request.header("content-type") == "application/vnd.chat+json"


@on_both_faces
def test_a_get_without_a_body_says_nothing_of_one(face):
    with ScriptedServer([Answer()]) as server:
        face.ask(face.client(), "GET", server.url)
        (request,) = server.requests
    assert request.header("content-length") is None
    assert request.header("content-type") is None


@on_both_faces
def test_a_form_that_is_no_mapping_is_refused(face):
    with pytest.raises(TypeError, match="data= must be a mapping"):
        asked(face, URL, "POST", data=[("a", "1")])


@on_both_faces
def test_a_one_time_body_is_sent_whole_to_every_hop(face):
    answers = [redirect("/next"), reply()]
    content = iter([b"a", b"b"])
    first, second = asked(face, URL, "POST", answers=answers, content=content)
    assert (first.content, second.content) == (b"ab", b"ab")


@on_both_faces
def test_an_upload_has_the_same_boundary_on_every_hop(face):
    files = {"f": io.BytesIO(b"contents")}
    answers = [redirect("/next"), reply()]
    first, second = asked(face, URL, "POST", answers=answers, files=files)
    assert first.header("content-type") == second.header("content-type")
    assert first.content == second.content
    assert b"contents" in first.content


# ------------------------------------------------------------------ redirects

SECRETS = {
    "headers": {
        "X-Api-Key": "k",
        "Authorization": "Bearer t",
        "Cookie": "c=1",
        "Accept": "text/special",
        "Host": "virtual.test",
        "Last-Event-ID": "7",
        "Content-Type": "text/x-question",
        "Content-Language": "en",
    },
    "client": {"headers": {"X-Client": "1"}, "cookies": {"jar": "1"}},
    "cookies": {"given": "1"},
    "auth": ("me", "hush"),
}


def hops(face, *answers, method="POST", url=URL, **options):
    options = {**SECRETS, "content": b"why?", **options}
    return asked(face, url, method, answers=[*answers, reply()], **options)


def is_private(request):
    names = {name.decode() for name, _ in request.fields}
    return names & {"x-api-key", "authorization", "cookie", "x-client"}


@on_both_faces
@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_that_is_answered_elsewhere_becomes_a_bare_get(face, status):
    first, second = hops(face, redirect("/other?x=1", status))
    assert (first.method, first.content) == ("POST", b"why?")
    assert (second.method, second.content) == ("GET", b"")
    assert second.url == "http://feed.test/other?x=1"
    left = {name for name, _ in second.fields if name.startswith(b"content-")}
    assert not left
    assert second.header("x-api-key") == "k"


@on_both_faces
def test_the_bodys_own_type_goes_with_the_body(face):
    first, second = asked(
        face, URL, "PUT", answers=[redirect("/other", 303), reply()], json={}
    )
    assert first.header("content-type") == "application/json"
    assert (second.method, second.header("content-type")) == ("GET", None)


@on_both_faces
@pytest.mark.parametrize("status", [307, 308])
def test_a_post_that_has_moved_stays_a_post_with_its_body(face, status):
    first, second = hops(face, redirect("/other", status))
    assert (second.method, second.content) == ("POST", b"why?")
    assert second.fields[1:] == first.fields[1:]


@on_both_faces
@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("GET", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("HEAD", 301, "HEAD"),
    ],
)
def test_other_methods_change_only_where_the_standard_says_so(
    face, method, status, then
):
    _, second = asked(face, URL, method, answers=[redirect("/", status), reply()])
    assert second.method == then


ELSEWHERE = {
    "host": (URL, "http://other.test/"),
    "subdomain": (URL, "http://www.feed.test/"),
    "port": (URL, "http://feed.test:8080/"),
    "scheme": (URL, "https://feed.test/"),
    "scheme alone": ("http://feed.test:8080/", "https://feed.test:8080/"),
    "userinfo": (URL, "http://a:b@other.test/"),
}


@on_both_faces
@pytest.mark.parametrize(("url", "target"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_off_the_origin_only_our_own_headers_travel(face, url, target):
    first, second = hops(face, redirect(target), url=url)
    assert is_private(first) == {"x-api-key", "authorization", "cookie", "x-client"}
    sent = {name.decode(): value for name, value in second.fields}
    assert sent.pop("host") == target.split("/")[2].split("@")[-1].encode()
    assert sent.pop("user-agent").startswith(b"python-httpxr/")
    assert sent == {
        "accept": b"text/event-stream",
        "accept-encoding": b"identity",
        "cache-control": b"no-store",
        "content-length": b"4",
        "content-type": b"text/x-question",
        "last-event-id": b"7",
    }
    assert second.content == b"why?"


@on_both_faces
def test_without_a_body_the_content_type_stays_behind(face):
    _, second = hops(face, redirect("http://other.test/", 303))
    assert second.header("content-type") is None
    _, second = hops(face, redirect("http://other.test/"), method="GET", content=None)
    assert second.header("content-type") is None


@on_both_faces
def test_the_default_port_is_the_same_origin(face):
    _, second = hops(face, redirect("http://feed.test:80/other"))
    assert is_private(second) == {"x-api-key", "authorization", "cookie", "x-client"}


@on_both_faces
def test_what_was_dropped_stays_dropped_for_the_rest_of_the_chain(face):
    away = [redirect("http://other.test/"), redirect("/further")]
    home, *others = hops(face, *away, redirect(URL), redirect("/home"))
    assert is_private(home)
    assert [request.url for request in others] == [
        "http://other.test/",
        "http://other.test/further",
        URL,
        "http://feed.test/home",
    ]
    assert not any(is_private(request) for request in others)


@on_both_faces
def test_the_userinfo_authenticates_every_hop_of_its_origin(face):
    url = "http://me:hush@feed.test/"
    answers = [redirect("/other"), redirect("http://a:b@feed.test/x"), reply()]
    requests = asked(face, url, answers=answers)
    assert {r.header("authorization") for r in requests} == {"Basic bWU6aHVzaA=="}
    assert not any("@" in request.url for request in requests)
