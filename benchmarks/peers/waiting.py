"""Probes of sections 4 to 8: waits, timeouts, order, stopping, being seen."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.peers.running import (
    WAIT,
    Finding,
    Running,
    delivers,
    drops,
    endless,
    event,
    playing,
    probe,
    then,
)
from reconnecting_sse.testing import Answer, Hang, NumberedFeed, Pause, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.readers import Reader, Seen

STORM = 4.0
AT_MOST = 12
CROWD = 8
PROMPT = 0.1
RETRY_MS = 1200
RETRY_AFTER = 2


def gaps(server: ScriptedServer, count: int, seconds: float) -> list[float]:
    """Seconds between the first requests."""
    with contextlib.suppress(TimeoutError):
        server.wait_for_requests(count, seconds)
    times = [request.at for request in server.requests]
    return [later - earlier for earlier, later in pairwise(times)]


@probe("retry: 1200 is never undercut, and lasts")
def server_retry(kind: type[Reader]) -> Finding:
    script = [drops(kind, f"retry: {RETRY_MS}\n" + event(1)), drops(kind, event(2))]
    with playing(kind, script) as (server, running):
        waited = gaps(server, 3, 8.0)
        said = ", then ".join(f"{gap:.1f} s" for gap in waited[:2])
        kept = len(waited) > 1 and min(waited[:2]) >= RETRY_MS / 1000
        return Finding(kept, said or str(running))


@probe("retry: +9000 is ignored")
def odd_retry(kind: type[Reader]) -> Finding:
    with playing(kind, [drops(kind, "retry: +9000\n" + event(1))]) as (server, running):
        waited = gaps(server, 2, WAIT)
        return Finding(bool(waited), "" if waited else f"waits longer; {running}")


@probe("503 with Retry-After: 2 is not asked sooner")
def retry_after(kind: type[Reader]) -> Finding:
    busy = Answer(
        503, headers=[("Retry-After", f"{RETRY_AFTER}")], body="busy", framing="length"
    )
    with playing(kind, [busy]) as (server, running):
        waited = gaps(server, 2, 4.0)
        said = f"{waited[0]:.1f} s" if waited else str(running)
        return Finding(bool(waited) and waited[0] >= RETRY_AFTER, said)


@probe("200, then closed, for 4 s: how many requests")
def flapping(kind: type[Reader]) -> Finding:
    return storm(kind, "")


@probe("retry: 0 and closed, for 4 s: how many requests")
def flapping_as_told(kind: type[Reader]) -> Finding:
    return storm(kind, "retry: 0\n\n")


def storm(kind: type[Reader], body: str) -> Finding:
    with playing(kind, lambda _: drops(kind, body), quick=False) as (server, running):
        running.wait(seconds=STORM)
        count = len(server.requests)
        kept = not running.end and count <= AT_MOST
        return Finding(kept, f"{count}; {running.end}" if running.end else f"{count}")


@probe("8 clients dropped at once: how far apart they return")
def herd(kind: type[Reader]) -> Finding:
    with ScriptedServer(endless([drops(kind, event(1))] * CROWD)) as server:
        crowd = [Running(kind(server.url, quick=False)) for _ in range(CROWD)]
        try:
            requests = server.wait_for_requests(2 * CROWD, 13.0)
        except TimeoutError:
            return Finding(kept=False, said=str(crowd[0]))
        back = [request.at for request in requests[CROWD:]]
        spread = max(back) - min(back)
        return Finding(spread >= PROMPT, f"{spread * 1000:.0f} ms")


@probe("a silent stream is left, with a limit of 1 s")
def silence(kind: type[Reader]) -> Finding:
    return delivers(kind, [then(event(1)), then(event(2))], ["1", "2"], silence=1.0)


@probe("no response, with a limit of 1 s: tried again")
def silent_headers(kind: type[Reader]) -> Finding:
    return delivers(kind, [Hang(), then(event(1))], ["1"], silence=1.0, seconds=4.0)


@probe("2.5 s in the loop's body are no silence, with a limit of 1 s")
def busy_caller(kind: type[Reader]) -> Finding:
    beats = [Pause(0.4), ": beat\n"] * 5
    with ScriptedServer(endless([then(event(1), *beats, event(2))])) as server:
        reader = kind(server.url, silence=1.0)

        def slowly() -> Iterator[Seen]:
            for each in reader.events():
                yield each
                time.sleep(2.5)

        running = Running(reader, slowly)
        running.wait(2, 5.0)
        kept = running.data == ["1", "2"] and len(server.requests) == 1
        said = f"{running}; {len(server.requests)} requests"
        return Finding(kept, "" if kept else said)


@probe("break after event 1, then on: nothing lost, same connection")
def break_and_on(kind: type[Reader]) -> Finding:
    with ScriptedServer(NumberedFeed(3)) as server:
        reader = kind(server.url)

        def twice() -> Iterator[Seen]:
            for each in reader.events():
                yield each
                break
            yield from reader.events()

        running = Running(reader, twice)
        running.wait(3)
        kept = running.ids == ["1", "2", "3"] and len(server.requests) == 1
        said = f"{running}; {len(server.requests)} connections"
        return Finding(kept, "" if kept else said)


@probe("a wait_for around anext that times out loses nothing")
def impatience(kind: type[Reader]) -> Finding:
    if not kind.is_async:
        return Finding(None)
    slow = then("id: 1\ndata: he", Pause(0.5), "llo\n\n", event(2))
    script = [slow, then(event(1, "hello"), event(2))]
    with ScriptedServer(endless(script)) as server:
        reader = kind(server.url)
        running = Running(reader, lambda: reader.impatiently(0.2))
        running.wait(2)
        kept = running.data == ["hello", "2"]
        return Finding(kept, "" if kept else str(running))


@probe("close() by another thread frees a blocked read")
def close_in_read(kind: type[Reader]) -> Finding:
    with playing(kind, [then(event(1))]) as (server, running):
        running.wait(1)
        found = released(running)
        left = server.requests[0].closed_by_client.wait(1.0)
        if found.kept and not left:
            return Finding(kept=False, said=f"{found.said}; the socket stays open")
        return found


@probe("close() by another thread frees a wait")
def close_in_wait(kind: type[Reader]) -> Finding:
    script = [drops(kind, "retry: 3000\n" + event(1))]
    with playing(kind, script, quick=False) as (server, running):
        running.wait(1)
        # From outside nobody can tell that the wait has begun.
        server.requests[0].closed_by_client.wait(0.5)
        if running.end:
            return Finding(kept=False, said=str(running))
        return released(running)


def released(running: Running) -> Finding:
    began = time.monotonic()
    threading.Thread(target=running.reader.close, daemon=True).start()
    running.wait(seconds=4.0)
    if not running.end:
        return Finding(kept=False, said="still blocked after 4 s")
    took = running.ended_at - began
    kept = took < PROMPT and running.error is None
    said = f"after {took * 1000:.0f} ms" if took >= PROMPT else ""
    return Finding(
        kept, " ".join([*([running.end] * bool(running.error)), said]).strip()
    )


@probe("heartbeats can be seen")
def heartbeats(kind: type[Reader]) -> Finding:
    if not kind.has_comments:
        return Finding(kept=False, said="no way")
    with playing(kind, [then(": beat\n\n", event(1))]) as (_, running):
        running.wait(1)
        kept = [text.strip() for text in running.reader.comments] == ["beat"]
        return Finding(kept, "" if kept else f"{running.reader.comments}")


@probe("a drop and a reconnect leave stderr empty")
def quiet(kind: type[Reader]) -> Finding:
    with tempfile.TemporaryFile() as told:
        stderr = os.dup(2)
        os.dup2(told.fileno(), 2)
        found = delivers(kind, [drops(kind, event(1)), then(event(2))], ["1", "2"])
        os.dup2(stderr, 2)
        os.close(stderr)
        told.seek(0)
        lines = told.read().splitlines()
    if not found.kept:
        return found
    return Finding(not lines, f"{len(lines)} lines" if lines else "")
