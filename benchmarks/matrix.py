"""Runs every client on every stream, in turn, round after round."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.cells import MATRIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cells import Cell
    from benchmarks.processes import Clients
    from benchmarks.serving import Served

OURS = "ours"
FASTEST_KNOWN = "launchdarkly"
FLOORS = ("wire", "socket_alone")
PEERS = {
    "sync": (
        FASTEST_KNOWN,
        "httpx_sse",
        "requests_sse",
        "sseclient_urllib3",
        "sseclient_requests",
    ),
    "async": (FASTEST_KNOWN, "httpx_sse", "aiohttp_sse_client"),
}
# In every round; the others, which are slow and far away, in the first two.
IN_EVERY_ROUND = (OURS, FASTEST_KNOWN)
ROUNDS_OF_OTHERS = 2

Key = tuple[str, str, str]


@dataclass
class Matrix:
    """CPU seconds per event, by stream, face and client."""

    cpu: dict[Key, list[float]] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)

    def best(self, cell: Cell, face: str, client: str) -> float | None:
        """The fastest round."""
        return min(self.cpu.get((cell.name, face, client), []), default=None)

    def rounds(self, cell: Cell, face: str, client: str) -> list[float]:
        return self.cpu.get((cell.name, face, client), [])

    def fastest_peer(self, cell: Cell, face: str) -> tuple[str, float]:
        """The peer with the best round of all, and that round."""
        found = [(self.best(cell, face, peer), peer) for peer in PEERS[face]]
        best, peer = min((best, peer) for best, peer in found if best is not None)
        return peer, best

    def ratio(self, cell: Cell, face: str, client: str) -> float | None:
        """How many times as long as ours the client takes; best round by best."""
        own, others = self.best(cell, face, OURS), self.best(cell, face, client)
        return None if own is None or others is None else others / own

    def ratios(self, cell: Cell, face: str, client: str) -> list[float]:
        """The same, round by round."""
        own, others = (self.rounds(cell, face, name) for name in (OURS, client))
        return [other / mine for mine, other in zip(own, others, strict=False)]


def middle(values: Sequence[float]) -> str:
    """The median and the extremes."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def run(clients: Clients, served: Served, *, rounds: int | None = None) -> Matrix:
    """The whole matrix; ``rounds`` caps the rounds of each stream."""
    matrix = Matrix()
    most = max(cell.rounds for cell in MATRIX)
    for number in range(min(most, rounds or most)):
        for cell in MATRIX:
            if number < cell.rounds:
                _run_round(matrix, clients, served, cell, number)
        print(f"  round {number + 1} done", flush=True)
    return matrix


def _run_round(
    matrix: Matrix, clients: Clients, served: Served, cell: Cell, number: int
) -> None:
    for face, peers in PEERS.items():
        for client in (OURS, *peers, *FLOORS):
            key = (cell.name, face, client)
            is_due = number < ROUNDS_OF_OTHERS or client in IN_EVERY_ROUND
            if not is_due or key in matrix.failed:
                continue
            result = clients.run(
                client,
                "reading.cost",
                url=served.url(f"/cell/{cell.name}", tls=cell.tls),
                authority=served.authority if cell.tls else None,
                face=face,
                events=cell.events,
                data_bytes=len(cell.data().decode()),
                is_bytes=client in FLOORS,
            )
            if "failed" in result:
                matrix.failed[key] = result["failed"]
            else:
                matrix.cpu.setdefault(key, []).append(result["cpu"])
