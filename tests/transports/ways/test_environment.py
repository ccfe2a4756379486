"""``NO_PROXY`` as curl reads it, and transports that trust the environment."""

from __future__ import annotations

import hashlib

import httpxr
import pytest
from cryptography import x509

from reconnecting_sse.transports.ways import environment
from reconnecting_sse.transports.ways.environment import (
    UnusableProxyError,
    environment_proxy,
    exempts,
)
from reconnecting_sse.transports.ways.proxy import Proxy
from tests.connection_harness import FACES, new_client, new_source, reader_for
from tests.proxies import HTTPProxy, SOCKSProxy
from tests.raw_wire import (
    CHUNKED,
    EVENT,
    LAST,
    Server,
    answering,
    authority,
    framed,
    tls_context,
    trusting_context,
    unused_port,
)
from tests.wires import WIRES

ANSWER = answering(CHUNKED + framed(EVENT) + LAST)


@pytest.fixture(params=WIRES.values(), ids=WIRES)
def wire(request):
    return request.param


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("no_proxy", "exempt", "others"),
    [
        # names, and what is below them
        ("feed.test", ["feed.test", "a.feed.test", "FEED.test."], ["myfeed.test"]),
        (".feed.test", ["feed.test", "a.b.feed.test"], ["test", "feed.test.uk"]),
        ("feed.test.", ["feed.test", "feed.test."], ["feed"]),
        ("Feed.TEST", ["feed.test"], []),
        ("my_feed", ["my_feed"], ["feed"]),
        ("über.test", ["über.test"], ["xn--ber-goa.test"]),
        ("*.feed.test", [], ["a.feed.test", "feed.test"]),
        # everything
        ("*", ["feed.test", "::1", "10.0.0.1"], []),
        (" * ,", ["feed.test"], []),
        ("a.test,*", ["a.test"], ["feed.test"]),
        # lists
        ("a.test,feed.test", ["a.test", "feed.test"], ["b.test"]),
        (" a.test ,\tfeed.test ", ["a.test", "feed.test"], ["b.test"]),
        ("a.test feed.test", ["a.test", "feed.test"], ["b.test"]),
        (",,a.test,, ,", ["a.test"], ["", "b.test"]),
        ("", [], ["a.test", "127.0.0.1"]),
        (".", [], ["a.test", "a.test."]),
        # addresses and blocks
        ("10.0.0.0/8,127.0.0.0/8", ["10.1.2.3", "127.0.0.1"], ["11.0.0.1", "10.test"]),
        ("192.168.1.7/24", ["192.168.1.255"], ["192.168.2.1"]),
        ("10.0.0.1/32 10.0.0.2", ["10.0.0.1", "10.0.0.2"], ["10.0.0.3"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["::1", "feed.test"]),
        ("10.0.0.0/33,10/8,10.0.0.0/x,10.", [], ["10.0.0.1"]),
        ("10.0.0.1.", [], ["10.0.0.1"]),
        (".0.0.1", [], ["127.0.0.1"]),
        ("::1", ["::1"], ["::2", "1"]),
        ("[::1]", ["::1"], ["::2"]),
        ("0:0:0:0:0:0:0:1", ["::1"], []),
        ("FD00::/8", ["fd12:3456::1"], ["fe80::1", "10.0.0.1"]),
        ("[fd00::]/8", ["fd12::1"], ["fe80::1"]),
        ("fe80::/x", [], ["fe80::1"]),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(no_proxy, exempt, others):
    assert [host for host in exempt if not exempts(no_proxy, host, 80)] == []
    assert [host for host in others if exempts(no_proxy, host, 80)] == []


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("feed.test:8080", "feed.test"),
        (".feed.test:8080", "a.feed.test"),
        ("other.test,feed.test:8080", "feed.test"),
        ("10.0.0.1:8080", "10.0.0.1"),
        ("10.0.0.0/8:8080", "10.1.2.3"),
        ("[::1]:8080", "::1"),
        ("[fd00::]/8:8080", "fd00::1"),
    ],
)
def test_a_port_has_to_be_the_same(no_proxy, host):
    assert exempts(no_proxy, host, 8080)
    assert not exempts(no_proxy, host, 80)


@pytest.mark.parametrize("port", ["", "http", "-1", "99999999", "8080:8080", "٨٠"])
def test_what_is_no_port_exempts_nothing(port):
    assert not exempts(f"feed.test:{port}", "feed.test", 80)


