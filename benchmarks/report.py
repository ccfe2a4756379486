"""Writes docs/benchmarks.md and its plots from what was measured, and nothing else."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import plots, storm, tables
from benchmarks.cells import EACH, MANY, MATRIX
from benchmarks.matrix import FLOORS, OURS, PEERS, Matrix
from benchmarks.sections import LARGE_MIB, WAIT
from benchmarks.tables import plain

if TYPE_CHECKING:
    from benchmarks.odd import Cost
    from benchmarks.processes import Result
    from benchmarks.sections import Row

DOCS = Path(__file__).parents[1] / "docs"
TEMPLATE = Path(__file__).with_name("template.md")


@dataclass
class Measured:
    """Everything that one run has found."""

    matrix: Matrix
    paced: list[Row]
    large: list[Row]
    kept: list[Row]
    kept_events: int
    dropped: list[Row]
    idle: list[Any]
    touched: Result
    odd: list[Cost]
    storms: list[storm.Outcome]
    minutes: float


def environment() -> str:
    """What it was measured with."""
    distributions = ("httpxr", "httptools", "launchdarkly-eventsource")
    distributions += ("httpx", "httpx-sse", "requests", "requests-sse")
    distributions += ("sseclient-py", "aiohttp-sse-client", "aiohttp", "urllib3")
    return ", ".join(
        [
            f"{platform.system()} {platform.machine()}",
            f"{os.cpu_count()} cores",
            f"{platform.python_implementation()} {platform.python_version()}",
            *(f"{name} {version(name)}" for name in distributions),
        ]
    )


def bars_of(matrix: Matrix) -> str:
    groups = []
    for face in PEERS:
        for cell in (EACH, MANY):
            clients = (OURS, *PEERS[face], *FLOORS)
            found = [(c, matrix.best(cell, face, c)) for c in clients]
            colours = {OURS: 0, **dict.fromkeys(FLOORS, 5)}
            group = [
                plots.Bar(plain(client), best * 1e6, colours.get(client, 1))
                for client, best in found
                if best is not None
            ]
            groups.append((f"{face}, {cell.title}", group))
    return plots.bars("CPU for each event; less is better", groups, "µs")


def dots_of(matrix: Matrix) -> str:
    rows = []
    for cell in MATRIX:
        values = [
            matrix.fastest_peer(cell, face)[1] / own
            for face in PEERS
            if (own := matrix.best(cell, face, OURS))
        ]
        rows.append((cell.title, values))
    title = "How many times as long the fastest peer takes (CPU, best of all rounds)"
    return plots.dots(title, rows, list(PEERS))


def storm_plot(outcomes: list[storm.Outcome]) -> str:
    series = [
        plots.Curve(outcome.scenario.title, outcome.per_second())
        for outcome in outcomes
    ]
    title = (
        f"{storm.SUBSCRIBERS:,} subscribers after a restart:"
        " connection attempts in each second"
    )
    back = int(storm.DOWN_SECONDS)
    return plots.seconds(title, series, mark=back, named="the server is back")


def _storm_figures(outcomes: list[storm.Outcome]) -> dict[str, str]:
    ours, told, constant, exponential = outcomes
    return {
        "subscribers": f"{storm.SUBSCRIBERS:,}",
        "down": f"{storm.DOWN_SECONDS:.0f}",
        "capacity": f"{storm.CAPACITY_PER_SECOND:,}",
        "storms": tables.storms(outcomes),
        "ours_peak": f"{ours.peak:,}",
        "ours_back": f"{ours.peak_when_back:,}",
        "told_wave": f"{storm.SUBSCRIBERS / 0.5 / 20:,.0f}",
        "told_peak": f"{told.peak:,}",
        "capped_rate": f"{storm.SUBSCRIBERS / 0.75 / 30:,.0f}",
        "constant_back": f"{constant.peak_when_back:,}",
        "constant_attempts": f"{sum(constant.arrivals) / storm.SUBSCRIBERS:.0f}",
        "exponential_back": f"{exponential.peak_when_back:,}",
    }


def markdown(measured: Measured) -> str:
    """The document."""
    matrix = measured.matrix
    headlines = [
        tables.headline(matrix, face, cell) for face in PEERS for cell in (EACH, MANY)
    ]
    every = [tables.matrix_table(matrix, face) for face in PEERS]
    touched = measured.touched.get("memory", 0.0)
    return TEMPLATE.read_text("utf-8").format(
        minutes=f"{measured.minutes:.0f}",
        environment=environment(),
        headlines="\n\n".join(headlines),
        matrix="\n\n".join([*every, *tables.failures(matrix)]),
        paced=tables.paced(measured.paced),
        large_mib=LARGE_MIB,
        large=tables.large(measured.large),
        kept_events=f"{measured.kept_events:,}",
        kept=tables.kept(measured.kept, measured.kept_events),
        wait_ms=f"{WAIT * 1e3:.0f}",
        dropped=tables.dropped(measured.dropped),
        touched_kib=f"{touched / 1024:.0f}",
        idle=tables.idle(measured.idle),
        odd=tables.odd(measured.odd),
        **_storm_figures(measured.storms),
    )


def write(measured: Measured) -> None:
    """The document and its plots."""
    (DOCS / "plots").mkdir(exist_ok=True)
    images = {
        "cpu": bars_of(measured.matrix),
        "ratios": dots_of(measured.matrix),
        "storm": storm_plot(measured.storms),
    }
    for name, image in images.items():
        (DOCS / "plots" / f"{name}.svg").write_text(image, "utf-8")
    (DOCS / "benchmarks.md").write_text(markdown(measured), "utf-8")
