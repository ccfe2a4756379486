"""Proxies of every kind, on both wires: what they see, and what is said of them."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from contextlib import ExitStack, contextmanager

import httpxr
import pytest

from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.refusals import ProxyRefused
from reconnecting_sse.transports.ways.route import Route
from tests.proxies import ESTABLISHED, HTTPProxy, SOCKSProxy
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    PATIENCE,
    STOP_WITHIN,
    Peer,
    Server,
    answering,
    authority,
    black_hole,
    framed,
    tls_context,
    unused_port,
)
from tests.wires import WIRES, Fetching

LOGIN = "us%40er:p%3Ass%C3%A9"  # the bytes are those of "us@er" and "p:ssé"
NAME, SECRET = b"us@er", "p:ssé".encode()
HUSH = ["us@er", "us%40er", "p:ss", "p%3Ass"]


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


def trusted():
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


class Origin(Server):
    """Sends one event, and the next when the first was seen."""

    def __init__(self, **keywords):
        self.heads, self.seen = [], threading.Event()
        super().__init__(self.answer, **keywords)

    def answer(self, peer):
        self.heads.append(peer.request()[0])
        peer.send(CHUNKED + framed(EVENT))
        assert self.seen.wait(PATIENCE)
        peer.send(framed(EVENT) + LAST)


PROXIES = {
    "http": HTTPProxy,
    "https": lambda **login: HTTPProxy(context=tls_context(), **login),
    "socks": SOCKSProxy,
}


@contextmanager
def both(kind, scheme, *, login=None):
    """A proxy of that kind, and an origin behind it."""
    with ExitStack() as stack:
        proxy = stack.enter_context(PROXIES[kind](login=login))
        context = tls_context() if scheme == "https" else None
        origin = stack.enter_context(Origin(context=context))
        # Both end when the client is gone, whatever a test makes of it.
        stack.callback(origin.seen.set)
        yield proxy, origin


def login_for(kind):
    return (NAME, SECRET) if kind == "socks" else NAME + b":" + SECRET


# What goes through


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
def test_an_origin_is_read_live_through_a_proxy_with_credentials(wire, kind, scheme):
    with both(kind, scheme, login=login_for(kind)) as (proxy, origin):
        address = proxy.address(f"{LOGIN}@")
        transport = wire.transport(verify=trusted(), proxy=address)
        headers = {"X-A": "1"}
        for _ in range(2):
            response, body = wire.fetch(
                origin.url, transport, headers=headers, seen=lambda _: origin.seen.set()
            )
            assert (response.status_code, body) == (200, EVENT + EVENT)
    for head in origin.heads:
        assert head.startswith(
            b"GET /feed HTTP/1.1\r\nHost: 127.0.0.1:%d" % origin.port
        )
        assert b"X-A: 1" in head
        assert b"roxy-" not in head
    assert len(origin.heads) == proxy.connections == 2


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_plain_request_is_forwarded_and_a_tunnel_tells_the_proxy_no_more(wire, kind):
    for scheme, line in [("http", "GET {}/feed?a=b"), ("https", "CONNECT {}")]:
        with both(kind, scheme) as (proxy, origin):
            origin.seen.set()
            described = httpxr.Proxy(
                proxy.address(), auth=("us@er", "p:ssé"), headers={"X-Proxy": "me"}
            )
            transport = wire.transport(verify=trusted(), proxy=described)
            headers = {"Proxy-Authorization": "Basic other", "X-A": "1"}
            wire.fetch(origin.url + "?a=b", transport, headers=headers)
        (head,) = proxy.heads
        place = origin.url.removesuffix("/feed")
        place = place if scheme == "http" else place.removeprefix("https://")
        assert head.startswith(line.format(place).encode() + b" HTTP/1.1\r\nHost: ")
        assert head.count(b"Proxy-Authorization: ") == 1
        assert b"\r\nX-Proxy: me" in head
        assert (b"X-A: 1" in head) is (scheme == "http")
        (seen,) = origin.heads
        assert b"roxy-Authorization" not in seen


def test_the_caller_s_own_login_reaches_a_proxy_that_has_none_but_no_origin(wire):
    for scheme in ("http", "https"):
        with both("http", scheme) as (proxy, origin):
            origin.seen.set()
            transport = wire.transport(verify=trusted(), proxy=proxy.address())
            wire.fetch(
                origin.url, transport, headers={"Proxy-Authorization": "Bearer own"}
            )
        assert (b"Bearer own" in proxy.heads[0]) is (scheme == "http")
        assert b"Bearer own" not in origin.heads[0]


@pytest.mark.parametrize(
    ("scheme", "host", "target"),
    [
        ("socks5h", "localhost", (3, "localhost")),
        ("socks5", "localhost", (1, "127.0.0.1")),
        ("socks5h", "127.0.0.1", (1, "127.0.0.1")),
        ("socks5h", "[::1]", (4, "::1")),
    ],
)
def test_names_are_resolved_where_the_scheme_says(
    wire, scheme, host, target, monkeypatch
):
    resolve = socket.getaddrinfo

    def ipv4(*args, **keywords):
        found = resolve(*args, **keywords)
        return [entry for entry in found if entry[0] == socket.AF_INET] or found

    monkeypatch.setattr(socket, "getaddrinfo", ipv4)
    listen = "::1" if "::" in host else "127.0.0.1"
    with SOCKSProxy() as proxy, Origin(host=listen) as origin:
        origin.seen.set()
        transport = wire.transport(proxy=proxy.address(scheme=scheme))
        wire.fetch(f"http://{host}:{origin.port}/", transport)
    assert proxy.targets == [(*target, origin.port)]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_ipv6_has_brackets_wherever_it_stands(wire, scheme):
    context = None
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert("::1").configure_cert(context)
    with HTTPProxy(host="::1") as proxy, Origin(host="::1", context=context) as origin:
        origin.seen.set()
        transport = wire.transport(verify=trusted(), proxy=proxy.address())
        wire.fetch(origin.url, transport)
    assert b" http://[::1]:" in proxy.heads[0] or b" [::1]:" in proxy.heads[0]
    assert b"Host: [::1]:%d" % origin.port in origin.heads[0]


def test_an_answer_may_come_in_pieces_and_after_interim_ones(wire):
    def script(peer):
        peer.request()
        for byte in b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ESTABLISHED:
            peer.send(bytes([byte]))
        secured = tls_context().wrap_socket(peer.sock, server_side=True)
        with secured:
            answering(CHUNKED + framed(EVENT) + LAST)(Peer(secured))

    with Server(script) as proxy:
        url = proxy.url.removesuffix("/feed")
        transport = wire.transport(verify=trusted(), proxy=url)
        assert wire.fetch("https://localhost/", transport)[1] == EVENT


# Which hop failed


def refused(wire, url, proxy, error, **keywords):
    """The failure's text, which has no secret in it."""
    transport = wire.transport(verify=trusted(), proxy=proxy)
    with pytest.raises(error) as caught:
        wire.fetch(url, transport, **keywords)
    text = str(caught.value)
    assert not [secret for secret in HUSH if secret in text]
    return text, caught.value


