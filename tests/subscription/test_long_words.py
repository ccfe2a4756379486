"""Whatever a server says at length, what is told of it is short, and soon said."""

from __future__ import annotations

import time

import httpxr
import pytest
from tenacity import stop_after_attempt

from reconnecting_sse import SSEError
from reconnecting_sse.testing import Answer, Raw, ScriptedServer
from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.ways.proxy import Proxy
from reconnecting_sse.transports.ways.refusals import closed, not_understood, refused
from reconnecting_sse.transports.ways.route import Route
from tests.connection_harness import FACES, Log, new_source, reader_for
from tests.scenarios import Played, Reply, stream

LONG = 60_000

SHORT = 2048
"""Characters of a message, or of a line in the log."""

SOON = 1.0
"""Seconds of CPU: it takes milliseconds, and took up to half a minute."""


ROUTE = Route("https", "h" * LONG, 443, Proxy.of("http://127.0.0.1:3128"))


def redirect(location):
    return Answer(307, headers=[("Location", location)], framing="length")


def raw(line):
    return Raw(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")


LENGTHY = {
    "a host of letters": redirect("http://" + "a" * LONG),
    "a host of digits": redirect("http://" + "1" * LONG),
    "a host of labels": redirect("http://" + "a." * (LONG // 2)),
    "a host without end": redirect("http://" + "_" * LONG),
    "a port": redirect("http://h:" + "1" * LONG),
    "a scheme": redirect("a" * LONG + "://h/"),
    "slashes": redirect("http://" + "/" * LONG),
    "a user": redirect("http://" + "u" * LONG + ":p@127.0.0.1:1/"),
    "a path": redirect("http://127.0.0.1:1/" + "p/" * (LONG // 2)),
    "a query": redirect("http://127.0.0.1:1/?" + "q&" * (LONG // 2)),
    "no URL": redirect("http://[" + "0" * LONG),
    "a content type": raw(b"Content-Type: a/" + b"b" * LONG),
    "a coding": raw(
        b"Content-Type: text/event-stream\r\nContent-Encoding: br" + b"r" * LONG
    ),
    "a transfer coding": raw(b"Transfer-Encoding: " + b"x" * LONG),
    "a field's name": raw(b"\xe9" * LONG + b": b"),
    "a reason": Raw(b"HTTP/1.1 404 " + b"no " * (LONG // 3) + b"\r\n\r\n"),
    "a date": Answer(503, headers=[("Retry-After", "Mon, 01 " * (LONG // 8))]),
}


@pytest.mark.parametrize("name", LENGTHY)
@pytest.mark.parametrize("face", FACES)
def test_an_attempt_that_fails_at_length_is_soon_told_in_few_words(face, name):
    log = Log()
    with ScriptedServer([LENGTHY[name]]) as server, reader_for(face) as reader:
        options = {"stop": stop_after_attempt(1), "logger": log}
        source = new_source(face, server.url, **options)
        begun = time.process_time()
        with pytest.raises(SSEError) as raised:
            reader.take(source)
        assert time.process_time() - begun < SOON
    assert 0 < len(str(raised.value)) <= SHORT
    assert all(len(f"{entry}") <= SHORT for entry in log.entries)


@pytest.mark.parametrize(
    "error",
    [
        refused(ROUTE, 403, b"no " * LONG),
        closed(ROUTE),
        not_understood(ROUTE),
        Trouble.CONNECTION.at(ROUTE.where, "r" * LONG),
    ],
)
def test_a_wires_error_about_a_long_host_is_short(error):
    assert len(str(error)) <= SHORT
    assert str(error).endswith("?")


def test_an_id_of_megabytes_makes_no_long_line(monkeypatch):
    long = b"id: " + b"\x01" * (1 << 20) + b"\ndata: a\n\n"
    later = Reply(200, (b"data: b\n\n",), (*Reply().headers, ("X-Id", "y" * LONG)))
    script = [stream(long, httpxr.ReadError("x" * LONG)), later, Reply(204)]
    lines = []

    class Logger:
        def __getattr__(self, _level):
            return lambda name, **keys: lines.append(f"{name} {keys}")

    played = Played(monkeypatch, "sync", script, "GET", {"logger": Logger()})
    played.consume()
    assert played.trace.events == ["a", "b"]
    assert "stream.recovered" in "".join(lines)
    assert max(map(len, lines)) <= SHORT


def test_the_callers_own_long_url_is_shown_in_part(monkeypatch):
    lines = []

    class Logger:
        def __getattr__(self, _level):
            return lambda name, **keys: lines.append(f"{name} {keys}")

    client = httpxr.Client(
        transport=httpxr.MockTransport(lambda _: httpxr.Response(404))
    )
    url = f"http://feed.test/{'p' * 5000}?q=secret"
    source = new_source("sync", url, client=client, logger=Logger())
    with pytest.raises(SSEError) as raised:
        next(source.iter_sse())
    assert max(map(len, [*lines, str(raised.value), repr(source)])) <= SHORT
    assert raised.value.url.endswith("ppp?q=***")
