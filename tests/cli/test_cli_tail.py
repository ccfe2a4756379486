"""``tail``: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import ast
import base64
import contextlib
import datetime as dt
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import click
import pytest
import trustme
from httpxr.sse import ServerSentEvent

from reconnecting_sse.cli import commands, main, report, tail
from reconnecting_sse.cli.events import as_json, as_text, escaped
from reconnecting_sse.cli.output import Output, OutputError
from reconnecting_sse.testing import (
    Answer,
    Hang,
    NumberedFeed,
    Pause,
    RandomFaults,
    ScriptedServer,
)
from tests.cli.invoking import COMMAND, Child, invoked
from tests.proxies import HTTPProxy

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
NO_SPACE = "error: standard output cannot be written: No space left on device\n"
TIME = r"\d\d:\d\d:\d\d"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in (*PROXIES, *(name.upper() for name in PROXIES)):
        monkeypatch.delenv(name, raising=False)


def run(*words):
    return invoked("tail", *words)


def events(*texts, **answer):
    return Answer(body=texts, **answer)


# ---------------------------------------------------------------------- what it prints


def test_json_is_one_object_a_line_with_data_as_it_came():
    stream = 'id: 7\nevent: price\nretry: 250\ndata: {"a": 1}\n\ndata: é\ndata: \n\n'
    with ScriptedServer([events(stream), Answer(204)]) as server:
        result = run("--json", server.url)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": "7", "event": "price", "data": '{"a": 1}', "retry": 250},
        {"id": "7", "event": "message", "data": "é\n"},
    ]
    assert result.exit_code == 0


def test_a_readable_event_shows_its_time_type_id_and_data():
    stream = "data: hello\n\nid: 41\nevent: price\ndata: 3\ndata: 4\n\n"
    with ScriptedServer([events(stream, end="hang")]) as server:
        result = run("-n", "2", server.url)
    assert re.fullmatch(
        rf"{TIME} message: hello\n{TIME} price id=41: 3\n {{20}}\| 4\n", result.stdout
    )


def test_control_characters_of_the_server_cannot_command_a_terminal():
    nasty = "\x1b]0;pwned\x07\x9b31m\u202e\x7f"
    event = ServerSentEvent(event=nasty, id=nasty, data=f"tab\t{nasty}\nnext é🦊")
    assert escaped(nasty) == r"\x1b]0;pwned\x07\x9b31m\u202e\x7f"
    for shown in (as_text(event), as_json(event)):
        assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert "next é🦊" in as_text(event)
    assert json.loads(as_json(event))["data"] == event.data


def test_characters_that_stdout_cannot_show_are_escaped():
    with ScriptedServer([events("data: é🦊\n\n", end="hang")]) as server:
        env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
        with Child("-n", "1", server.url, env=env) as child:
            assert rb"\U0001f98a" in child.process.stdout.readline()
            assert child.end() == (0, "")


def test_colour_is_for_terminals_only_and_can_be_refused():
    with ScriptedServer(NumberedFeed(1)) as server:
        assert "\x1b[2m" in on_a_terminal(server.url, NO_COLOR="")
        assert "\x1b" not in on_a_terminal(server.url, NO_COLOR="1")


def on_a_terminal(url, **variables):
    ours, theirs = pty.openpty()
    try:
        env = {**os.environ, **variables}
        with Child("-n", "1", url, stdout=theirs, env=env) as child:
            assert child.end() == (0, "")
            return os.read(ours, 1000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_each_event_is_printed_as_it_comes():
    gate = threading.Event()
    answer = events("data: a\n\n", gate, "data: b\n\n", end="hang")
    with ScriptedServer([answer]) as server, Child(server.url) as child:
        assert child.line().endswith("message: a\n")
        gate.set()
        assert child.line().endswith("message: b\n")


# ---------------------------------------------------------------------- what it asks


def test_headers_method_and_last_event_id_are_sent():
    with ScriptedServer([Answer(204)]) as server:
        headers = ("-H", "X-One: a:b", "-H", "X-None:", "-H", "Authorization:Bearer t")
        result = run(*headers, "-X", "report", "--last-event-id", "9", server.url)
        (request,) = server.requests
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert request.method == "REPORT"
    assert request.header("x-one") == "a:b"
    assert request.header("x-none") == ""  # not left out, as curl would
    assert request.header("authorization") == "Bearer t"
    assert request.header("last-event-id") == "9"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ((), "application/x-www-form-urlencoded"),
        (("-H", "content-TYPE: application/json"), "application/json"),
    ],
)
def test_data_is_posted_as_a_form_unless_a_header_says_otherwise(given, sent):
    with ScriptedServer([events("data: a\n\n")]) as server:
        result = run("-d", '{"q": 1}', *given, server.url)
        (request,) = server.requests
    assert result.exit_code == 0  # a POST's clean end is the end
    assert (request.method, request.body) == ("POST", b'{"q": 1}')
    assert request.header("content-type") == sent


def test_data_is_sent_as_the_bytes_that_were_typed():
    with ScriptedServer([events("data: a\n\n")]) as server:
        result = run("-d", os.fsdecode(b"\xff"), server.url)
        (request,) = server.requests
    assert (result.exit_code, request.body) == (0, b"\xff")


def test_the_same_last_event_id_may_be_given_twice():
    with ScriptedServer([Answer(204)]) as server:
        result = run("--last-event-id", "9", "-H", "Last-Event-ID: 9", server.url)
        assert server.requests[0].header("last-event-id") == "9"
    assert result.exit_code == 0


def test_an_unfinished_event_is_told_of():
    cut = events("retry: 100\ndata: a\n\ndata: lost", end="cut")
    with ScriptedServer([cut, events("data: los"), Answer(204)]) as server:
        first, second = run(server.url).stderr.splitlines()[::2]
    assert re.search(r"; 10 bytes of an unfinished event discarded \[next", first)
    assert re.search(r"; 9 bytes of an unfinished event discarded \[next", second)


@pytest.mark.parametrize(("end", "status", "lines"), [("finish", 0, 1), ("cut", 1, 2)])
def test_an_unfinished_event_is_told_of_at_the_end(end, status, lines):
    answer = Answer(body=["data: a\n\ndata: lost"], end=end)
    with ScriptedServer([answer]) as server:
        result = run("-X", "POST", server.url)
    first, *others = result.stderr.splitlines()
    assert first.endswith(" 10 bytes of an unfinished event discarded")
    assert (result.exit_code, len(others) + 1) == (status, lines)


def test_what_the_user_leaves_unfinished_is_not_worth_a_line():
    answer = events("data: a\n\ndata: unfinished", end="hang")
    with ScriptedServer([answer]) as server:
        assert run("-n", "1", server.url).stderr == ""


def test_silence_longer_than_the_idle_timeout_is_a_drop():
    silent = events("retry: 100\nid: 1\ndata: a\n\n", end="hang")
    with ScriptedServer([silent, Answer(204)]) as server:
        result = run("--idle-timeout", "0.2", server.url)
        assert server.requests[1].header("last-event-id") == "1"
    assert result.exit_code == 0


def test_an_idle_timeout_of_0_allows_any_silence():
    pausing = events("data: a\n\n", Pause(0.1), "data: b\n\n", end="hang")
    with ScriptedServer([pausing]) as server:
        result = run("--idle-timeout", "0", "-n", "2", server.url)
        assert len(server.requests) == 1
    assert result.stderr == ""


def test_credentials_in_the_url_are_used_and_never_shown():
    with ScriptedServer([Answer(503), Answer(401)] * 2) as server:
        url = server.url.replace("//", "//me:s3cret@") + "/feed?token=t0ken"
        quiet = run(url)
        loud = run("-v", url)
        authorization = server.requests[0].header("authorization")
    assert base64.b64decode(authorization.split()[1]) == b"me:s3cret"
    for result in (quiet, loud):
        assert "s3cret" not in result.stdout + result.stderr
        assert "t0ken" not in result.stdout + result.stderr


def test_a_certificate_is_trusted_by_its_authority_or_on_request(tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with ScriptedServer(lambda _: Answer(204), ssl_context=context) as server:
        assert run("--cacert", str(file), server.url).exit_code == 0
        assert run("-k", server.url).exit_code == 0
        rejected = run(server.url)
    assert rejected.exit_code == 1
    assert rejected.stderr.startswith("error: https://127.0.0.1")
    assert "trust its authority with --cacert FILE, or" in rejected.stderr
    assert "--insecure" in rejected.stderr
    assert "verify" not in rejected.stderr.replace("verify failed", "")


def test_a_certificate_that_comes_through_a_proxy_may_be_the_proxys(monkeypatch):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedServer([], ssl_context=context) as server, HTTPProxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.address())
        rejected = run(server.url)
        behind = f"behind the proxy 127.0.0.1:{proxy.port}"
    assert f"{behind}: its certificate was rejected" in rejected.stderr


def test_an_expired_certificate_is_not_to_be_trusted(tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    last_year = dt.datetime.now(dt.UTC) - dt.timedelta(days=365)
    authority.issue_cert("127.0.0.1", not_after=last_year).configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with ScriptedServer([], ssl_context=context) as server:
        rejected = run("--cacert", str(file), server.url)
    assert "it has to be renewed there" in rejected.stderr
    assert "trust" not in rejected.stderr


def test_what_there_is_no_option_for_is_not_advised():
    advice = "moved away; or name it with trusted_origins=, or give lease=5"
    assert report.in_options(advice) == "moved away, or give --lease SECONDS"


def test_what_there_is_an_option_for_is_named_by_it():
    body = "data: " + "x" * 100 + "\n\n"
    with ScriptedServer([events(body)]) as server:
        result = run("--max-event-bytes", "50", server.url)
    assert "one event is larger than 50 bytes" in result.stderr
    assert result.stderr.endswith("raise --max-event-bytes\n")


# They speak to who gives the keywords, or of clients that the program has not.
OF_A_CALLER = {
    "core.policy",
    "core.restarts",
    "core.retries",
    "core.commits",
    "core.dialect",
    "exchange.auth",
    "exchange.client",
    "exchange.exchange",
    "exchange.failures",
    "exchange.hop",
    "exchange.resuming",
    "subscription.checks",
    "subscription.durable",
    "subscription.log",
    "subscription.options",
    "transports.settings",
    "transports.ways.trust",
}
LIBRARY = ("core", "exchange", "subscription", "transports")
# Only other callers can bring it about: ``tail`` has no ``until=``, and no loop.
NEVER_TOLD = re.compile(
    "until= accepted|SelectorEventLoop|trusted_origins= names|max_uncommitted"
    "|give store= and name=|a worker makes"
)
KEYWORD = re.compile(r"\b[a-z_]{4,}=(?!\*)")


def messages():
    """What the library may say, values left out."""
    package = Path(report.__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        if module.startswith(LIBRARY) and module not in OF_A_CALLER:
            yield from texts(ast.parse(path.read_text("utf-8")))


def texts(node):
    match node:
        case ast.Expr(ast.Constant()):  # a docstring
            return
        case ast.JoinedStr(parts):
            yield "".join(
                p.value if isinstance(p, ast.Constant) else "…" for p in parts
            )
        case ast.Constant(str(text)):
            yield text
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts(child)


def test_no_keyword_of_the_librarys_is_ever_advised():
    told_here = [text for text in messages() if not NEVER_TOLD.search(text)]
    with_keywords = [text for text in told_here if KEYWORD.search(text)]
    assert with_keywords
    for text in with_keywords:
        told = report.in_options(text)
        assert told
        assert not KEYWORD.search(told), text


def test_the_log_says_it_in_options_too(capsys):
    report.everything().info("stream.dropped", error="no; trust it with verify=", n=1)
    assert "error='no; trust it with --cacert FILE' n=1" in capsys.readouterr().err


# ------------------------------------------------------------------ what it says


def test_each_failed_attempt_is_one_line_and_so_is_its_end():
    answers = [
        Answer(503),
        events("retry: 100\nid: 4\ndata: a\n\n", end="cut"),
        Answer(502),
        events("data: b\n\n", end="hang"),
    ]
    with ScriptedServer(answers) as server:
        result = run("-n", "2", server.url)
        assert server.requests[-1].header("last-event-id") == "4"
    lines = result.stderr.splitlines()
    assert len(lines) == 5
    assert re.fullmatch(
        rf"{TIME} {server.url} answered 503: .*\[next attempt in \d\.\d s\]", lines[0]
    )
    assert re.fullmatch(rf"{TIME} connected", lines[1])  # it never was before
    assert re.search(r"was interrupted: .*\[next attempt in 0.1 s\]", lines[2])
    assert "answered 502" in lines[3]
    assert re.fullmatch(rf"{TIME} connected again, after id=4", lines[4])
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)


def test_an_id_that_cannot_be_sent_back_is_warned_of():
    stream = "retry: 100\nid: \x01\ndata: a\n\n"
    with ScriptedServer([events(stream, end="cut"), Answer(204)]) as server:
        result = run(server.url)
    assert re.search(
        r"warning: stream\.\w+: the position has a control char", result.stderr
    )


def test_verbose_logs_every_fact_on_stderr_in_one_line_each():
    with ScriptedServer([events("retry: 100\nid: \x1b\n\n"), Answer(204)]) as server:
        result = run("--verbose", server.url)
    names = re.findall(r"event='(stream\.\w+)'", result.stderr)
    assert names[0] == "stream.connecting"
    assert names[-1] == "stream.closed"
    assert "stream.dropped" in names
    assert len(names) == len(result.stderr.splitlines())
    assert result.stdout == ""


def test_a_stderr_that_nobody_reads_ends_nothing(monkeypatch):
    def refuse(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr(click, "echo", refuse)
    report.say("into the void")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "answered 404"),
        (events(headers=[("Content-Type", "text/html")]), "text/html"),
        (events(headers=[("Content-Type", "a/\x1bb")]), r"a/\x1bb"),
    ],
)
def test_a_permanent_error_is_one_clear_line_and_status_1(answer, reason):
    with ScriptedServer([answer]) as server:
        result = run(server.url)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {server.url}")
    assert reason in line


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error":"token expired"}', '? It said: {"error":"token expired"}'),
        ("\n no\x1b[2J\r\nsuch feed", r"? It said: no\x1b[2J"),
        (b"\xff\xe2\x80\x8b", "? It said: \ufffd\\u200b"),
        ("x" * 200, "? It said: " + "x" * 200),
        ("x" * 201, "? It said: " + "x" * 199 + "…"),
        (" \n", "?"),
    ],
)
def test_a_permanent_error_repeats_what_the_server_says(body, said):
    with ScriptedServer([Answer(401, body=body)]) as server:
        (line,) = run(server.url).stderr.splitlines()
    assert line.endswith(f"are the credentials right, and still valid{said}")


def test_a_connection_that_is_refused_is_said_as_the_library_says_it():
    with socket.socket() as deaf:  # bound, and never listens
        deaf.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{deaf.getsockname()[1]}"
        result = run("--retry-max", "0", f"http://{host}/")
    assert result.exit_code == 1
    assert f"ConnectError: could not connect to {host}: " in result.stderr


def test_what_the_server_says_is_there_when_tail_gives_up():
    busy = Answer(503, headers=[("Retry-After", "0")], body="closed for today")
    with ScriptedServer([busy] * 2) as server:
        result = run("--retry-max", "1", server.url)
    assert result.stderr.endswith("in trouble. It said: closed for today\n")


def test_a_page_for_browsers_is_not_repeated():
    html = [("Content-Type", "text/html; charset=utf-8")]
    with ScriptedServer([Answer(404, headers=html, body="<!doctype html>")]) as server:
        assert "It said" not in run(server.url).stderr


@pytest.mark.parametrize(
    ("login", "query", "words"),
    [
        ("me:s3cret@", "", []),
        ("", "?token=s3cret", []),
        ("", "", ["-H", "Authorization: Bearer s3cret"]),
        ("", "", ["-d", "s3cret"]),
    ],
)
def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(login, query, words):
    with ScriptedServer([Answer(403, body="not for s3cret")]) as server:
        result = run(server.url.replace("//", f"//{login}") + query, *words)
    assert result.exit_code == 1
    assert "It said" not in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_the_environments_proxy_is_used_as_curl_does(name, monkeypatch):
    with ScriptedServer([Answer(503), Answer(204)]) as server:
        with HTTPProxy(login=b"me:s3cret") as proxy:
            monkeypatch.setenv(name, proxy.address("me:s3cret@"))
            monkeypatch.setenv("no_proxy", "elsewhere.test")
            result = run("-v", server.url)
        assert len(server.requests) == len(proxy.heads) == 2
    assert result.exit_code == 0
    assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "http://127.0.0.1:9"},
        {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
    ],
)
def test_a_proxy_that_is_not_for_this_url_is_not_asked(variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with ScriptedServer([Answer(204)]) as server:
        assert run(server.url).exit_code == 0


def test_a_redirect_goes_by_the_proxy_that_is_for_its_target(monkeypatch):
    away = Answer(302, headers=[("Location", "{other}/")], framing="length")
    with ScriptedServer([away, Answer(204)]) as server, HTTPProxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.address())
        monkeypatch.setenv("no_proxy", server.other_url.removeprefix("http://"))
        result = run(server.url)
        assert (len(server.requests), len(proxy.heads)) == (2, 1)
    assert result.exit_code == 0


def test_a_proxy_that_refuses_is_named_and_its_login_is_not(monkeypatch):
    with ScriptedServer([]) as server, HTTPProxy(login=b"me:right") as proxy:
        monkeypatch.setenv("http_proxy", proxy.address("me:s3cret@"))
        result = run(server.url)
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 1
    assert f"the proxy 127.0.0.1:{proxy.port} refused" in line
    assert "s3cret" not in line


def port_of(server):
    return server.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "rules",
    [
        ["feed.test:81:127.0.0.1:{port}"],
        ["FEED.test:81:127.0.0.1:{port}"],
        [":81:127.0.0.1:{port}"],
        [":000000081:127.0.0.1:00000{port}"],
        ["feed.test::127.0.0.1:{port}"],
        ["::127.0.0.1:{port}"],
        ["other.test::[::1]:1", "feed.test:80::1", ":::", "::127.0.0.1:{port}"],
        ["::127.0.0.1:{port}", "::127.0.0.1:1"],
    ],
)
def test_another_place_is_connected_to_as_curl_does(rules):
    with ScriptedServer([Answer(503), Answer(204)]) as server:
        rules = [rule.format(port=port_of(server)) for rule in rules]
        words = [word for rule in rules for word in ("--connect-to", rule)]
        result = run("http://feed.test:81/", *words)
    assert result.exit_code == 0
    hosts = [request.header("host") for request in server.requests]
    assert hosts == ["feed.test:81"] * 2


def test_a_part_that_is_empty_stays_as_the_url_has_it():
    with ScriptedServer([Answer(204)]) as server:
        port = port_of(server)
        rule = f"127.0.0.1:1::{port}"
        assert run("http://127.0.0.1:1/", "--connect-to", rule).exit_code == 0
    with ScriptedServer(lambda _: Answer(204)) as server:
        port = port_of(server)
        for rule in (f"feed.test:{port}:127.0.0.1:", f"feed.test:{port}:127.0.0.1"):
            result = run(f"http://feed.test:{port}/", "--connect-to", rule)
            assert result.exit_code == 0


def test_addresses_have_brackets_on_both_sides():
    with ScriptedServer([Answer(204)], host="::1") as server:
        rule = f"[2001:db8::1]::[::1]:{port_of(server)}"
        assert run("http://[2001:db8::1]/", "--connect-to", rule).exit_code == 0
        (request,) = server.requests
    assert request.header("host") == "[2001:db8::1]"


def test_a_redirect_is_connected_to_by_the_rule_that_is_for_it():
    away = Answer(302, headers=[("Location", "http://b.test/x")], framing="length")
    with ScriptedServer([away]) as one, ScriptedServer([Answer(204)]) as other:
        rules = (
            f"a.test::127.0.0.1:{port_of(one)}",
            f"b.test:80:127.0.0.1:{port_of(other)}",
        )
        words = [word for rule in rules for word in ("--connect-to", rule)]
        assert run("http://a.test/", *words).exit_code == 0
        assert [request.target for request in other.requests] == ["/x"]


def test_a_certificate_is_still_checked_for_the_url_s_host(tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("feed.test").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with ScriptedServer(lambda _: Answer(204), ssl_context=context) as server:
        place = f"::127.0.0.1:{port_of(server)}"
        words = ["--cacert", str(file), "--connect-to", place]
        assert run("https://feed.test/", *words).exit_code == 0
        rejected = run("https://other.test/", *words)
    assert "not valid for 'other.test'" in rejected.stderr


def test_a_proxy_is_told_the_other_place_and_asked_by_the_url_s(monkeypatch):
    with ScriptedServer([Answer(204)]) as server, HTTPProxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.address())
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        place = f"127.0.0.1:{port_of(server)}"
        assert run("http://feed.test/", "--connect-to", f"::{place}").exit_code == 0
        assert proxy.heads[0].startswith(f"CONNECT {place} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("proxy", "hint"),
    [
        ("gopher://me:s3cret@proxy.test", "socks5"),
        ("http://me:s3cret@127.0.0.1:bad", "URL is invalid"),
    ],
)
def test_an_environments_proxy_that_is_none_is_said_in_one_line(
    proxy, hint, monkeypatch
):
    monkeypatch.setenv("http_proxy", proxy)
    result = run("http://feed.test/")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 1
    assert line.startswith("error: the environment's proxy: ")
    assert hint in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "Missing argument"),
        ([""], "write it as https://host/path"),
        (["http:/x"], "write it as https://host/path"),
        (["HTTPS//x"], "write it as https://host/path"),
        (["httpbin.org/sse"], "write https://httpbin.org/sse, or http://"),
        (["localhost:8000/feed"], "write https://localhost:8000/feed, or http://"),
        (["me:s3cret@h/feed?k=s3cret"], "write https://… instead"),
        (["ftp://h/"], "scheme is not http"),
        (["mailto:me@h.test"], "the scheme of mailto:me@h.test is not http or https"),
        (["https://"], "no host"),
        (["https:///feed"], "no host"),
        (["http://me:s3cret@h:99999/"], "is its port a number"),
        (["http://h/a b"], "blank"),
        (["http://h/\r\nx"], "control character"),
        (["http://h/", "-H", "Authorization s3cret"], "write 'Name: value'"),
        (["http://h/", "-H", "a b: s3cret"], "'a b' cannot be a header's name"),
        (["http://h/", "-H", "a: s3cret\n"], "control character"),
        (["http://h/", "-X", "G T"], "cannot be a method"),
        (["http://h/", "-n", "0"], "x>=1"),
        (["http://h/", "--connect-to", "h"], "HOST1:PORT1:HOST2:PORT2"),
        (["http://h/", "--connect-to", "h:80"], "HOST1:PORT1:HOST2:PORT2"),
        (["http://h/", "--connect-to", "h:http:i:80"], "HOST1:PORT1:HOST2:PORT2"),
        (["http://h/", "--connect-to", "::::1"], "HOST1:PORT1:HOST2:PORT2"),
        (["http://h/", "--connect-to", "h:80:[::1:80"], "HOST1:PORT1:HOST2:PORT2"),
        (["http://h/", "--connect-to", "h:80:" + "i" * 64 + ":80"], "too long"),
        (["http://h/", "--connect-to", "h:80:i:0"], "a number from 1 to 65535"),
        (["http://h/", "--connect-to", "h:" + "9" * 9999 + "::"], "from 1 to 65535"),
        (["http://h/", "--store", "sqlite:///x.db", "--name", ""], "give --name NAME,"),
        (["http://h/", "--last-event-id", "a\n"], "last event ID"),
        (
            ["http://h/", "--last-event-id", "a", "-H", "last-event-id: b"],
            "--last-event-id and -H 'last-event-id: …' differ",
        ),
        (["http://h/", "-d", "a", "-d", "s3cret"], "'-d' / '--data': give it once"),
        (["http://h/", "--idle-timeout", "nan"], "'--idle-timeout': it is not a num"),
        (["http://h/", "--cacert", __file__], "no file of PEM certificates"),
    ],
)
def test_wrong_usage_is_explained_with_status_2(words, hint):
    result = run(*words)
    assert result.exit_code == 2
    assert hint in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["http://\udcff.invalid/"],
        ["http://127.0.0.1:1/\udcff"],
        ["http://h/", "-H", "X: \udcff"],
        ["http://h/", "-X", "\udcff"],
        ["http://h/", "--last-event-id", "\udcff"],
    ],
)
def test_what_is_no_text_is_refused(words):
    result = run(*words)
    assert result.exit_code == 2
    assert "it is not text in this locale's encoding" in result.stderr


# -------------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
    ],
)
def test_a_signal_while_reading_ends_it_with_a_summary(number, status, word):
    with ScriptedServer(NumberedFeed(2)) as server, Child(server.url) as child:
        assert child.line()
        assert child.line()
        summary = f"{word}: 2 events, 1 connection, 0 reconnects, last event ID '2'\n"
        assert child.stop(number) == (status, summary)
        (request,) = server.requests
        assert request.closed_by_client.wait(5)


def test_ctrl_c_ends_it_while_the_headers_are_awaited():
    with ScriptedServer([Hang()]) as server, Child(server.url) as child:
        server.wait_for_requests(1, timeout=10)
        status, summary = child.stop()
    assert status == 130
    assert summary.startswith("interrupted: 0 events, 0 connections")


def test_ctrl_c_ends_it_while_it_connects():
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        stack.enter_context(socket.create_connection(deaf.getsockname()))
        child = stack.enter_context(
            Child("-v", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        )
        assert "stream.connecting" in child.error_line()
        status, summary = child.stop()
    assert status == 130
    assert "interrupted: 0 events" in summary


def test_ctrl_c_ends_it_while_it_waits():
    busy = Answer(503, headers=[("Retry-After", "60")])
    with ScriptedServer([busy]) as server, Child(server.url) as child:
        assert "next attempt in" in child.error_line()
        status, summary = child.stop()
    assert status == 130
    assert "0 connections, 1 failed attempt (1 UnexpectedStatus)," in summary


def test_a_summary_counts_reconnects_once_it_was_connected():
    answers = [events("id: 1\ndata: a\n\n", end="cut"), Answer(503)]
    with ScriptedServer(answers) as server, Child(server.url) as child:
        assert "interrupted" in child.error_line()
        assert "answered 503" in child.error_line()
        _, summary = child.stop()
    causes = "1 StreamInterrupted, 1 UnexpectedStatus"
    assert f"1 connection, 2 reconnects ({causes})," in summary


def test_ctrl_c_ends_it_while_nobody_takes_its_output():
    flood = f"id: 1\ndata: {'x' * (1 << 20)}\n\n"  # no pipe holds so much
    answer = events(flood, end="hang")
    with ScriptedServer([answer]) as server, Child(server.url) as child:
        assert child.process.stdout.read(1)
        status, summary = child.stop()
    assert status == 130
    assert summary.startswith("interrupted: 1 event,")


def test_ctrl_c_before_it_began_is_quiet_too(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tail, "tail", interrupted)
    monkeypatch.setattr(sys, "argv", ["reconnecting-sse", "tail", "http://h/"])
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err.strip() == ""


def test_a_closed_pipe_ends_it_quietly_though_the_feed_is_silent():
    with ScriptedServer(NumberedFeed(1)) as server, Child(server.url) as child:
        assert child.line()
        child.process.stdout.close()
        assert child.end() == (0, "")


def test_a_write_that_reaches_nobody_ends_it_quietly():
    ours, theirs = socket.socketpair()  # unlike a pipe it is not watched
    with ScriptedServer(NumberedFeed(1)) as server, theirs:
        ours.close()
        with Child(server.url, stdout=theirs) as child:
            assert child.end() == (0, "")


def test_a_full_disk_is_said_in_one_line():
    with (
        Path("/dev/full").open("wb") as full,
        ScriptedServer(NumberedFeed(1)) as server,
        Child(server.url, stdout=full) as child,
    ):
        status, said = child.end()
    assert status == 1
    assert said == NO_SPACE


@pytest.mark.parametrize("words", [["--help"], ["tail", "-h"], ["completion", "zsh"]])
def test_a_full_disk_is_said_in_one_line_for_other_texts_too(words):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=PIPE, check=False, text=True
        )
    assert (ended.returncode, ended.stderr) == (1, NO_SPACE)


def test_help_that_nobody_reads_ends_quietly():
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as pipe:
        ended = subprocess.run(
            [*COMMAND, "--help"], stdout=pipe, stderr=PIPE, check=False
        )
    assert ended.stderr == b""


def test_without_a_stdout_it_says_so(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"):
        Output()


def test_it_ends_after_max_events_and_leaves_the_rest():
    with ScriptedServer(NumberedFeed(5)) as server:
        with Child("-n", "3", "--json", server.url) as child:
            ids = [json.loads(line)["id"] for line in child.process.stdout]
            assert child.end() == (0, "")
        assert server.requests[0].closed_by_client.wait(5)
    assert ids == ["1", "2", "3"]


def test_it_loses_nothing_over_drops():
    faults = RandomFaults(1, limit=3, kinds=["cut", "reset", "close"], reach=200)
    feed = NumberedFeed(40, retry=100, then="stop", faults=faults)
    with ScriptedServer(feed) as server:
        result = run("--json", server.url)
    ids = [json.loads(line)["id"] for line in result.stdout.splitlines()]
    assert ids == [str(n) for n in range(1, 41)]
    assert result.exit_code == 0


# ---------------------------------------------------------------- the program itself


def test_usage_errors_of_the_real_program_have_status_2():
    words = [*COMMAND, "tail", "nowhere"]
    ended = subprocess.run(words, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert b"the scheme is missing" in ended.stderr


def test_help_needs_neither_the_commands_nor_the_scripted_server():
    program = (
        "import sys; from reconnecting_sse.cli import main; sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        "finally:\n"
        "    late = ('e.testing', '.cli.tail')\n"
        "    print([m for m in sys.modules if m.endswith(late)])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("Usage: reconnecting-sse")
    assert ended.stdout.endswith("\n[]\n")


@pytest.mark.parametrize("command", commands.commands.values(), ids=lambda c: c.name)
def test_every_option_is_documented(command):
    page = (
        Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
    ).read_text()
    for option in command.params:
        if isinstance(option, click.Option):
            for spelling in (*option.opts, *option.secondary_opts):
                assert re.search(rf"`{spelling}[` ]", page), spelling


# ------------------------------------------------------------------ discretion


@pytest.mark.parametrize(
    "url",
    [
        "http://me:sec/ret@host/",
        "http://me:sec#ret@host:x/",
        "http://me:sec?ret@host:x/",
        "http://me:sec]ret@ho st/",
        "http://me:sec\\ret@host:99999/",
        "http://sec@ret:port/",
        "me:sec/ret@host/",
        "me:secret",
        "//me:secret",
        "http://secret@/",
        "http://:80/?secret",
        "http://me:secret@:80/",
        "http://host:port/?secret",
        "ftp://me:secret@host/",
        "http://me:secret@host:0/",
    ],
)
def test_no_usage_error_repeats_what_may_be_a_credential(url):
    result = run(url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert not re.search("sec|ret@|ret:", result.stderr)
    assert "Traceback" not in result.stderr