# ------------------------------------------------------------------ transports


def test_a_transport_may_go_by_the_environment_asked_anew_each_time(wire, monkeypatch):
    transport = wire.transport(trust_env=True)
    with Server(ANSWER) as server, HTTPProxy() as proxy:
        for variables, count in [
            ({}, 0),
            ({"http_proxy": proxy.address()}, 1),
            ({"no_proxy": "10.0.0.0/8,127.0.0.0/8"}, 1),
            ({"no_proxy": f"127.0.0.1:{server.port}"}, 1),
            ({"no_proxy": "127.0.0.1:1"}, 2),
            ({"http_proxy": f"http://127.0.0.1:{unused_port()}", "no_proxy": "*"}, 2),
        ]:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            assert wire.fetch(server.url, transport)[1] == EVENT
            assert len(proxy.heads) == count


def named_by_its_hash(pem):
    """As OpenSSL looks for it in a directory: X509_NAME_hash of its subject."""
    subject = x509.load_pem_x509_certificate(pem).subject
    canonical = x509.Name(
        [x509.NameAttribute(part.oid, part.value.lower()) for part in subject]
    ).public_bytes()
    assert canonical[1] < 128  # so the sequence's own header has two bytes
    digest = hashlib.sha1(canonical[2:]).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}.0"


@pytest.mark.parametrize("kind", [HTTPProxy, SOCKSProxy])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environment_names_the_authorities_and_the_proxy(
    wire, monkeypatch, tmp_path, kind, variable
):
    pem = authority().cert_pem
    path = tmp_path / named_by_its_hash(pem.bytes())
    pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv(variable, str(path if variable == "SSL_CERT_FILE" else tmp_path))
    with Server(ANSWER, context=tls_context()) as server, kind() as proxy:
        monkeypatch.setenv("all_proxy", proxy.address())
        transport = wire.transport(trust_env=True)
        assert wire.fetch(server.url, transport)[1] == EVENT
        assert proxy.connections == 1


def test_authorities_of_one_s_own_count_more_than_the_environment_s(
    wire, monkeypatch, tmp_path
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with Server(ANSWER, context=tls_context()) as server, HTTPProxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.address())
        transport = wire.transport(verify=trusting_context(), trust_env=True)
        assert wire.fetch(server.url, transport)[1] == EVENT
        assert proxy.connections == 1


@pytest.mark.parametrize("value", ["http://user:hush@h:port", "gopher://user:hush@h"])
def test_a_proxy_of_the_environment_that_is_none_is_said(wire, monkeypatch, value):
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(UnusableProxyError, match="the environment's proxy: ") as caught:
        wire.fetch("http://127.0.0.1:1/", wire.transport(trust_env=True))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("face", FACES)
def test_a_source_whose_transport_finds_none_is_closed(face, monkeypatch):
    transport = WIRES[face].transport(trust_env=True)
    source = new_source(
        face, "http://127.0.0.1:1/", client=new_client(face, transport=transport)
    )
    monkeypatch.setenv("http_proxy", "gopher://h")
    with reader_for(face) as reader:
        with pytest.raises(UnusableProxyError):
            reader.take(source)
        assert source.state == "closed"


@pytest.mark.parametrize("other", [{"proxy": "http://h"}, {"uds": "sock"}])
def test_the_environment_and_another_way_are_one_too_many(wire, other):
    with pytest.raises(ValueError, match=r"or trust_env=True, not both"):
        wire.transport(trust_env=True, **other)


def test_where_the_system_keeps_proxies_it_keeps_the_exceptions(monkeypatch):
    """As macOS and Windows do: nothing of it is in the environment."""
    kept = {"http": "http://proxy.test"}
    monkeypatch.setattr(environment, "getproxies", lambda: kept)
    monkeypatch.setattr(environment, "proxy_bypass", lambda host: host == "feed.test")
    assert environment_proxy(httpxr.URL("http://feed.test/")) is None
    proxy = environment_proxy(httpxr.URL("http://other.test/"))
    assert proxy == Proxy.of("http://proxy.test")


def test_a_name_is_exempt_as_it_is_written_and_as_it_travels(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.test")
    for spelling in ("über.test", "xn--ber-goa.test"):
        monkeypatch.setenv("no_proxy", spelling)
        assert environment_proxy(httpxr.URL("http://über.test/")) is None