@pytest.mark.parametrize("login", ["", "us%40er:wrong@"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_login_that_is_not_accepted_is_the_proxy_s_refusal(wire, scheme, login):
    with both("http", scheme, login=b"us@er:p:ss") as (proxy, origin):
        text, error = refused(wire, origin.url, proxy.address(login), ProxyRefused)
    assert f"the proxy 127.0.0.1:{proxy.port} refused" in text
    assert "407" in text
    assert "credentials" in text
    assert error.status == 407
    assert origin.connections == 0


def answered(answer, **keywords):
    def script(peer):
        peer.request()
        peer.send(answer)

    return Server(script, **keywords)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 403 For\x1bbidden\r\n\r\nwhy", ProxyRefused, ": 403 For bidden;"),
        (b"HTTP/1.0 502\r\n\r\n", ProxyRefused, ": 502;"),
        (b"HTTP/1.1 302 Found\nLocation: /\n\n", ProxyRefused, ": 302 Found;"),
        (b"220 mail ESMTP\r\n\r\n", httpxr.ProxyError, "did not answer as a proxy"),
        (b"HTTP/1.1 200 O", httpxr.ProxyError, "closed the connection instead"),
        (b"", httpxr.ProxyError, "closed the connection instead"),
        (ESTABLISHED + b"more", httpxr.ProxyError, "did not answer as a proxy"),
        (b"x" * 70_000, httpxr.ProxyError, "did not answer as a proxy"),
    ],
)
def test_an_answer_that_opens_no_tunnel_is_the_proxy_s(wire, answer, kind, words):
    with answered(answer) as proxy:
        proxy.failures = []
        url = f"http://{LOGIN}@127.0.0.1:{proxy.port}"
        text, _ = refused(wire, "https://origin.test/", url, kind)
        proxy.failures.clear()
    assert words in text
    assert f"the proxy 127.0.0.1:{proxy.port} " in text


