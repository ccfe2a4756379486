"""Probes of section 1: bytes in, events out."""

from __future__ import annotations

import resource
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from benchmarks.peers.running import (
    WAIT,
    Finding,
    delivers,
    drops,
    event,
    playing,
    probe,
    slug,
    then,
)
from reconnecting_sse.testing import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.readers import Reader

MIB = 1 << 20
ENDLESS = 64 * MIB
LONG = 4 * MIB
LONG_ENOUGH = 10.0
SWIFT = 3.0


def decodes(title: str, body: Any, expected: list[str], charset: str = "") -> None:
    """Register a probe that this body becomes these data."""
    headers = [("Content-Type", f"text/event-stream{charset}")]

    def decoded(kind: type[Reader]) -> Finding:
        pieces = body if isinstance(body, list) else [body]
        return delivers(kind, [then(*pieces, headers=headers)], expected)

    probe(title, slug(title))(decoded)


END = "data: end\n\n"
decodes(
    "invalid bytes become U+FFFD", b"data: a\xffb\n\n" + END.encode(), ["a�b", "end"]
)
decodes("charset=latin-1 is ignored", "data: é\n\n", ["é"], "; charset=latin-1")
decodes("a leading BOM is dropped", b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", ["a", "b"])
decodes(
    "U+2028 U+0085 and VT end no line",
    "data: a\u2028b\u0085c\vd\n\n",
    ["a\u2028b\u0085c\vd"],
)
decodes("CR and CR LF end lines", b"data: a\rdata: b\r\n\r\ndata: c\n\n", ["a\nb", "c"])
decodes("a field without colon", "data\ndata\n\n" + END, ["\n", "end"])
decodes("one space is removed not two", "data:  a\n\n", [" a"])
decodes("no data: no event", "event: x\nid: 1\n\n" + END, ["end"])
decodes("an empty data line is an event", "data:\n\n" + END, ["", "end"])
MANY = "".join(f"retry: {'9' * digits}\n" for digits in (5000, 20, 12))
decodes("a retry of 12, 20 or 5000 digits", MANY + "data: a\n\n", ["a"])


@probe("an event ended by CR CR comes at once")
def lone_cr(kind: type[Reader]) -> Finding:
    gate = threading.Event()
    with playing(kind, [then(b"data: a\r\r", gate, b"data: b\r\r")]) as (_, running):
        kept = running.wait(1, 1.0)
        gate.set()
        late = running.wait(1, 1.0)
    return Finding(kept, "" if kept else "held back" if late else "never comes")


@probe("an ID without data moves the cursor")
def id_only_block(kind: type[Reader]) -> Finding:
    return cursor_after(kind, event(1) + "id: 7\n\n", "7")


@probe("the ID stays in force for later events")
def sticky_id(kind: type[Reader]) -> Finding:
    body = "id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\n"
    with playing(kind, [then(body)]) as (_, running):
        running.wait(3)
        kept = running.ids == ["1", "1", "1"]
        return Finding(kept, "" if kept else f"IDs {running.ids}")


@probe("an empty ID clears the cursor")
def empty_id(kind: type[Reader]) -> Finding:
    script = [drops(kind, event(1)), drops(kind, "id\ndata: b\n\n")]
    with playing(kind, script) as (server, running):
        try:
            requests = server.wait_for_requests(3, WAIT)
        except TimeoutError:
            return Finding(kept=False, said=str(running))
        sent = [request.header("last-event-id") for request in requests]
        kept = sent == [None, "1", None]
        return Finding(kept, "" if kept else f"sends {sent}")


@probe("the ID of a block that is cut off does not count")
def unfinished_id(kind: type[Reader]) -> Finding:
    return cursor_after(kind, event(1) + "id: 2\n", "1")


def cursor_after(kind: type[Reader], body: str, expected: str | None) -> Finding:
    """Whether the request after the drop has this Last-Event-ID."""
    with playing(kind, [drops(kind, event(0), body)]) as (server, running):
        try:
            sent = server.wait_for_requests(2, WAIT)[1].header("last-event-id")
        except TimeoutError:
            return Finding(kept=False, said=str(running))
        return Finding(sent == expected, "" if sent == expected else f"sends {sent!r}")


@probe("an event that is cut off is discarded")
def unfinished_event(kind: type[Reader]) -> Finding:
    script = [drops(kind, event(1, "a"), "id: 2\ndata: b\n"), then(event(2, "c"))]
    return delivers(kind, script, ["a", "c"])


@probe("one event of 4 MiB in pieces of 512 bytes")
def long_event(kind: type[Reader]) -> Finding:
    pieces = ["data: ", *["x" * 512] * (LONG // 512), "\n\n"]
    began = time.monotonic()
    with playing(kind, [then(*pieces)]) as (_, running):
        came = running.wait(1, LONG_ENOUGH)
        took = time.monotonic() - began
        if not came:
            return Finding(kept=False, said=f"{running} after {took:.0f} s")
        return Finding(took < SWIFT, f"{took:.1f} s")


@probe("a line without end, 64 MiB of it")
def endless_line(kind: type[Reader]) -> Finding:
    taken = 0
    is_sent = threading.Event()

    def pieces() -> Iterator[str]:
        nonlocal taken
        yield "data: "
        while taken < ENDLESS:
            yield "x" * (1 << 16)
            taken += 1 << 16
        is_sent.set()

    before = peak()
    with playing(kind, [Answer(body=pieces(), end="hang")]) as (_, running):
        until = time.monotonic() + LONG_ENOUGH
        while not is_sent.wait(0.1) and not running.end:
            if time.monotonic() > until:
                break
        running.wait(seconds=0.5)
        took = f"{max(1, taken // MIB)} MiB"
        if not is_sent.is_set() and not running.end:
            took += f" in {LONG_ENOUGH:g} s"
        said = f"{running.end}, {took} sent" if running.end else f"takes {took}"
        more = (peak() - before) // MIB
        return Finding(bool(running.error), f"{said}, memory +{more} MiB")


def peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
