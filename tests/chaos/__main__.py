"""The long version: ``python -m tests.chaos`` runs ten seeds, or those it is given."""

from __future__ import annotations

import argparse
import sys
import time

from tests.chaos.runs import FACES, WIRES, run

_SEEDS = range(1, 11)


def main():
    """Run every seed on each face and wire; 1 if any run fails."""
    options = _options()
    began, failing = time.monotonic(), []
    for seed in options.seeds or _SEEDS:
        for face in FACES:
            for wire in WIRES:
                verdict = run(
                    face,
                    wire,
                    seed,
                    events=options.events,
                    reach=options.reach,
                    seconds=options.seconds,
                )
                _say(str(verdict))
                if not verdict.is_good and seed not in failing:
                    failing.append(seed)
    _say(f"{time.monotonic() - began:.0f} s in total")
    for seed in failing:
        _say(f"seed {seed} failed; to replay it: make chaos SEED={seed}")
    return 1 if failing else 0


def _options():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--events", type=int, default=100_000)
    # How many bytes pass before a connection is cut, on average.
    parser.add_argument("--reach", type=int, default=50_000)
    # Of one run, after which it counts as failed.
    parser.add_argument("--seconds", type=float, default=120.0)
    return parser.parse_args()


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
