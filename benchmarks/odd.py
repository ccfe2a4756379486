"""What odd but legal streams take to decode, beside an ordinary one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.cells import MANY
from reconnecting_sse import EventStreamDecoder

CHUNK_BYTES = 64 * 1024
ROUNDS = 40

ORDINARY = "events of the first streams above"

_BLOCKS = {
    "an empty `id`, alone": b"id\n\n",
    "an `id` of one digit, alone": b"id:1\n\n",
    "two empty `id`s": b"id\nid\n\n",
    "`id` lines without end": b"id\n",
    "empty `data`, alone": b"data\n\n",
    "`data` of one byte that is no UTF-8": b"data:\xff\n\n",
    "empty `data`, `id` and `data`": b"data\nid\ndata\n\n",
    "a comment and empty `data`": b":\ndata\n\n",
    "`data` lines without end": b"data\n",
    "300 lines of `data`": b"data:x\n" * 300 + b"\n",
    "17 types": b"event:e\n" * 17 + b"\n",
    "17 `retry`s": b"retry:1\n" * 17 + b"\n",
    "a `retry`, alone": b"retry:1\n\n",
    "an unknown field, alone": b"x\n\n",
    "unknown fields without end": b"x\n",
    "an empty comment, alone": b":\n\n",
    "empty comments without end": b":\n",
    "blank lines": b"\n",
    "empty `data`, alone, CR": b"data\r\r",
    "a line of 5 KB, and 100 empty `id`s": b"x" * 5000 + b"\n" + b"id\n\n" * 100,
}


@dataclass(frozen=True)
class Cost:
    """CPU seconds for each MB; ``heard`` with an ``on_comment``."""

    title: str
    unheard: float
    heard: float


def costs(rounds: int = ROUNDS) -> list[Cost]:
    """The least of all rounds, the ordinary stream's first."""
    ordinary = b"".join(MANY.event(10**6 + number) for number in range(400))
    streams = {ORDINARY: ordinary} | _BLOCKS
    for title, block in streams.items():
        streams[title] = (block * (CHUNK_BYTES // len(block) + 1))[:CHUNK_BYTES]
    # In turn, so that a moment in which the processor is slow hits all alike.
    found = [
        [(_seconds(s, is_heard=False), _seconds(s, is_heard=True)) for s in row]
        for row in [list(streams.values())] * rounds
    ]
    return [
        Cost(title, *map(min, zip(*of_all, strict=True)))
        for title, of_all in zip(streams, zip(*found, strict=True), strict=True)
    ]


def _seconds(stream: bytes, *, is_heard: bool) -> float:
    decoder = EventStreamDecoder(on_comment=_hear if is_heard else None)
    began = time.process_time()
    decoder.feed(stream)
    return (time.process_time() - began) * 10**6 / len(stream)


def _hear(comment: str) -> None:
    pass