def reset_after_the_request(peer):
    peer.request()
    peer.reset()


def test_a_proxy_that_resets_instead_of_answering_is_named(wire):
    with Server(reset_after_the_request) as proxy:
        url = proxy.url.removesuffix("/feed")
        text, _ = refused(wire, "https://origin.test/", url, httpxr.ConnectError)
    assert f"origin.test:443 through the proxy 127.0.0.1:{proxy.port}" in text


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_cannot_be_reached_is_named(wire, scheme):
    port = unused_port()
    url = f"{scheme}://{LOGIN}@127.0.0.1:{port}"
    text, _ = refused(wire, "http://127.0.0.1/", url, httpxr.ConnectError)
    assert f"the proxy 127.0.0.1:{port}" in text
    assert "127.0.0.1:80" not in text


def test_a_proxy_whose_name_is_unknown_is_named(wire):
    proxy = "http://no-such-host.invalid:1"
    text, _ = refused(wire, "http://127.0.0.1/", proxy, httpxr.ConnectError)
    assert "the proxy no-such-host.invalid:1" in text


def test_a_name_that_socks5_leaves_to_us_is_the_origin_s(wire):
    with Server(Peer.sees_the_end) as proxy:
        url = f"socks5://127.0.0.1:{proxy.port}"
        origin = "http://no-such-host.invalid/"
        text, _ = refused(wire, origin, url, httpxr.ConnectError)
    assert "no-such-host.invalid:80 through the proxy" in text


def test_a_proxy_whose_certificate_is_not_trusted_is_named(wire):
    with HTTPProxy(context=tls_context()) as proxy:
        transport = wire.transport(proxy=proxy.address())
        with pytest.raises(httpxr.ConnectError, match="certificate") as caught:
            wire.fetch("http://127.0.0.1/", transport)
        assert proxy.closed.wait(PATIENCE)
        proxy.failures.clear()
    assert f"the proxy 127.0.0.1:{proxy.port}" in str(caught.value)


@pytest.mark.parametrize("kind", PROXIES)
def test_an_origin_whose_certificate_is_not_trusted_is_named_behind_it(wire, kind):
    with both(kind, "https") as (proxy, origin):
        url = f"https://localhost.localdomain:{origin.port}/"
        url = origin.url if kind == "https" else url
        context = trusted()
        if kind == "https":
            # The proxy's is right; the origin's name is not on its certificate.
            other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority().issue_cert("other.test").configure_cert(other)
            origin.context = other
        else:
            context = ssl.create_default_context()
            url = origin.url
        transport = wire.transport(verify=context, proxy=proxy.address())
        with pytest.raises(httpxr.ConnectError, match="certificate") as caught:
            wire.fetch(url, transport)
        assert origin.closed.wait(PATIENCE)
        origin.failures.clear()
    behind = f"127.0.0.1:{origin.port} behind the proxy 127.0.0.1:{proxy.port}"
    assert behind in str(caught.value)


def test_a_tunnel_that_closes_as_soon_as_it_is_open_is_an_error(wire):
    with answered(ESTABLISHED) as proxy:
        url = proxy.url.removesuffix("/feed")
        error = (httpxr.ConnectError, httpxr.ProxyError)
        text, _ = refused(wire, "https://origin.test/", url, error)
    assert "origin.test:443" in text
    assert f"the proxy 127.0.0.1:{proxy.port}" in text


