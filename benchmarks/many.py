"""Many feeds in one process: how evenly they come back, and what each of them costs.

    python -m benchmarks.many [--feeds N] [--rate CONNECTS_PER_SECOND]

A server's feeds, each with an event a second, handled by as many workers of one
``Workers``. The server is restarted once. Then the same feeds are read by bare tasks,
with ``asyncio.open_connection`` and ``readline``. Takes less than a minute.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import time
from bisect import bisect_left
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.crowds import MOST_SECONDS
from benchmarks.server import HOST
from reconnecting_sse.core.budget import BURST

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWN_SECONDS = 1.0


def _python(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own modules)
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@contextmanager
def _serving(port: int, came: list[list[float]]) -> Iterator[None]:
    """A server, until the block ends; then one knows when connections came."""
    with _python("benchmarks.ticking", str(port)) as server:
        assert server.stdin is not None
        assert _line(server) == "ready"
        yield
        server.stdin.close()
        came.append(_line(server))


def _stages(process: subprocess.Popen[str], *names: str) -> dict[str, Any]:
    return {name: _line(process) for name in names}


def measured(feeds: int, rate: float) -> tuple[Any, Any, list[list[float]]]:
    """The stages of ours and of bare ones, and when connections of ours came."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    words = (f"http://{HOST}:{port}", str(feeds), str(rate))
    came: list[list[float]] = []
    with _python("benchmarks.crowds", "ours", *words) as process:
        with _serving(port, came):
            found = _stages(process, "made", "opened", "steady")
        time.sleep(DOWN_SECONDS)
        with _serving(port, came):
            found |= _stages(process, "restarted", "drained")
    with _serving(port, []), _python("benchmarks.crowds", "bare", *words) as process:
        beside = _stages(process, "made", "opened", "steady")
    return found, beside, came


def most_within(moments: list[float], seconds: float) -> int:
    """The most of them in any window of so many seconds."""
    return max(
        bisect_left(moments, moment + seconds) - number
        for number, moment in enumerate(moments)
    )


def told(feeds: int, rate: float) -> None:
    found, beside, came = measured(feeds, rate)
    print(f"{feeds} feeds, an event a second each; the server is restarted once\n")
    for stage, seen in zip(("opened", "restarted"), came, strict=True):
        begun = found[stage]["begun"]
        lasted = begun[-1] - begun[0]
        print(
            f"{stage}: {len(begun)} connects, {len(begun) / lasted:.1f} a second;"
            f" at most {most_within(begun, 1.0)} within 1 s (budget: {rate + BURST:g}),"
            f" as the server saw them {most_within(seen, 1.0)}"
        )
    print(f"all drained in {found['drained']['seconds']:.2f} s\n")
    print("                                     ours    bare")
    for title, stage, key, unit in (
        ("memory, KiB a feed", "steady", "memory", 1024),
        ("CPU to make it, ms a feed", "made", "cpu", 1e-3),
        ("CPU until it is open, ms a feed", "opened", "cpu", 1e-3),
        ("CPU, percent of a core, all feeds", "steady", "share", 0.01),
    ):
        mine, theirs = (of[stage][key] / unit for of in (found, beside))
        print(f"{title:34} {mine:7.1f} {theirs:7.1f}")


def main() -> None:
    signal.alarm(MOST_SECONDS)  # ends it, however it hangs
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    told(options.feeds, options.rate)


if __name__ == "__main__":
    main()
