"""What two revisions are compared by: each measure runs one, and tells some figures."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.cells import BY_NAME, EACH, MANY
from benchmarks.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.cells import Cell
    from benchmarks.processes import Clients, Result
    from benchmarks.serving import Served

    Measure = Callable[[Clients, Served], "Found"]

UNITS = {"µs": 1e-6, "ms": 1e-3, "KiB": 1024, "MiB": 1024 * 1024}
FACES = ("sync", "async")
CELLS = (EACH, MANY, BY_NAME["each-100-three-lf-tls"], BY_NAME["close-102400-three-lf"])
WHAT = {"ours": "whole path", "wire": "wire alone"}

PACED = 100
DROPS_AT_ONCE, DROPS_IN_QUIET, QUIET_MS, WAIT = 300, 20, 20, 0.01
READ = 50_000


class NotMeasured(Exception):
    """A measurement did not get to its end."""


@dataclass(frozen=True)
class Figure:
    """What a row of the table tells.

    Attributes:
        group: Which of the measures it is of.
        title: What was measured.
        unit: One of ``UNITS``; values are in seconds and bytes all the same.
    """

    group: str
    title: str
    unit: str

    def shown(self, value: float) -> str:
        return f"{value / UNITS[self.unit]:.2f}"


Found = dict[Figure, float]


def _ran(clients: Clients, client: str, task: str, **of: Any) -> Result:
    result = clients.run(client, task, **of)
    if "failed" in result:
        raise NotMeasured(result["failed"])
    return result


def stream(
    clients: Clients, served: Served, *, client: str, cell: Cell, face: str
) -> Found:
    """CPU for each event of a stream that comes as fast as it is read."""
    result = _ran(
        clients,
        client,
        "reading.cost",
        url=served.url(f"/cell/{cell.name}", tls=cell.tls),
        authority=served.authority if cell.tls else None,
        face=face,
        events=cell.events,
        data_bytes=len(cell.data().decode()),
        is_bytes=client == "wire",
    )
    group = f"{WHAT[client]}: CPU per event"
    return {Figure(group, f"{face}: {cell.title}", "µs"): result["cpu"]}


def paced(clients: Clients, served: Served, *, face: str) -> Found:
    """One event in ten milliseconds: what each costs, and how late it is."""
    url = served.url(f"/paced/{PACED}")
    result = _ran(clients, "ours", "pace.latency", url=url, face=face, events=PACED)
    group = "100 events a second"
    return {
        Figure(group, f"{face}: CPU per event", "µs"): result["cpu"],
        Figure(group, f"{face}: latency, p50", "µs"): median(result["seconds"]),
    }


def drops(clients: Clients, served: Served, *, face: str, quiet: bool) -> Found:
    """What a drop costs, and how long it takes until the next event."""
    wait = WAIT if quiet else 0.0
    result = _ran(
        clients,
        "ours",
        "pace.drops",
        url=served.url(f"/drop/{QUIET_MS if quiet else 0}"),
        face=face,
        events=DROPS_IN_QUIET if quiet else DROPS_AT_ONCE,
        wait=wait,
    )
    group = f"a drop after {QUIET_MS} ms" if quiet else "one drop after the other"
    late = median(result["seconds"]) - wait
    return {
        Figure(group, f"{face}: CPU", "µs"): result["cpu"],
        Figure(group, f"{face}: time to the next event, p50", "µs"): late,
    }


def idle(clients: Clients, _served: Served, *, streams: int, tls: bool) -> Found:
    """What an open stream holds on which nothing happens, and what opening it took.

    The server is one of its own: it keeps what it has opened.
    """
    with serving() as served:
        result = _ran(
            clients,
            "ours",
            "idle.idle",
            url=served.url("/held", tls=tls),
            authority=served.authority if tls else None,
            face="async",
            streams=streams,
            lasting=0.2,
        )
    group, wire = "an idle stream, async", "TLS" if tls else "plain"
    return {
        Figure(group, f"{wire}: memory", "KiB"): result["memory"],
        Figure(group, f"{wire}: CPU to open it", "µs"): result["opening"],
    }


def program(clients: Clients, served: Served, *, face: str) -> Found:
    """A program that does nothing else, from its start on."""
    words = (face, served.url(f"/many/{READ}"), str(READ))
    done = subprocess.run(  # noqa: S603  (our own module)
        [clients.python, "-m", "benchmarks.fresh", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(done.stderr.strip().rpartition("\n")[2])
    result = json.loads(done.stdout)
    group = "a program"
    return {
        Figure(group, "import of both transports", "ms"): result["wall"],
        Figure(group, "import of both transports, CPU", "ms"): result["cpu"],
        Figure(group, "memory once imported", "MiB"): result["imported"],
        Figure(group, f"memory after {READ:,} events, {face}", "MiB"): result["read"],
    }


def _all() -> Iterator[tuple[str, Measure]]:
    for client in ("ours", "wire"):
        for cell in CELLS:
            for face in FACES:
                name = f"{WHAT[client]} {face} {cell.name}"
                yield name, partial(stream, client=client, cell=cell, face=face)
    for face in FACES:
        yield f"paced {face}", partial(paced, face=face)
    for quiet in (False, True):
        for face in FACES:
            name = f"drops {face} {'quiet' if quiet else 'loop'}"
            yield name, partial(drops, face=face, quiet=quiet)
    yield "idle plain", partial(idle, streams=500, tls=False)
    yield "idle tls", partial(idle, streams=200, tls=True)
    for face in FACES:
        yield f"program {face}", partial(program, face=face)


MEASURES = dict(_all())