def test_an_answer_of_the_origin_s_is_not_the_proxy_s(wire):
    answer = b"HTTP/1.1 407 Whatever\r\nContent-Length: 0\r\n\r\n"
    with answered(answer, context=tls_context()) as origin, HTTPProxy() as proxy:
        transport = wire.transport(verify=trusted(), proxy=proxy.address())
        assert wire.fetch(origin.url, transport)[0].status_code == 407
    with answered(answer) as origin:
        assert wire.fetch(origin.url, wire.transport())[0].status_code == 407


def test_a_cut_behind_a_proxy_says_so(wire):
    def cut(peer):
        peer.request()
        peer.send(CHUNKED + framed(EVENT))

    with Server(cut) as origin, HTTPProxy() as proxy:
        transport = wire.transport(proxy=proxy.address())
        with pytest.raises(httpxr.TransportError) as caught:
            wire.fetch(origin.url, transport)
    behind = f"127.0.0.1:{origin.port} behind the proxy 127.0.0.1:{proxy.port}"
    assert behind in str(caught.value)


# SOCKS


SOCKS_FAULTS = [
    ([b"\x05\xff"], ProxyRefused, "no login"),
    ([b"\x05\x02"], ProxyRefused, "no login"),
    ([b"\x05"], httpxr.ProxyError, "closed"),
    ([b"HT"], httpxr.ProxyError, "did not answer as a proxy"),
    ([b"\x05\x00", b"\x05\x05\x00\x01"], ProxyRefused, "connection refused"),
    ([b"\x05\x00", b"\x05\x77\x00\x01"], httpxr.ProxyError, "did not answer"),
    ([b"\x05\x00", b"\x04\x00\x00\x01"], httpxr.ProxyError, "did not answer"),
    ([b"\x05\x00", b"\x05\x00\x00\x09"], httpxr.ProxyError, "did not answer"),
    (
        [b"\x05\x00", b"\x05\x00\x00\x01" + bytes(7)],
        httpxr.ProxyError,
        "did not answer",
    ),
]


@pytest.mark.parametrize(("replies", "kind", "words"), SOCKS_FAULTS)
def test_a_socks_proxy_that_opens_no_way_says_why(wire, replies, kind, words):
    def script(peer):
        for reply in replies:
            peer.received()
            peer.send(reply)

    with Server(script) as proxy:
        url = f"socks5h://127.0.0.1:{proxy.port}"
        text, _ = refused(wire, "http://origin.test/", url, kind)
    assert words in text
    assert f"the proxy 127.0.0.1:{proxy.port} " in text


@pytest.mark.parametrize("login", ["", "us%40er:wrong@"])
def test_a_socks_login_that_is_not_accepted_is_its_refusal(wire, login):
    with SOCKSProxy(login=(NAME, SECRET)) as proxy:
        text, error = refused(
            wire, "http://origin.test/", proxy.address(login), ProxyRefused
        )
    assert "credentials" in text
    assert error.status is None


def test_an_ipv6_address_of_the_proxy_s_own_is_read_over(wire):
    def script(peer):
        peer.received()
        peer.send(b"\x05\x00")
        peer.received()
        peer.send(b"\x05\x00\x00\x04" + bytes(18))
        answering(CHUNKED + framed(EVENT) + LAST)(peer)

    with Server(script) as proxy:
        transport = wire.transport(proxy=f"socks5h://127.0.0.1:{proxy.port}")
        assert wire.fetch("http://origin.test/", transport)[1] == EVENT


# Time, and being stopped


