"""A failover and a drain, as they happen: real processes, drawn into docs/plots.

    python -m benchmarks.handover

Two workers under one name, with a lease of three seconds. In the first picture the one
that works is killed; in the second it is told to stop while its handlers are at it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.plots import Track, timeline
from reconnecting_sse.testing import NumberedFeed, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE = 3.0
PLOTS = Path(__file__).parents[1] / "docs" / "plots"
HANDLER = """
import os, time

PAUSE = float(os.environ["PAUSE"])


def handle(event):
    began = time.time()
    time.sleep(PAUSE)
    with open("rows.txt", "a") as file:
        file.write(f"{os.getpid()} {event.id} {began} {time.time()}\\n")
"""


class Team:
    """Processes under one name, in a folder of their own."""

    def __init__(self, folder: Path, url: str, pause: float, concurrency: int) -> None:
        self.folder = folder
        (folder / "handler.py").write_text(HANDLER)
        (folder / "rows.txt").touch()
        self.began = time.time()
        self.joined: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self._pause = pause
        words = ("--store", "sqlite:///worker.db", "--name", "prices")
        self._command = [
            *(sys.executable, "-m", "reconnecting_sse", "work", url, "handler:handle"),
            *(*words, "--lease", str(LEASE), "--concurrency", str(concurrency)),
        ]

    def join(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(  # noqa: S603  (our own words)
            self._command,
            cwd=self.folder,
            env={**os.environ, "PAUSE": str(self._pause)},
            stderr=subprocess.DEVNULL,
        )
        self.joined[child.pid] = time.time() - self.began
        return child

    def rows(self) -> list[tuple[int, int, float, float]]:
        lines = (self.folder / "rows.txt").read_text().splitlines()
        found = [line.split() for line in lines]
        return [
            (int(who), int(id_), float(a) - self.began, float(b) - self.began)
            for who, id_, a, b in found
        ]

    def wait_for_rows_of(self, child: subprocess.Popen[bytes], count: int) -> None:
        until = time.monotonic() + 60
        while sum(row[0] == child.pid for row in self.rows()) < count:
            assert time.monotonic() < until
            time.sleep(0.01)

    def end(self, child: subprocess.Popen[bytes], number: int) -> float:
        sent = time.time() - self.began
        child.send_signal(number)
        child.wait()
        self.ended[child.pid] = time.time() - self.began
        return sent

    def tracks(self) -> list[Track]:
        tracks = []
        for number, (who, joined) in enumerate(self.joined.items(), 1):
            mine = [(a, b) for pid, _, a, b in self.rows() if pid == who]
            first = min((a for a, _ in mine), default=joined)
            label = f"process {number}"
            tracks.append(Track(label, mine, [(joined, first)]))
        return tracks


@contextmanager
def team(pause: float, concurrency: int, count: int) -> Iterator[Team]:
    numbered = NumberedFeed(count, retry=10, then="hang", pause=0.02)
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(numbered) as server:
        yield Team(Path(folder), server.url, pause, concurrency)


def failover() -> str:
    with team(0.0, 1, 2000) as members:
        first = members.join()
        members.wait_for_rows_of(first, 30)
        second = members.join()
        members.wait_for_rows_of(first, 100)
        killed = members.end(first, signal.SIGKILL)
        members.wait_for_rows_of(second, 80)
        members.end(second, signal.SIGTERM)
        rows = members.rows()
        resumed = min(a for who, _, a, _ in rows if who == second.pid)
        ids = [id_ for _, id_, _, _ in rows]
        assert set(ids) == set(range(1, max(ids) + 1)), "an event was lost"
        again = len(ids) - len(set(ids))
        print(f"failover: {resumed - killed:.2f} s, {again} events came again")
        marks = [(killed, "kill -9"), (resumed, f"goes on, {again} came again")]
        title = f"The owner is killed; its lease is {LEASE:g} s"
        end = max(b for _, _, _, b in rows)
        return timeline(title, members.tracks(), marks, seconds=end)


def drain() -> str:
    with team(0.4, 4, 200) as members:
        first = members.join()
        members.wait_for_rows_of(first, 10)
        second = members.join()
        members.wait_for_rows_of(first, 22)
        told = members.end(first, signal.SIGTERM)
        left = members.ended[first.pid]
        members.wait_for_rows_of(second, 16)
        members.end(second, signal.SIGTERM)
        rows = members.rows()
        ids = [id_ for _, id_, _, _ in rows]
        assert sorted(ids) == list(range(1, max(ids) + 1)), "one was lost or came twice"
        resumed = min(a for who, _, a, _ in rows if who == second.pid)
        print(f"drain: {left - told:.2f} s, then {resumed - left:.2f} s; none twice")
        marks = [(told, "SIGTERM"), (resumed, "goes on, none came again")]
        title = "The owner is stopped: what was begun is finished"
        end = max(b for _, _, _, b in rows)
        return timeline(title, members.tracks(), marks, seconds=end)


def main() -> None:
    (PLOTS / "failover.svg").write_text(failover(), "utf-8")
    (PLOTS / "drain.svg").write_text(drain(), "utf-8")


if __name__ == "__main__":
    main()
