"""What is read from a client: its settings, its transports, its proxies."""

from __future__ import annotations

import sys

import httpxr
import pytest

from reconnecting_sse.exchange.client import (
    ClientSettings,
    Transports,
    is_async,
    is_live,
)
from reconnecting_sse.testing import Answer, ScriptedServer
from reconnecting_sse.transports.ways.environment import UnusableProxyError
from reconnecting_sse.transports.ways.proxy import Proxy
from tests.connection_harness import new_source
from tests.faces import ASYNC, FakeTransport, on_both_faces

URL = httpxr.URL("http://feed.test/events")
PROXY = "http://user:hush@127.0.0.1:9"
SPELLINGS = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in SPELLINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def built_in(face, **options):
    kind = httpxr.AsyncHTTPTransport if face is ASYNC else httpxr.HTTPTransport
    return kind(**options)


def found(client, url=URL):
    return Transports(client).find(httpxr.URL(url))


# ------------------------------------------------------------------ settings


@on_both_faces
def test_the_settings_are_the_clients_at_this_moment(face):
    client = face.client(
        base_url="http://h.test/api",
        auth=("u", "p"),
        cookies={"c": "1"},
        headers={"X-A": "é"},
        event_hooks={"request": [print], "response": []},
    )
    settings = ClientSettings.of(client)
    assert str(settings.base_url) == "http://h.test/api"
    assert settings.auth == ("u", "p")
    assert settings.jar is client.cookies.jar
    assert (b"X-A", b"\xc3\xa9") in settings.headers
    assert (settings.request_hooks, settings.response_hooks) == ([print], [])
    client.headers["X-B"] = "2"
    assert (b"x-b", b"2") in ClientSettings.of(client).headers


@on_both_faces
def test_hooks_of_one_kind_alone_are_fine(face):
    settings = ClientSettings.of(face.client(event_hooks={"request": [print]}))
    assert (settings.request_hooks, settings.response_hooks) == ([print], [])


@on_both_faces
def test_a_closed_client_asks_for_nothing(face):
    transport = FakeTransport()
    with face.connect(face.client(transport=transport), "GET", str(URL)):
        pass
    client = httpxr.Client(transport=transport)
    client.close()
    with pytest.raises(RuntimeError, match="keep it open"):
        ClientSettings.of(client)


def test_which_face_a_client_gives():
    class Own(httpxr.Client):
        pass

    assert is_async(httpxr.AsyncClient())
    assert not is_async(Own())


@pytest.mark.parametrize("client", [None, httpxr, "client"])
def test_what_is_no_client_is_refused(client):
    with pytest.raises(TypeError, match=r"expected an httpxr\.Client"):
        is_async(client)


# ------------------------------------------------------------------ transports


@on_both_faces
def test_a_plain_client_gets_one_transport_of_ours(face):
    transports = Transports(face.client())
    assert not transports.has_substituted
    transport = transports.find(URL)
    assert type(transport) is face.transport
    assert is_live(transport)
    assert transports.decodes(transport)
    assert transports.find(httpxr.URL("https://other.test/")) is transport
    assert transports.has_substituted


@on_both_faces
def test_an_explicit_built_in_transport_is_replaced_as_well(face):
    assert is_live(found(face.client(transport=built_in(face))))
    mounted = face.client(mounts={"all://feed.test": built_in(face)})
    assert is_live(found(mounted))


@on_both_faces
def test_a_transport_of_the_callers_is_called_as_it_is(face):
    own = FakeTransport()
    transports = Transports(face.client(transport=own))
    assert transports.find(URL) is own
    assert not transports.decodes(own)
    assert not transports.has_substituted
    ours = face.transport()
    assert found(face.client(transport=ours)) is ours


@on_both_faces
def test_a_mount_counts_for_the_urls_it_is_for(face):
    own = FakeTransport()
    client = face.client(mounts={"all://feed.test": own})
    assert found(client) is own
    assert is_live(found(client, "http://other.test/"))


