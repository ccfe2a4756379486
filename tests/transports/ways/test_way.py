"""A whole way in memory: what is sent, in which order, and which hop is named when."""

from __future__ import annotations

import ssl

import httpxr
import pytest

from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Contexts
from reconnecting_sse.transports.ways.way import Way
from tests.proxies import ESTABLISHED
from tests.raw_wire import EVENT, trusting_context
from tests.transports.ways.in_memory import TLSPeer, play, server_context

ORIGIN = "localhost:443"
CONNECT = b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n"


def way_to(scheme, proxy=None, *, trusts=(True, True)):
    proxy = None if proxy is None else Proxy.of(f"{proxy}://127.0.0.1:3128")
    route = Route.to(httpxr.URL(f"{scheme}://localhost/feed"), proxy=proxy)
    proxy_context, origin_context = (
        trusting_context() if is_trusting else ssl.create_default_context()
        for is_trusting in trusts
    )
    return Way(
        route,
        Contexts(
            proxy_context if route.needs_proxy_tls else None,
            origin_context if route.needs_tls else None,
        ),
    )


class HTTPProxy:
    """Opens the way to what is behind it, then hands everything on."""

    def __init__(self, behind, asked):
        self.behind, self.asked, self.is_open = behind, asked, False

    def __call__(self, data):
        if self.is_open:
            return self.behind(data)
        self.asked.append(data)
        self.is_open = True
        return ESTABLISHED


class SOCKSProxy(HTTPProxy):
    replies = (b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6))

    def __call__(self, data):
        if len(self.asked) == 2:
            return self.behind(data)
        self.asked.append(data)
        return self.replies[len(self.asked) - 1]


def ask(way, far_end):
    """Open it, and ask."""
    _, left = play(way.opened("localhost"), far_end)
    return way.layers.receive(left) + way.layers.receive(
        far_end(way.layers.send(b"GET"))
    )


def origin_for(scheme):
    return TLSPeer(answer=lambda _: EVENT) if scheme == "https" else lambda _: EVENT


PROXIES = {
    None: lambda behind, _: behind,
    "http": HTTPProxy,
    "https": lambda behind, asked: TLSPeer(answer=HTTPProxy(behind, asked)),
    "socks5h": SOCKSProxy,
}


TUNNELLED = [("https", proxy) for proxy in PROXIES]


@pytest.mark.parametrize(
    ("scheme", "proxy"), [*TUNNELLED, ("http", None), ("http", "socks5h")]
)
def test_a_way_opens_by_all_its_hops(scheme, proxy):
    way, asked = way_to(scheme, proxy), []
    far_end = PROXIES[proxy](origin_for(scheme), asked)
    assert ask(way, far_end) == EVENT
    behind = "" if proxy is None else " behind the proxy 127.0.0.1:3128"
    port = 443 if scheme == "https" else 80
    assert way.hop == f"localhost:{port}{behind}"
    if proxy in {"http", "https"}:
        assert asked == [CONNECT]
    assert way.layers.is_plain is (scheme == "http")


FAILURES = {
    "the proxy's certificate": (
        {"trusts": (False, True)},
        TLSPeer,
        ssl.SSLCertVerificationError,
        "the proxy 127.0.0.1:3128",
    ),
    "the proxy's answer": (
        {},
        lambda: TLSPeer(answer=lambda _: b"HTTP/1.1 403 No\r\n\r\n"),
        httpxr.ProxyError,
        f"{ORIGIN} through the proxy 127.0.0.1:3128",
    ),
    "the proxy's end": (
        {},
        TLSPeer,
        httpxr.ProxyError,
        f"{ORIGIN} through the proxy 127.0.0.1:3128",
    ),
    "the origin's certificate": (
        {"trusts": (True, False)},
        lambda: TLSPeer(answer=HTTPProxy(TLSPeer(), [])),
        ssl.SSLCertVerificationError,
        f"{ORIGIN} behind the proxy 127.0.0.1:3128",
    ),
    "the origin's end": (
        {},
        lambda: TLSPeer(answer=HTTPProxy(lambda _: b"", [])),
        ssl.SSLEOFError,
        f"{ORIGIN} behind the proxy 127.0.0.1:3128",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_the_hop_that_failed_is_the_one_that_is_named(case):
    keywords, far_end, kind, hop = FAILURES[case]
    way = way_to("https", "https", **keywords)
    with pytest.raises(kind):
        play(way.opened("localhost"), far_end())
    assert way.hop == hop


def test_the_first_hop_is_named_before_anything_is_done():
    assert way_to("https").hop == ORIGIN
    assert way_to("https", "http").hop == "the proxy 127.0.0.1:3128"


def test_the_proxy_s_name_is_the_proxy_s_and_the_origin_s_the_origin_s():
    """Each certificate has one name only, and each is asked for its own."""
    proxy = TLSPeer(server_context("127.0.0.1"))
    origin = TLSPeer(server_context("localhost"), answer=lambda _: EVENT)
    proxy.answer = HTTPProxy(origin, [])
    assert ask(way_to("https", "https"), proxy) == EVENT
