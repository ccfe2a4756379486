"""What durability costs: events per second, with a store and without, as ratios.

    python -m benchmarks.durable [--events N] [--rounds N]

A feed in memory, so that only our own work and the store's is measured: the default
commits beside no store at all; and batches, each in one transaction, beside a bare loop
that inserts the same rows in batches of the same size.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse import ReconnectingEventSource
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.transports.body import LiveBody

if TYPE_CHECKING:
    from typing import Self

PER_CHUNK = 200
HEADERS = [("Content-Type", "text/event-stream")]
TABLE = "CREATE TABLE effects (id TEXT, data TEXT)"
INSERT = "INSERT INTO effects VALUES (?, ?)"


class Body(LiveBody):
    """All of the feed, some events at a time."""

    read_timeout = None

    def __init__(self, count: int) -> None:
        blocks = [b"id: %d\nevent: e\ndata: some data\n\n" % n for n in range(count)]
        starts = range(0, count, PER_CHUNK)
        self._pieces = iter([b"".join(blocks[at : at + PER_CHUNK]) for at in starts])

    def read(self) -> bytes:
        return next(self._pieces, b"")

    def close(self) -> None:
        pass


class Transport(httpxr.BaseTransport):
    def __new__(cls, _count: int) -> Self:
        return super().__new__(cls)

    def __init__(self, count: int) -> None:
        self._count = count

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:  # noqa: ARG002
        return httpxr.Response(200, headers=HEADERS, stream=Body(self._count))


def source_of(count: int, **options: Any) -> ReconnectingEventSource:
    client = httpxr.Client(transport=Transport(count))
    url = "http://feed.test/"
    return ReconnectingEventSource(client, "GET", url, on_end="finish", **options)


def consumed(count: int, **options: Any) -> float:
    with source_of(count, **options) as source:
        began = time.perf_counter()
        for _event in source:
            pass
        return count / (time.perf_counter() - began)


def batched(count: int, path: Path) -> tuple[float, list[int]]:
    store = SqliteStore(path)
    sizes = []
    with source_of(count, store=store, name="feed") as source:
        began = time.perf_counter()
        for events in source.batches():
            sizes.append(len(events))
            with source.transaction() as db:
                db.executemany(INSERT, [(event.id, event.data) for event in events])
        rate = count / (time.perf_counter() - began)
    store.close()
    return rate, sizes


def bare(count: int, path: Path, sizes: list[int]) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        rows = ((str(n), "some data") for n in range(count))
        began = time.perf_counter()
        for size in sizes:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(INSERT, [next(rows) for _ in range(size)])
            db.execute("COMMIT")
        return count / (time.perf_counter() - began)


def transacted(count: int) -> tuple[float, float]:
    """Our batches' rate, and a bare loop's with the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ours", "bare"):
            with closing(sqlite3.connect(Path(folder) / name)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute(TABLE)
                db.commit()
        ours, sizes = batched(count, Path(folder) / "ours")
        return ours, bare(count, Path(folder) / "bare", sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    count, commits, batches = options.events, [], []
    for _ in range(options.rounds):
        without = consumed(count)
        with_store = consumed(count, store=MemoryStore(), name="feed")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "positions.db"
            in_file = consumed(count, store=SqliteStore(path), name="feed")
        commits.append((with_store / without, in_file / without, without))
        ours, theirs = transacted(count // 4)
        batches.append((ours / theirs, ours))
    memory, file, rate = (
        statistics.median(column) for column in zip(*commits, strict=True)
    )
    print(f"no store: {rate:,.0f} events/s")
    print(f"default commits, MemoryStore: {memory:.3f} of that")
    print(f"default commits, SqliteStore: {file:.3f} of that")
    ratio, rate = (statistics.median(column) for column in zip(*batches, strict=True))
    print(f"batches in transactions of SQLite: {rate:,.0f} events/s,", end=" ")
    print(f"{ratio:.2f} of a bare loop's")


if __name__ == "__main__":
    main()