@on_both_faces
def test_a_mount_of_nothing_is_the_clients_own_transport(face, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    own, mounted = FakeTransport(), FakeTransport()
    mounts = {"all://": mounted, "all://feed.test": None}
    assert found(face.client(mounts=mounts, transport=own)) is own
    assert is_live(found(face.client(mounts=mounts)))
    assert found(face.client(mounts=mounts), "http://other.test/") is mounted


@on_both_faces
def test_a_mock_transport_answers_both_faces(face):
    def answer(request):
        headers = {"Content-Type": "text/event-stream"}
        body = f"data: {request.url.path}\n\n".encode()
        return httpxr.Response(200, headers=headers, content=body)

    client = face.client(transport=httpxr.MockTransport(answer))
    with face.connect(client, "GET", str(URL)) as connected:
        assert connected.data() == ["/events"]


@on_both_faces
def test_a_transport_for_the_other_kind_of_client_is_refused(face):
    client = face.client(transport=face.other_transport())
    with pytest.raises(TypeError, match=r"needs; give the client a transport that"):
        found(client)


@on_both_faces
def test_a_plain_client_streams_from_a_real_server(face):
    script = [Answer(body="data: live\n\n", end="hang")]
    with face.streamed(*script) as connected:
        assert next(connected.events()).data == "live"


# ------------------------------------------------------------------ proxies


def proxy_for(client, url=URL):
    """The proxy that the transport of ours, which takes its place, goes through."""
    return found(client, url)._settings.route(httpxr.Request("GET", url)).proxy


@on_both_faces
def test_a_client_with_a_proxy_is_refused_with_what_to_do(face):
    client = face.client(proxy=PROXY, trust_env=False)
    with pytest.raises(ValueError, match="transport that streams") as caught:
        face.ask(client, "GET", str(URL))
    assert "hush" not in str(caught.value)
    assert "AsyncStreamingTransport()" in str(caught.value)


@on_both_faces
def test_a_mount_with_a_proxy_is_refused_for_its_urls(face):
    client = face.client(mounts={"all://feed.test": built_in(face, proxy=PROXY)})
    with pytest.raises(ValueError, match="proxy of its own"):
        found(client)
    assert is_live(found(client, "http://other.test/"))


@on_both_faces
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_plain_client_goes_through_the_environments_proxy(face, monkeypatch, name):
    monkeypatch.setenv(name, PROXY)
    assert proxy_for(face.client()) == Proxy.of(PROXY)


@on_both_faces
def test_an_environment_proxy_without_a_scheme_speaks_http(face, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "proxy.test:3128")
    assert proxy_for(face.client()) == Proxy.of("http://proxy.test:3128")


@on_both_faces
def test_a_proxy_for_another_scheme_does_not_matter(face, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    assert proxy_for(face.client()) is None
    assert proxy_for(face.client(), "https://feed.test/") == Proxy.of(PROXY)


@on_both_faces
@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        ("http://feed.test/", "feed.test"),
        ("http://www.feed.test/", ".feed.test"),
        ("http://feed.test/", "*"),
        ("http://feed.test/", "feed.test:80"),
        ("http://feed.test:8080/", "feed.test:8080"),
        ("https://feed.test/", "feed.test:443"),
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://[::1]:8080/", "::1"),
        ("http://[::1]:8080/", "[::1]"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
def test_no_proxy_exempts_a_host(face, monkeypatch, url, exempt):
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exempt)
    assert proxy_for(face.client(), url) is None
    if exempt != "*":
        another = "http://another.test:8081/"
        assert proxy_for(face.client(), another) == Proxy.of(PROXY)


@on_both_faces
def test_a_plain_client_streams_through_the_environments_proxy(face, monkeypatch):
    script = [Answer(body="data: by proxy\n\n")]
    with ScriptedServer(script) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        with face.connect(face.client(), "GET", str(URL)) as connected:
            assert connected.data() == ["by proxy"]
        assert server.requests[0].target == str(URL)


NO_PROXY_AT_ALL = ["http://h.test:99999", "http://", "http://u:hush@h:p"]


@on_both_faces
@pytest.mark.parametrize("proxy", NO_PROXY_AT_ALL)
def test_what_the_environment_names_is_no_matter_where_it_is_not_used(
    face, monkeypatch, proxy
):
    """httpxr raises for it, also where the caller gave a transport."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    ours = face.transport()
    assert found(face.client(transport=ours)) is ours
    assert is_live(found(face.client(trust_env=False)))
    monkeypatch.setenv("NO_PROXY", "feed.test")
    assert proxy_for(face.client()) is None


@on_both_faces
@pytest.mark.parametrize("proxy", NO_PROXY_AT_ALL)
def test_an_environment_proxy_that_is_none_says_so(face, monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(UnusableProxyError, match="the environment's pr") as caught:
        new_source(str(face), str(URL), client=face.client())
    assert "hush" not in str(caught.value)
    mounted = face.client(mounts={"all://other.test": face.transport()})
    with pytest.raises(ValueError, match="the environment names a proxy") as caught:
        found(mounted)
    assert "hush" not in str(caught.value)


@on_both_faces
def test_an_environment_proxy_that_needs_an_extra_says_which(face, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.test")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(UnusableProxyError, match=r"environment's proxy: .*\[socks\]"):
        proxy_for(face.client())


@on_both_faces
def test_trust_env_false_ignores_the_environment(face, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    assert proxy_for(face.client(trust_env=False)) is None


@on_both_faces
@pytest.mark.parametrize("kind", ["own", "ours", "mount", "built-in mount"])
def test_the_environments_proxy_does_not_bypass_an_explicit_transport(
    face, monkeypatch, kind
):
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("ALL_PROXY", PROXY)
    own, ours = FakeTransport(), face.transport()
    options = {
        "own": {"transport": own},
        "ours": {"transport": ours},
        "mount": {"mounts": {"all://": own}},
        "built-in mount": {"mounts": {"http://feed.test": built_in(face)}},
    }[kind]
    if kind == "built-in mount":
        assert proxy_for(face.client(**options)) is None
    else:
        assert found(face.client(**options)) is (ours if kind == "ours" else own)


@on_both_faces
def test_our_transport_is_asked_with_a_proxy_in_the_environment(face, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    with ScriptedServer([Answer(body="data: direct\n\n")]) as server:
        client = face.client(transport=face.transport())
        with face.connect(client, "GET", server.url) as connected:
            assert connected.data() == ["direct"]


@on_both_faces
def test_a_proxy_that_cannot_be_looked_at_counts_as_one(face, monkeypatch):
    # httpxr needs httpcore to show its proxy; without a proxy it does not.
    monkeypatch.setitem(sys.modules, "httpcore", None)
    with pytest.raises(ValueError, match="proxy of its own"):
        found(face.client(proxy=PROXY, trust_env=False))
    assert is_live(found(face.client()))