class Stage:
    """A proxied connect that comes so far and no further."""

    def __init__(self, kind):
        self.kind = kind
        self.reached = threading.Event()

    def silent(self, peer):
        peer.sock.recv(65536)
        self.reached.set()
        peer.sees_the_end()

    def silent_behind(self, peer):
        peer.request()
        peer.send(ESTABLISHED)
        self.silent(peer)

    def forwarded(self, peer):
        peer.request()
        self.reached.set()
        peer.sees_the_end()

    def deaf(self, peer):
        self.reached.set()
        peer.sees_the_end()

    @contextmanager
    def server(self):
        """What is to be asked for, through which proxy."""
        script, context, proxy, origin = {
            "tls to the proxy": (self.silent, None, "https", "http"),
            "CONNECT": (self.silent, None, "http", "https"),
            "CONNECT over tls": (self.silent, tls_context(), "https", "https"),
            "SOCKS": (self.deaf, None, "socks5h", "http"),
            "tls to the origin": (self.silent_behind, None, "http", "https"),
            "tls within tls": (self.silent_behind, tls_context(), "https", "https"),
            "headers": (self.forwarded, None, "http", "http"),
        }[self.kind]
        with Server(script, context=context) as server:
            place = f"{proxy}://127.0.0.1:{server.port}"
            yield server, f"{origin}://origin.test/", place


STAGES = ["tls to the proxy", "CONNECT", "CONNECT over tls", "SOCKS"]
STAGES += ["tls to the origin", "tls within tls"]


@pytest.mark.parametrize("kind", STAGES)
def test_the_connect_timeout_covers_each_step_through_a_proxy(wire, kind):
    with Stage(kind).server() as (server, url, proxy):
        text, _ = refused(
            wire, url, proxy, httpxr.ConnectTimeout, timeout={"connect": 0.15}
        )
        assert server.closed.wait(STOP_WITHIN)
        server.failures.clear()
    assert f"the proxy 127.0.0.1:{server.port}" in text
    is_tls = kind.startswith("tls ")
    assert ("its TLS handshake was not done within 0.15 s" in text) is is_tls
    assert ("the proxy is connected, but opened no way" in text) is not is_tls


def test_a_proxy_that_never_accepts_runs_into_the_connect_timeout(wire):
    with black_hole() as (host, port):
        text, _ = refused(
            wire,
            "https://origin.test/",
            f"http://{host}:{port}",
            httpxr.ConnectTimeout,
            timeout={"connect": 0.1},
        )
    assert f"the proxy {host}:{port} could not be connected to within" in text


@pytest.mark.parametrize("is_over_tls", [False, True])
def test_a_dripped_answer_does_not_extend_the_connect_timeout(wire, is_over_tls):
    stop = threading.Event()

    def script(peer):
        peer.request()
        try:
            while not stop.wait(0.01):
                peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:
            pass

    context = tls_context() if is_over_tls else None
    with Server(script, context=context) as server:
        proxy = server.url.removesuffix("/feed")
        timeout = {"connect": 0.2}
        url = "https://origin.test/"
        refused(wire, url, proxy, httpxr.ConnectTimeout, timeout=timeout)
        stop.set()


def test_headers_behind_a_proxy_have_their_deadline(wire):
    with Stage("headers").server() as (server, url, proxy):
        text, _ = refused(
            wire, url, proxy, httpxr.ReadTimeout, timeout={"headers": 0.1}
        )
        assert server.closed.wait(STOP_WITHIN)
    assert f"origin.test:80 behind the proxy 127.0.0.1:{server.port}" in text


@pytest.mark.parametrize("kind", [*STAGES, "headers"])
def test_an_abort_frees_each_step_through_a_proxy(wire, kind):
    stage = Stage(kind)
    with stage.server() as (server, url, proxy):
        transport = wire.transport(verify=trusted(), proxy=proxy)
        fetching = Fetching(wire, url, transport)
        assert stage.reached.wait(PATIENCE)
        error = fetching.stop()
        assert isinstance(error, (httpxr.ConnectError, httpxr.ReadError))
        assert server.closed.wait(STOP_WITHIN)
        server.failures.clear()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
def test_an_abort_frees_a_read_behind_a_proxy(wire, kind, scheme):
    with both(kind, scheme) as (proxy, origin):
        transport = wire.transport(verify=trusted(), proxy=proxy.address())
        fetching = Fetching(wire, origin.url, transport)
        assert fetching.first.wait(PATIENCE)
        assert isinstance(fetching.stop(), httpxr.ReadError)
        assert proxy.closed.wait(STOP_WITHIN)
        origin.seen.set()
        origin.failures.clear()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
