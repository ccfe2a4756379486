"""The tables of docs/benchmarks.md, from what was measured."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks import storm
from benchmarks.cells import EACH, MANY, MATRIX
from benchmarks.markdown import table
from benchmarks.matrix import FASTEST_KNOWN, FLOORS, OURS, PEERS, Matrix, middle
from benchmarks.sections import MIB, percentiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from benchmarks.cells import Cell
    from benchmarks.odd import Cost
    from benchmarks.sections import Row

NAMES = {
    "ours": "**reconnecting-sse**",
    "launchdarkly": "launchdarkly-eventsource",
    "httpx_sse": "httpx-sse",
    "requests_sse": "requests-sse",
    "sseclient_urllib3": "sseclient-py on urllib3",
    "sseclient_requests": "sseclient-py on requests",
    "aiohttp_sse_client": "aiohttp-sse-client",
    "wire": "our wire, undecoded",
    "socket_alone": "a bare socket",
    "bare_aiohttp": "aiohttp alone",
    "bare_urllib3": "urllib3 alone",
}
TARGETS = {
    ("sync", EACH.name): {FASTEST_KNOWN: 2.2, "httpx_sse": 6.0},
    ("sync", MANY.name): {FASTEST_KNOWN: 2.0},
    ("async", EACH.name): {FASTEST_KNOWN: 1.8, "httpx_sse": 5.0},
    ("async", MANY.name): {FASTEST_KNOWN: 1.8},
}


def micro(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e6:.2f}"


def plain(client: str) -> str:
    return NAMES[client].strip("*")


def headline(matrix: Matrix, face: str, cell: Cell) -> str:
    """One stream, every client."""
    rows = []
    for client in (OURS, *PEERS[face], *FLOORS):
        rounds = matrix.rounds(cell, face, client)
        if not rounds:
            failed = matrix.failed.get((cell.name, face, client), "not run")
            rows.append([NAMES[client], failed, "", "", "", ""])
            continue
        ratio, ratios = (
            matrix.ratio(cell, face, client),
            matrix.ratios(cell, face, client),
        )
        target = TARGETS[face, cell.name].get(client)
        is_shown = client not in (OURS, *FLOORS)
        rows.append(
            [
                NAMES[client],
                micro(min(rounds)),
                f"{micro(median(rounds))} (to {micro(max(rounds))})",
                f"**{ratio:.2f}**" if is_shown and ratio else "",
                middle(ratios) if is_shown and ratios else "",
                f"{target:.1f}" if target else "",
            ]
        )
    head = ("client", "best, µs", "median (to the slowest), µs", "best ÷ our best")
    head += ("the same round by round: median (range)", "aim")
    title = f"### {face}: {cell.title}, ID, type and data"
    return f"{title}\n\n{table(head, rows)}"


def matrix_table(matrix: Matrix, face: str) -> str:
    """All streams; the best of all rounds."""
    rows = []
    for cell in MATRIX:
        own = matrix.best(cell, face, OURS)
        peer, best = matrix.fastest_peer(cell, face)
        against = best / own if own else 0.0
        httpx = matrix.ratio(cell, face, "httpx_sse")
        rows.append(
            [
                cell.title,
                micro(own),
                f"{micro(best)} {plain(peer)}",
                f"**{against:.2f}**" if against >= 1 else f"{against:.2f}, behind",
                f"{httpx:.2f}" if httpx else "-",
                *(micro(matrix.best(cell, face, floor)) for floor in FLOORS),
            ]
        )
    head = ("stream", "ours, µs", "fastest peer, µs", "ratio", "httpx-sse ratio")
    return f"### {face}\n\n{table((*head, *(NAMES[f] for f in FLOORS)), rows)}"


def failures(matrix: Matrix) -> list[str]:
    """Who did not get to the end of which stream."""
    by_name = {cell.name: cell for cell in MATRIX}
    lines = [
        f"- {plain(client)} ({face}), {by_name[name].title}: {reason.split(':')[0]}"
        for (name, face, client), reason in matrix.failed.items()
    ]
    if not lines:
        return []
    return ["Not every client read every stream:", "\n".join(lines)]


def paced(rows: list[Row]) -> str:
    head = ("client", "face", "p50, µs", "p99, µs", "CPU per event, µs")
    return table(head, _percentiles_of(rows, micro))


def dropped(rows: list[Row]) -> str:
    head = ("client", "face", "p50, ms", "p99, ms", "CPU per drop, ms")
    return table(head, _percentiles_of(rows, lambda seconds: f"{seconds * 1e3:.2f}"))


def _percentiles_of(rows: list[Row], shown: Callable[[float], str]) -> list[list[str]]:
    told = []
    for client, face, result in rows:
        if "failed" in result:
            told.append([NAMES[client], face, result["failed"], "", ""])
            continue
        figures = (*percentiles(result["seconds"]), result["cpu"])
        told.append([NAMES[client], face, *map(shown, figures)])
    return told


def large(rows: list[Row]) -> str:
    told = []
    for client, face, result in rows:
        if "failed" in result:
            told.append([NAMES[client], face, result["failed"].partition(":")[0], ""])
            continue
        memory = f"{result['memory'] / MIB:.0f}"
        told.append([NAMES[client], face, f"{result['cpu'] * 1e3:.0f}", memory])
    return table(("client", "face", "CPU, ms", "memory at most, MiB"), told)


def kept(rows: list[Row], events: int) -> str:
    lines = []
    for _, face, result in rows:
        if "failed" in result:
            lines.append(f"- {face}: {result['failed']}")
        else:
            gained, total = result["gained"] / MIB, result["total"] / MIB
            lines.append(
                f"- {face}: the most that the process held grew by {gained:.2f} MiB"
                f" between event {events // 100:,} and event {events:,},"
                f" to {total:.1f} MiB."
            )
    return "\n".join(lines)


def odd(costs: list[Cost]) -> str:
    """Odd streams, beside the ordinary one, which is the first."""
    ordinary = costs[0]
    rows = [
        [
            cost.title,
            f"{cost.unheard * 1e3:.1f}",
            f"{cost.unheard / ordinary.unheard:.1f}",
            f"{cost.heard / ordinary.unheard:.1f}",
        ]
        for cost in costs
    ]
    head = ("nothing but", "ms for each MB", "times as long", "with `on_comment=`")
    return table(head, rows)


def idle(rows: list[Any]) -> str:
    told = []
    for client, face, streams, result in rows:
        if "failed" in result:
            told.append([NAMES[client], face, f"{streams:,}", result["failed"], "", ""])
            continue
        told.append(
            [
                NAMES[client],
                face,
                f"{streams:,}",
                f"{result['memory'] / 1024:.1f}",
                f"{result['opening'] * 1e3:.2f}",
                micro(result["cpu"]),
            ]
        )
    head = ("client", "face", "streams", "memory each, KiB")
    return table((*head, "CPU to open each, ms", "CPU each per idle second, µs"), told)


def storms(outcomes: list[storm.Outcome]) -> str:
    rows = []
    for outcome in outcomes:
        over = outcome.peak / outcome.mean
        waited = outcome.recovered
        ended = f"not within {storm.HORIZON_SECONDS - storm.DOWN_SECONDS:.0f} s"
        rows.append(
            [
                outcome.scenario.title,
                f"{outcome.peak:,}",
                f"{outcome.peak_when_back:,}",
                f"{outcome.mean:,.0f}",
                f"{over:.1f}",
                f"{sum(outcome.arrivals) / storm.SUBSCRIBERS:.1f}",
                ended if waited is None else f"after {waited:.0f} s",
            ]
        )
    head = ("policy", "peak per second", "peak once it is back", "mean per second")
    return table((*head, "peak ÷ mean", "attempts each", "99.9 % back"), rows)
