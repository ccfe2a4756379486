"""``python -m benchmarks.peers``: measure everyone, and write what they guarantee."""

from __future__ import annotations

import argparse

from benchmarks.peers import table
from benchmarks.peers.measuring import answer, measured
from benchmarks.peers.running import PROBES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("probes", nargs="*", help="only these, anew")
    parser.add_argument("--write", action="store_true", help="do not measure again")
    parser.add_argument("--one", nargs=2, metavar=("PROBE", "CLIENT"))
    chosen = parser.parse_args()
    if chosen.one:
        answer(*chosen.one)
    if not chosen.write:
        table.kept(measured(chosen.probes or list(PROBES)))
    table.write()


main()
