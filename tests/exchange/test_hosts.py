"""Hosts that httpxr's ``URL`` refuses: those that its own clients ask, and the rest."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace

import click
import httpxr
import pytest
from tenacity import wait_none

from reconnecting_sse import Dialect, dialects
from reconnecting_sse.cli import arguments
from reconnecting_sse.exchange.urls import checked
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import (
    FACES,
    data_of,
    new_client,
    new_source,
    reader_for,
)
from tests.proxies import HTTPProxy
from tests.raw_wire import authority, black_hole, tls_context, trusting_context
from tests.wires import WIRES

both_faces = pytest.mark.parametrize("face", FACES)
NAMES = ["my_feed", "feed_1.svc.cluster.local", "feed.example.", "localhost.", "ab--c"]


@pytest.fixture(autouse=True)
def known_names(monkeypatch):
    """Each of them is this machine's."""
    resolve = socket.getaddrinfo

    def look_up(host, *args, **options):
        name = host if isinstance(host, str) else host.decode()
        is_known = name in (*NAMES, "localhost", "my_proxy")
        return resolve("127.0.0.1" if is_known else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def at(name, server):
    return server.url.replace("127.0.0.1", name)


def read(face, url, **options):
    with reader_for(face) as reader:
        return data_of(reader.take(new_source(face, url, **options)))


FEED = [Answer(body="retry: 100\nid: 1\ndata: a\n\n"), Answer(204)]


@both_faces
@pytest.mark.parametrize("name", NAMES)
def test_a_host_that_a_client_would_ask_is_asked(face, name):
    with ScriptedServer(FEED) as server:
        url = at(name, server).replace("://", "://me:s%3A@") + "/feed?a=b"
        assert read(face, url, params={"c": "d"}) == ["a"]
    for request in server.requests:
        assert request.target == "/feed?a=b&c=d"
        assert request.header("host") == at(name, server).removeprefix("http://")
        assert request.header("authorization") == "Basic bWU6czo="


@both_faces
def test_such_a_host_may_stand_wherever_a_url_does(face):
    moved, asked = Answer(302, framing="length"), []

    def answer(request):
        asked.append(request.target)
        host, _, port = request.header("host").partition(":")
        if host == "my_feed":
            return replace(moved, headers=[("Location", f"//feed.example.:{port}/b")])
        return FEED[1 if "/a?after=1" in asked else 0]

    with ScriptedServer(answer) as server:
        client = new_client(face, base_url=at("my_feed", server))
        by_query = Dialect(resume=dialects.by_query("after"))
        assert read(face, "/a", client=client, dialect=by_query) == ["a"]
    targets = [request.target for request in server.requests]
    assert targets == ["/a", "/b", "/a?after=1", "/b"]


@both_faces
def test_a_proxy_s_name_may_be_one_of_them(face):
    with ScriptedServer([FEED[0]] * 2) as server, HTTPProxy() as proxy:
        for given in (at("my_proxy", proxy), httpxr.Proxy(at("my_proxy", proxy))):
            client = new_client(face, transport=WIRES[face].transport(proxy=given))
            source = new_source(face, server.url, client=client)
            with reader_for(face) as reader:
                assert data_of(reader.take(source, 1)) == ["a"]
    assert len(proxy.heads) == 2


def test_the_command_line_takes_them_and_says_what_to_do_about_others():
    assert arguments.url("http://my_feed:8000/") == "http://my_feed:8000/"
    with pytest.raises(click.BadParameter, match="an alias in the DNS"):
        arguments.url("http://[fe80::1%eth0]/")


@both_faces
def test_the_last_dot_of_a_name_is_not_in_its_certificate(face):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("feed.example").configure_cert(context)
    with ScriptedServer(FEED, ssl_context=context) as server:
        transport = WIRES[face].transport(verify=trusting_context())
        client = new_client(face, transport=transport)
        assert read(face, at("feed.example.", server), client=client) == ["a"]


@pytest.mark.parametrize(
    "host",
    ["é_b", "a..b", "ex*ample", "a" * 64, ".", "[fe80::1%eth0]", "[fe80::1%25a]"],
)
def test_any_other_is_refused_with_what_to_do(host):
    with pytest.raises(httpxr.InvalidURL, match="an alias in the DNS or in the hosts"):
        checked(f"http://{host}/")


@pytest.mark.parametrize("text", ["http://h:99999/", "http://my_feed:x/"])
def test_another_name_is_no_help_where_the_port_is_wrong(text):
    with pytest.raises(httpxr.InvalidURL, match=r"Invalid port: '[^;]*$"):
        checked(text)


@both_faces
@pytest.mark.parametrize("has_tls", [False, True])
def test_a_first_address_that_is_a_black_hole_makes_no_reconnect_late(
    face, has_tls, monkeypatch
):
    """By 250 ms (RFC 8305), each time; ten times that are tolerated."""
    context = tls_context() if has_tls else None
    with black_hole() as hole, ScriptedServer(FEED, ssl_context=context) as server:
        place = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*kind, hole), (*kind, place)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: addresses)
        transport = WIRES[face].transport(verify=trusting_context())
        client = new_client(face, transport=transport)
        begun = time.monotonic()
        url = at("localhost", server)
        assert read(face, url, client=client, wait=wait_none()) == ["a"]
        first, again = (request.at for request in server.requests)
    assert first - begun < 2.5
    assert again - first < 2.5