def test_silence_behind_a_proxy_has_its_timeout(wire, kind, scheme):
    with both(kind, scheme) as (proxy, origin):
        refused(
            wire, origin.url, proxy.address(), httpxr.ReadTimeout, timeout={"read": 0.1}
        )
        assert proxy.closed.wait(STOP_WITHIN)
        origin.seen.set()
        origin.failures.clear()


def test_no_timeouts_at_all_is_for_ever_behind_a_proxy_too(wire):
    with both("https", "https") as (proxy, origin):
        origin.seen.set()
        transport = wire.transport(verify=trusted(), proxy=proxy.address())
        timeout = {"connect": None, "headers": None, "read": None}
        _, body = wire.fetch(origin.url, transport, timeout=timeout)
        assert body == EVENT + EVENT


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
def test_a_large_body_arrives_whole_through_a_proxy(wire, kind, scheme):
    content = bytes(range(256)) * 12_000
    received = []

    def script(peer):
        received.append(peer.request()[1])
        peer.send(CHUNKED + LAST)

    context = tls_context() if scheme == "https" else None
    with PROXIES[kind]() as proxy, Server(script, context=context) as origin:
        transport = wire.transport(verify=trusted(), proxy=proxy.address())
        wire.fetch(origin.url, transport, method="POST", content=content)
    assert received == [content]


# How a proxy is named


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:3128", ("http", "127.0.0.1", 3128, b"", b"")),
        ("h:1", ("http", "h", 1, b"", b"")),
        ("u:p@h", ("http", "h", 80, b"u", b"p")),
        ("HTTPS://H", ("https", "h", 443, b"", b"")),
        ("socks5://u@[::1]", ("socks5", "::1", 1080, b"u", b"")),
        ("socks5h://h", ("socks5h", "h", 1080, b"", b"")),
        ("http://u%E9:%3A%40@h/", ("http", "h", 80, b"u\xe9", b":@")),
        (httpxr.URL("http://u:p@h:3"), ("http", "h", 3, b"u", b"p")),
        (httpxr.Proxy("http://u%40:p@h:3"), ("http", "h", 3, b"u@", b"p")),
        (
            httpxr.Proxy("http://h", auth=("a", "é")),
            ("http", "h", 80, b"a", b"\xc3\xa9"),
        ),
    ],
)
def test_a_proxy_is_read_from_whatever_names_it(given, expected):
    proxy = Proxy.of(given)
    parts = proxy.scheme, proxy.host, proxy.port, proxy.username, proxy.password
    assert parts == expected


def test_no_credential_is_shown():
    proxy = Proxy.of(httpxr.Proxy("http://user:hush@h", headers={"X-Token": "hush"}))
    route = Route.to(httpxr.URL("http://host/"), proxy=proxy)
    for shown in (repr(proxy), repr(route), route.where, route.tunnel):
        assert "hush" not in shown
        assert "user" not in shown


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ftp://user:hush@h", "http://, https://, socks5://, socks5h://, not ftp://"),
        ("socks4://user:hush@h", "not socks4://"),
        ("http://", "is invalid|no host"),
        ("http://user:hush@", "is invalid|no host"),
        ("http://user:hush@no host", "is invalid.*no host has"),
        ("socks5://user:hush@h:0", "is invalid.*port 0"),
        ("http://user:hush@h:port", "invalid"),
        (httpxr.Proxy("http://h", headers={"X-A": "hush\r\nB: c"}), "X-A|x-a"),
        ("socks5://user:" + "hush" * 100 + "@h", "255"),
    ],
)
def test_what_names_no_proxy_is_refused_without_showing_it(given, words):
    for make in [wire.transport for wire in WIRES.values()]:
        with pytest.raises(ValueError, match=words) as caught:
            make(proxy=given)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks_without_its_extra_says_how_to_get_it(scheme, monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)
    for made in WIRES.values():
        with pytest.raises(
            ImportError, match=r'pip install "reconnecting-sse\[socks\]"'
        ):
            made.transport(proxy=f"{scheme}://127.0.0.1")


def test_an_explicit_transport_ignores_the_environment(wire, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    with Origin() as origin:
        origin.seen.set()
        assert wire.fetch(origin.url, wire.transport())[1] == EVENT + EVENT
