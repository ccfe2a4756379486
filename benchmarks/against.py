"""Two revisions of this package against each other, in one run.

    python -m benchmarks.against BASE [--new NEW] [--rounds 9] [--only drop]

Every measurement is a fresh process; the two take turns at each, and the one that
begins alternates from round to round, so that a processor that changes its speed in
between favours neither.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.checkouts import ROOT, prepared
from benchmarks.markdown import table
from benchmarks.measures import MEASURES, NotMeasured
from benchmarks.processes import Clients
from benchmarks.serving import serving

if TYPE_CHECKING:
    from benchmarks.checkouts import Checkout
    from benchmarks.measures import Figure, Found

SIDES = ("old", "new")
HEAD = (
    *("old: best", "median", "new: best", "median"),
    *("best ÷ best", "round by round: median (range)"),
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against")
    parser.add_argument("base", help="the old one: a revision, or a folder")
    parser.add_argument(
        "--new", default=str(ROOT), help="the new one, if it is not this folder"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="measures whose names have this")
    return parser.parse_args()


class Comparison:
    """What was found on both sides, round by round."""

    def __init__(self) -> None:
        self.rounds: defaultdict[Figure, dict[str, list[float]]] = defaultdict(
            lambda: {side: [] for side in SIDES}
        )
        self.failed: dict[str, str] = {}

    def add(self, side: str, found: Found) -> None:
        for figure, value in found.items():
            self.rounds[figure][side].append(value)

    def tables(self) -> str:
        told = []
        for group, figures in groupby(self.rounds, lambda figure: figure.group):
            rows = [self._row(figure) for figure in figures]
            told.append(table((group, *HEAD), [row for row in rows if row]))
        told += [f"- not measured: {what}: {why}" for what, why in self.failed.items()]
        return "\n\n".join(told)

    def _row(self, figure: Figure) -> list[str]:
        old, new = (self.rounds[figure][side] for side in SIDES)
        if not old or not new:
            return []
        ratios = [n / o for o, n in zip(old, new, strict=False)]
        values = (min(old), median(old), min(new), median(new))
        return [
            f"{figure.title}, {figure.unit}",
            *map(figure.shown, values),
            f"**{min(new) / min(old):.2f}**",
            f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        ]


def compared(sides: dict[str, Clients], rounds: int, only: str) -> Comparison:
    """Every measure on both sides, in turn, round after round."""
    comparison = Comparison()
    began = time.monotonic()
    with serving() as served:
        for number in range(rounds):
            in_turn = SIDES if number % 2 == 0 else SIDES[::-1]
            for name, measure in MEASURES.items():
                for side in in_turn if only in name else ():
                    try:
                        comparison.add(side, measure(sides[side], served))
                    except NotMeasured as failure:
                        comparison.failed[f"{side}, {name}"] = str(failure)
            minutes = (time.monotonic() - began) / 60
            print(f"  round {number + 1} done ({minutes:.1f} min)", flush=True)
    return comparison


def main() -> None:
    chosen = _arguments()
    checkouts = [prepared("old", chosen.base), prepared("new", chosen.new)]
    sides = {each.name: Clients(each.python) for each in checkouts}
    try:
        comparison = compared(sides, chosen.rounds, chosen.only)
    finally:
        for clients in sides.values():
            clients.close()
    print(_heading(checkouts, chosen.rounds), comparison.tables(), sep="\n\n")


def _heading(checkouts: list[Checkout], rounds: int) -> str:
    """What was compared, and where."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    runtime = f"{platform.python_implementation()} {platform.python_version()}"
    of = [f"- {each.name}: {each.revision}" for each in checkouts]
    return "\n".join([f"{rounds} rounds; {machine}, {runtime}", "", *of])


if __name__ == "__main__":
    main()
