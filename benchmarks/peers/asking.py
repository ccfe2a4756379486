"""Probes of section 2: what each request says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.decoding import cursor_after
from benchmarks.peers.running import (
    WAIT,
    Finding,
    delivers,
    drops,
    event,
    playing,
    probe,
    then,
)
from reconnecting_sse.testing import Answer, NumberedFeed, RandomFaults

if TYPE_CHECKING:
    from benchmarks.peers.readers import Reader

SECRETS = {
    "Authorization": "Bearer s3cret",
    "X-Api-Key": "s3cret",
    "Cookie": "a=s3cret",
}


@probe("Accept and Cache-Control: no-cache; no empty Last-Event-ID")
def first_headers(kind: type[Reader]) -> Finding:
    with playing(kind, [then(event(1))]) as (server, _):
        request = server.wait_for_requests(1)[0]
    said = [
        f"{name}: {value}"
        for name, expected in (
            ("accept", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("last-event-id", None),
        )
        if (value := request.header(name)) != expected
    ]
    return Finding(not said, ", ".join(said))


@probe("Last-Event-ID after a drop")
def resumes(kind: type[Reader]) -> Finding:
    return cursor_after(kind, event(1), "1")


@probe("an ID beyond Latin-1 travels as UTF-8")
def wide_id(kind: type[Reader]) -> Finding:
    as_sent = "é世".encode().decode("latin-1")
    return cursor_after(kind, "id: é世\ndata: a\n\n", as_sent)


@probe("an ID that no header can carry does not end it")
def unsendable_id(kind: type[Reader]) -> Finding:
    return cursor_after(kind, "id: a\1b\ndata: a\n\n", None)


@probe("an initial ID lasts until the server sends another")
def initial_id(kind: type[Reader]) -> Finding:
    script = [drops(kind, ": no event yet\n\n")]
    with playing(kind, script, last_event_id="7") as (server, running):
        try:
            requests = server.wait_for_requests(2, WAIT)
        except TimeoutError:
            return Finding(kept=False, said=str(running))
        sent = [request.header("last-event-id") for request in requests]
        kept = sent == ["7", "7"]
        return Finding(kept, "" if kept else f"sends {sent}")


@probe("no secret follows a redirect to another origin")
def off_origin(kind: type[Reader]) -> Finding:
    there = Answer(307, headers=[("Location", "{other}/")], framing="length")
    script = [there, Answer(body=event(1), end="hang", listener="other")]
    with playing(kind, script, headers=dict(SECRETS)) as (server, running):
        try:
            request = server.wait_for_requests(2, WAIT)[1]
        except TimeoutError:
            return Finding(kept=False, said=str(running))
        sent = [name for name in SECRETS if request.header(name)]
        return Finding(not sent, f"sends {', '.join(sent)}" if sent else "")


@probe("each attempt starts again at the original URL")
def redirected_again(kind: type[Reader]) -> Finding:
    there = Answer(307, headers=[("Location", "{origin}/b")], framing="length")
    script = [there, drops(kind, event(1)), there, then(event(2))]
    with playing(kind, script) as (server, running):
        running.wait(2)
        asked = [request.target for request in server.requests]
        kept = asked == ["/", "/b", "/", "/b"]
        return Finding(kept, "" if kept else f"asks {' '.join(asked)}; {running}")


@probe("a POST that was cut, without an ID, is not sent again")
def cut_post(kind: type[Reader]) -> Finding:
    if not kind.has_post:
        return Finding(None, "GET only")
    script = [Answer(body=["data: a\n\n"], end="reset")]
    question = {"question": 1}
    with playing(kind, script, method="POST", json=question) as (server, running):
        running.wait(seconds=2.0)
        sent = len(server.requests)
        kept = sent == 1 and running.error is not None
        return Finding(kept, f"sent {sent} times; {running.end or 'goes on'}")


@probe("a GET whose stream ends cleanly is sent again")
def clean_end(kind: type[Reader]) -> Finding:
    return delivers(kind, [Answer(body=event(1)), then(event(2))], ["1", "2"])


@probe("100 events through 20 drops: none lost, none twice")
def many_drops(kind: type[Reader]) -> Finding:
    faults = RandomFaults(1, limit=20, kinds=["cut", "reset", "end"], reach=500)
    feed = NumberedFeed(100, faults=faults)
    with playing(kind, feed) as (_, running):
        running.wait(100, 12.0)
        kept = running.ids == [str(n) for n in range(1, 101)]
        said = f"{len(running.ids)} in 12 s; {running.end or 'goes on'}"
        return Finding(kept, "" if kept else said)
