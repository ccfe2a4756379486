"""The name that a certificate must have, and the place to connect to, apart."""

from __future__ import annotations

import ssl
from contextlib import contextmanager

import httpxr
import pytest

from reconnecting_sse.transports.ways.route import CONNECT_TO, SNI_HOSTNAME
from tests.faces import asked, on_both_faces, redirect, reply
from tests.proxies import HTTPProxy, SOCKSProxy
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    PATIENCE,
    Server,
    authority,
    framed,
    tls_context,
    trusting_context,
    unused_port,
)
from tests.wires import WIRES

NAME = "0017886fffe12345.bridge.test"


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


class Bridge(Server):
    """An origin whose certificate names it otherwise than by its address."""

    def __init__(self):
        self.heads, self.names = [], []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert(NAME).configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        super().__init__(self.answer, context=context)

    def answer(self, peer):
        self.heads.append(peer.request()[0])
        peer.send(CHUNKED + framed(EVENT) + LAST)


@contextmanager
def refused_for_its_name(bridge):
    match = "certificate was rejected .*not valid for"
    with pytest.raises(httpxr.ConnectError, match=match) as caught:
        yield caught
    for thread in bridge.threads[1:]:
        thread.join(PATIENCE)
    bridge.failures.clear()


PROXIES = {
    "none": None,
    "http": HTTPProxy,
    "https": lambda: HTTPProxy(context=tls_context()),
    "socks": SOCKSProxy,
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_certificate_may_have_to_have_another_name(wire, proxy):
    """Through any proxy, whose own certificate is still checked for its own name."""
    with Bridge() as bridge, (PROXIES[proxy] or Bridge)() as between:
        options = {"verify": trusting_context()}
        if proxy != "none":
            options["proxy"] = between.address()
        transport = wire.transport(server_hostname=NAME, **options)
        assert wire.fetch(bridge.url, transport)[1] == EVENT
        assert b"Host: 127.0.0.1:%d\r\n" % bridge.port in bridge.heads[0]
        assert bridge.names == [NAME]
        with refused_for_its_name(bridge):
            wire.fetch(bridge.url, wire.transport(**options))


def test_a_request_may_say_the_name_and_counts_more(wire):
    with Bridge() as bridge:
        for name in (None, "other.test"):
            transport = wire.transport(verify=trusting_context(), server_hostname=name)
            extensions = {"sni_hostname": NAME}
            assert wire.fetch(bridge.url, transport, extensions=extensions)[1] == EVENT
        with refused_for_its_name(bridge) as caught:
            wire.fetch(bridge.url, transport, extensions={"sni_hostname": ""})
        assert "'other.test'" in str(caught.value)


def test_the_name_is_asked_for_where_nothing_is_checked(wire):
    with Bridge() as bridge:
        transport = wire.transport(verify=False, server_hostname="other.test")
        assert wire.fetch(bridge.url, transport)[1] == EVENT
        assert bridge.names == ["other.test"]


NO_NAMES = ["", ".test", "a..b", "a" * 64, "a\0b", b"bridge.test", 7]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_at_once(wire, name):
    with pytest.raises(ValueError, match="no name that a certificate can have"):
        wire.transport(server_hostname=name)


@pytest.mark.parametrize("name", NO_NAMES[1:])
def test_a_request_that_says_no_name_is_not_sent(wire, name):
    with pytest.raises(httpxr.LocalProtocolError, match=r"sni_hostname: .* no name"):
        wire.fetch("https://h/", wire.transport(), extensions={"sni_hostname": name})


@on_both_faces
def test_a_name_stays_with_the_origin_that_was_asked_for(face):
    answers = [redirect("/b"), redirect("https://other.test/"), redirect("/c"), reply()]
    extensions = {"sni_hostname": NAME, "trace": "t"}
    url = "https://192.0.2.1/"
    for auth in (None, lambda request: request):
        requests = asked(face, url, answers=answers, extensions=extensions, auth=auth)
        names = [request.extensions.get(SNI_HOSTNAME) for request in requests]
        assert names == [NAME, NAME, None, None]
        assert {request.extensions["trace"] for request in requests} == {"t"}


@on_both_faces
def test_connect_sse_passes_the_name_on(face):
    with Bridge() as bridge:
        client = face.client(transport=face.transport(verify=trusting_context()))
        extensions = {"sni_hostname": NAME}
        with face.connect(
            client, "GET", bridge.url, extensions=extensions
        ) as connected:
            assert connected.data() == ["1"]


# ------------------------------------------------------------------ places


@pytest.mark.parametrize("proxy", [*PROXIES, "socks5"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_place_stands_for_the_origin_s(wire, proxy, scheme):
    """A proxy is told of it, and sees no more: it would go where the URL says."""
    heads = []

    def script(peer):
        heads.append(peer.request()[0])
        peer.send(CHUNKED + framed(EVENT) + LAST)

    context = tls_context() if scheme == "https" else None
    between = SOCKSProxy if proxy == "socks5" else PROXIES[proxy] or Bridge
    with Server(script, context=context) as server, between() as proxied:
        options = {"verify": trusting_context()}
        if proxy != "none":
            address = proxied.address()
            is_ours = proxy == "socks5"  # the name is ours to resolve
            options["proxy"] = address.replace("5h", "5") if is_ours else address
        extensions = {CONNECT_TO: ("localhost", server.port)}
        url = f"{scheme}://localhost:9/feed"
        transport = wire.transport(**options)
        assert wire.fetch(url, transport, extensions=extensions)[1] == EVENT
    assert heads[0].startswith(b"GET /feed HTTP/1.1\r\nHost: localhost:9\r\n")
    if proxy in ("http", "https"):
        connect = f"CONNECT localhost:{server.port} HTTP/1.1\r\n"
        assert proxied.heads[0].startswith(connect.encode())


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:{}"])
def test_an_error_names_both_places(wire, proxy):
    port = unused_port()
    transport = wire.transport(proxy=proxy and proxy.format(port))
    extensions = {CONNECT_TO: ("127.0.0.1", port)}
    with pytest.raises(httpxr.ConnectError) as caught:
        wire.fetch("http://feed.test/", transport, extensions=extensions)
    place = "the proxy" if proxy else "feed.test:80 at"
    place = f"{place} 127.0.0.1:{port}"
    assert str(caught.value).startswith(f"could not connect to {place}: ")
