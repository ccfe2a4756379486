"""What a proxy is told, and what is made of its answer, whatever the pieces."""

from __future__ import annotations

import time

import httpxr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.refusals import ProxyRefused, refuse_login
from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.socks import Arrived
from reconnecting_sse.transports.ways.tunnel import opened
from tests.proxies import ESTABLISHED
from tests.transports.ways.in_memory import play

PROXY = "the proxy 127.0.0.1:3128"
ORIGIN = "origin.test:443"
CONNECT = b"CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n"
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)

NOT_A_PROXY = (
    httpxr.ProxyError,
    (f"{PROXY} did not answer as a proxy should; does it speak {{}}?"),
)
CLOSED = (
    httpxr.ProxyError,
    (
        f"{PROXY} closed the connection instead of opening one to {ORIGIN};"
        " does it allow this host and port?"
    ),
)


def refusal(said):
    return ProxyRefused, f"{PROXY} refused to connect to {ORIGIN}: {said}"


def route_by(scheme, login="", url="https://origin.test/"):
    proxy = Proxy.of(f"{scheme}://{login}127.0.0.1:3128")
    return Route.to(httpxr.URL(url), proxy=proxy)


class Proxying:
    """Answers one thing after the other, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers, self.received = list(answers), []

    def __call__(self, data):
        self.received.append(data)
        return self.answers.pop(0) if self.answers else b""


def told(route, *answers, sizes=(1 << 20,), target="origin.test"):
    proxy = Proxying(*answers)
    play(opened(route, target), proxy, sizes=sizes)
    return b"|".join(proxy.received)


def fails(expected, scheme, *answers, sizes=(1 << 20,)):
    kind, text = expected
    with pytest.raises(httpxr.ProxyError) as caught:
        told(route_by(scheme), *answers, sizes=sizes)
    assert (str(caught.value), type(caught.value)) == (text.format(scheme), kind)
    return caught.value


# CONNECT


@given(SIZES)
def test_connect_is_answered_in_any_pieces_and_after_interim_answers(sizes):
    answer = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ESTABLISHED
    assert told(route_by("http"), answer, sizes=sizes) == CONNECT + b"\r\n"


def test_a_proxy_gets_its_login_and_nothing_else():
    expected = CONNECT + b"Proxy-Authorization: Basic dTpw\r\n\r\n"
    assert told(route_by("http", "u:p@"), ESTABLISHED) == expected


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_success_opens(status):
    told(route_by("http"), b"HTTP/1.0 %d\n\n" % status)


ALLOW = "; does it allow this host and port?"
CREDENTIALS = "; are there credentials in the proxy's URL, and the right ones?"
CONNECT_FAULTS = [
    (
        b"HTTP/1.1 403 For\x1bbidden\r\n\r\nwhy",
        refusal("403 For bidden" + ALLOW),
    ),
    (b"HTTP/1.0 502\r\n\r\n", refusal("502" + ALLOW)),
    (b"HTTP/1.1 302 Found\nLocation: /\n\n", refusal("302 Found" + ALLOW)),
    (b"HTTP/1.1 407 No\r\n\r\n", refusal("407 No" + CREDENTIALS)),
    (b"HTTP/1.1 503 " + b"x" * 99 + b"\r\n\r\n", refusal("503 " + "x" * 80 + ALLOW)),
    (b"220 mail ESMTP\r\n\r\n", NOT_A_PROXY),
    (b"HTTP/2 200 OK\r\n\r\n", NOT_A_PROXY),
    (b"HTTP/1.1 2000 OK\r\n\r\n", NOT_A_PROXY),
    (b"HTTP/1.1 099 OK\r\n\r\n", NOT_A_PROXY),
    (b"HTTP/1.1 200 O", CLOSED),
    (b"HTTP/1.1 100 Continue\r\n\r\n", CLOSED),
    (b"", CLOSED),
    (ESTABLISHED + b"more", NOT_A_PROXY),
    (b"x" * 65_537, NOT_A_PROXY),
]


@pytest.mark.parametrize(("answer", "expected"), CONNECT_FAULTS)
def test_an_answer_that_opens_no_tunnel_says_why(answer, expected):
    error = fails(expected, "http", answer)
    is_refused = expected[0] is ProxyRefused
    assert not is_refused or error.status == int(answer[9:12])


def test_a_head_may_be_as_large_as_others_allow_and_is_looked_at_once():
    """Byte by byte: searched from its start each time it would take a minute."""
    name = b"HTTP/1.1 200 OK\r\nA: "
    answer = name + b"x" * (65_536 - len(name) - 4) + b"\r\n\r\n"
    begun = time.process_time()
    told(route_by("http"), answer, sizes=[1])
    assert time.process_time() - begun < 5


def test_a_login_that_a_forwarding_proxy_wants_is_its_refusal():
    forwarded = route_by("http", url="http://origin.test/")
    with pytest.raises(ProxyRefused, match="407 Proxy Authentication") as caught:
        refuse_login(forwarded, 407)
    assert caught.value.status == 407
    for route, status in [
        (forwarded, 401),
        (route_by("http"), 407),
        (route_by("socks5h", url="http://origin.test/"), 407),
        (Route.to(httpxr.URL("http://origin.test/")), 407),
    ]:
        refuse_login(route, status)


# SOCKS

LOGIN = route_by("socks5h", "us%40er:p%3A@")
CHOSEN, LOGGED_IN = b"\x05\x02", b"\x01\x00"
V4 = b"\x05\x00\x00\x01" + bytes(4 + 2)
V6 = b"\x05\x00\x00\x04" + bytes(16 + 2)
NAME = b"\x05\x00\x00\x03\x02me\x00\x50"


@given(SIZES, st.sampled_from([V4, V6, NAME]))
def test_socks_is_answered_in_any_pieces_with_any_address(sizes, reply):
    assert told(route_by("socks5h"), b"\x05\x00", reply, sizes=sizes) == (
        b"\x05\x01\x00|\x05\x01\x00\x03\x0borigin.test\x01\xbb"
    )


@given(SIZES)
def test_socks_gets_a_login_where_it_wants_one(sizes):
    assert told(LOGIN, CHOSEN, LOGGED_IN, V4, sizes=sizes).startswith(
        b"\x05\x02\x00\x02|\x01\x05us@er\x02p:|\x05\x01\x00\x03"
    )
    assert told(LOGIN, b"\x05\x00", V4, sizes=sizes).startswith(
        b"\x05\x02\x00\x02|\x05\x01\x00\x03"
    )


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::7", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x07"),
    ],
)
def test_a_target_that_is_an_address_is_sent_as_one(target, address):
    sent = told(route_by("socks5"), b"\x05\x00", V4, target=target)
    assert sent.endswith(b"|\x05\x01\x00" + address + b"\x01\xbb")


NO_LOGIN = (
    ProxyRefused,
    (
        f"{PROXY} accepted no login that was offered; are there credentials in the"
        " proxy's URL?"
    ),
)
SOCKS_FAULTS = [
    ([b"\x05\xff"], NO_LOGIN),
    ([b"\x05\x02"], NO_LOGIN),
    ([b"\x05"], CLOSED),
    ([b"HT"], NOT_A_PROXY),
    ([b"\x05\x00", b"\x05\x05\x00\x01"], refusal("connection refused")),
    ([b"\x05\x00", b"\x05\x02\x00\x01"], refusal("connection not allowed by ruleset")),
    ([b"\x05\x00", b"\x05\x77\x00\x01"], NOT_A_PROXY),
    ([b"\x05\x00", b"\x04\x00\x00\x01"], NOT_A_PROXY),
    ([b"\x05\x00", b"\x05\x00\x00\x09"], NOT_A_PROXY),
    ([b"\x05\x00", V4 + b"\x00"], NOT_A_PROXY),
    ([b"\x05\x00", NAME[:-1]], CLOSED),
    ([b"\x05\x00"], CLOSED),
]


@pytest.mark.parametrize(("replies", "expected"), SOCKS_FAULTS)
def test_a_socks_proxy_that_opens_no_way_says_why(replies, expected):
    error = fails(expected, "socks5h", *replies)
    assert getattr(error, "status", None) is None


def test_a_socks_login_that_is_not_accepted_is_refused_and_not_shown():
    with pytest.raises(ProxyRefused, match="did not accept the credentials") as caught:
        told(LOGIN, CHOSEN, b"\x01\x01")
    assert "us@er" not in str(caught.value)


# What has come


@given(st.binary(min_size=6, max_size=20), SIZES)
def test_what_has_come_is_taken_in_order(data, sizes):
    arrived = Arrived(route_by("http"))

    def taking():
        yield b""
        first = yield from arrived.exactly(2)
        return first, (yield from arrived.exactly(4))

    (first, second), left = play(taking(), lambda _: data, sizes=sizes)
    assert first + second == data[:6]
    assert (not arrived.rest) is (data == first + second + left)


def test_nothing_more_is_wanted_than_is_needed():
    steps = opened(route_by("http"), "origin.test")
    assert next(steps) == CONNECT + b"\r\n"
    assert steps.send(b"") is None
    assert steps.send(ESTABLISHED[:-1]) is None
    with pytest.raises(StopIteration):
        steps.send(ESTABLISHED[-1:])
