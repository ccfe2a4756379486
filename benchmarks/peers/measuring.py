"""Each probe with each reader, in a process of its own with a time limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.peers import asking, decoding, outcomes, waiting
from benchmarks.peers.readers import MODULES, reader_of
from benchmarks.peers.running import PROBES, Finding, shortened

PROBE_MODULES = (decoding, asking, outcomes, waiting)
"""Importing them registers their probes."""

LIMIT = 30
AT_ONCE = 2
ROOT = Path(__file__).parents[2]


def answer(name: str, reader: str) -> None:
    """Run one probe in this process, and print what it found."""
    found = PROBES[name].run(reader_of(reader))
    print(json.dumps([found.kept, found.said]), flush=True)
    # A client that cannot be stopped must not keep the process.
    os._exit(0)


def asked(name: str, reader: str) -> Finding:
    """What a process of its own finds."""
    command = [sys.executable, "-m", "benchmarks.peers", "--one", name, reader]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        kept, said = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Finding(kept=False, said=f"stuck for {LIMIT} s")
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        return Finding(kept=False, said=shortened(last))
    return Finding(kept, said)


Cells = dict[tuple[str, str], Finding]


def measured(names: list[str]) -> Cells:
    """Everything, two processes at a time; progress on stderr."""
    cells = [(name, client) for name in names for client in MODULES]

    def one(cell: tuple[str, str]) -> Finding:
        found = asked(*cell)
        sign = {True: "+", False: "-", None: " "}[found.kept]
        print(f"{sign} {cell[0]}: {cell[1]}: {found.said}", file=sys.stderr)
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(cells, pool.map(one, cells), strict=True))
