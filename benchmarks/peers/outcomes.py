"""Probes of section 3: what each outcome means."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

from benchmarks.peers.running import (
    Finding,
    Running,
    delivers,
    drops,
    endless,
    event,
    playing,
    probe,
    slug,
    then,
)
from reconnecting_sse.testing import Answer, Close, Raw, Refuse, ScriptedServer

if TYPE_CHECKING:
    from benchmarks.peers.readers import Reader
    from reconnecting_sse.testing import Script, Step

PATIENCE = 2.0


def survives(title: str, *steps: Step) -> None:
    """Register a probe that these steps do not keep the event after them away."""

    def at_first(kind: type[Reader]) -> Finding:
        return delivers(kind, [*steps, then(event(1))], ["1"])

    probe(title, slug(title))(at_first)


def survives_later(title: str, *steps: Step) -> None:
    """As ``survives``, once a stream was open."""

    def later(kind: type[Reader]) -> Finding:
        script = [drops(kind, event(1)), *steps, then(event(2))]
        return delivers(kind, script, ["1", "2"])

    probe(title, slug(title))(later)


def status(code: int, *headers: tuple[str, str]) -> Answer:
    return Answer(code, headers=headers, body="no\n", framing="length")


survives("503 at first: tried again", status(503))
survives("429 at first: tried again", status(429))
survives("refused at first: tried again", Refuse(0.3))
survives("no response at first: tried again", Close())
survives_later("503 on a reconnect: tried again", status(503))
survives_later("refused on a reconnect: tried again", Refuse(0.3))
survives_later("no response on a reconnect: tried again", Close())
survives_later("not HTTP on a reconnect: tried again", Raw(b"hello\r\n\r\n"))


@probe("103 before the response: skipped")
def interim(kind: type[Reader]) -> Finding:
    return delivers(kind, [then(event(1), interim=(103,))], ["1"])


@probe("content type by essence, in any case")
def odd_case(kind: type[Reader]) -> Finding:
    headers = [("Content-Type", 'Text/Event-Stream; x="y"')]
    return delivers(kind, [then(event(1), headers=headers)], ["1"])


@probe("FIN inside a chunked body: tried again")
def cut_chunks(kind: type[Reader]) -> Finding:
    return delivers(
        kind, [Answer(body=[event(1)], end="cut"), then(event(2))], ["1", "2"]
    )


@probe("RST inside the body: tried again")
def reset_body(kind: type[Reader]) -> Finding:
    script = [Answer(body=[event(1)], end="reset"), then(event(2))]
    return delivers(kind, script, ["1", "2"])


@probe("204 on a reconnect: ends, without an error")
def no_content(kind: type[Reader]) -> Finding:
    return ends(kind, [drops(kind, event(1)), Answer(204)], "ends", asked=2)


@probe("401: an error at once")
def refused_credentials(kind: type[Reader]) -> Finding:
    return ends(kind, [status(401)] * 9, "raises", asked=1)


@probe("another content type: an error at once")
def not_a_stream(kind: type[Reader]) -> Finding:
    page = Answer(headers=[("Content-Type", "text/html")], body="data: <p>\n\n")
    return ends(kind, [page] * 9, "raises", asked=1)


@probe("302 without Location: an error at once")
def nowhere(kind: type[Reader]) -> Finding:
    return ends(kind, [status(302)] * 9, "raises", asked=1)


def ends(kind: type[Reader], script: Script, how: str, asked: int) -> Finding:
    """Whether it ends so, after so many requests."""
    with playing(kind, script) as (server, running):
        running.wait(seconds=PATIENCE)
        count = len(server.requests)
        kept = running.end.startswith(how) and count == asked
        said = f"{running.end or 'goes on'}; {count} requests in {PATIENCE:g} s"
        return Finding(kept, running.end.removeprefix("ends") if kept else said)


@probe("a certificate that cannot be trusted: an error at once")
def untrusted(kind: type[Reader]) -> Finding:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedServer([], ssl_context=context) as server:
        running = Running(kind(server.url))
        running.wait(seconds=PATIENCE)
    return Finding(running.error is not None, running.end or "goes on trying")


@probe("no secret in the error: userinfo, query values")
def secret_in_error(kind: type[Reader]) -> Finding:
    with ScriptedServer(endless([status(401)])) as server:
        url = server.url.replace("//", "//joe:s3cret@") + "/feed?token=s3cret"
        running = Running(kind(url, strict=True))
        running.wait(seconds=PATIENCE)
    if running.error is None:
        return Finding(None, "no error")
    told = f"{running.error} {running.error!r}"
    return Finding("s3cret" not in told, "tells it" if "s3cret" in told else "")
