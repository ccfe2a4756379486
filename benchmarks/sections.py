"""What is measured beside the matrix."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from benchmarks.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.processes import Clients, Result

MIB = 1024 * 1024
LARGE_MIB = 50
WAIT = 0.05
QUIET_MS = 20
"""How long an event is left alone before the drop."""

_PACED = (
    ("socket_alone", "sync"),
    ("ours", "sync"),
    ("launchdarkly", "sync"),
    ("httpx_sse", "sync"),
    ("socket_alone", "async"),
    ("ours", "async"),
    ("launchdarkly", "async"),
    ("httpx_sse", "async"),
)
_LARGE = (
    *(("ours", "sync"), ("launchdarkly", "sync"), ("httpx_sse", "sync")),
    *(("requests_sse", "sync"), ("sseclient_urllib3", "sync")),
    *(("ours", "async"), ("launchdarkly", "async"), ("httpx_sse", "async")),
    ("aiohttp_sse_client", "async"),
)
_DROPPED = (
    ("socket_alone", "sync"),
    *(("ours", "sync"), ("launchdarkly", "sync")),
    *(("ours", "async"), ("launchdarkly", "async")),
)

Row = tuple[str, str, "Result"]


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 50th and the 99th."""
    return median(seconds), quantiles(seconds, n=100, method="inclusive")[98]


def latency(clients: Clients, events: int, rounds: int) -> list[Row]:
    """From the server's write to the loop body, at 100 events a second."""
    with serving() as served:
        url = served.url(f"/paced/{events}")

        def measured(client: str, face: str) -> Result:
            return clients.run(
                client, "pace.latency", url=url, face=face, events=events
            )

        return _in_turn(_PACED, rounds, measured)


def _in_turn(
    pairs: Sequence[tuple[str, str]],
    rounds: int,
    measured: Callable[[str, str], Result],
) -> list[Row]:
    """All rounds of each pair of a client and a face."""
    gathered: dict[tuple[str, str], list[Result]] = {}
    for _ in range(rounds):
        for client, face in pairs:
            gathered.setdefault((client, face), []).append(measured(client, face))
    return [(client, face, _merged(all_)) for (client, face), all_ in gathered.items()]


def _merged(results: list[Result]) -> Result:
    failed = [result for result in results if "failed" in result]
    if failed:
        return failed[0]
    return {
        "seconds": [second for result in results for second in result["seconds"]],
        "cpu": min(result["cpu"] for result in results),
    }


def large(clients: Clients) -> list[Row]:
    """One event of 50 MiB."""
    rows = []
    with serving() as served:
        url = served.url(f"/large/{LARGE_MIB * MIB}")
        for client, face in _LARGE:
            options: dict[str, Any] = {"authority": None}
            if client == "ours":
                options["max_event_bytes"] = None
            result = clients.run(
                client, "reading.large", seconds=6, url=url, face=face, **options
            )
            rows.append((client, face, result))
    return rows


def memory(clients: Clients, events: int) -> list[Row]:
    """What is held after many events."""
    rows = []
    with serving() as served:
        url = served.url(f"/many/{events}")
        for face in ("sync", "async"):
            result = clients.run(
                "ours",
                "reading.memory",
                seconds=90,
                url=url,
                authority=None,
                face=face,
                events=events,
            )
            rows.append(("ours", face, result))
    return rows


def drops(clients: Clients, count: int, rounds: int) -> list[Row]:
    """From a drop to the next event, beyond the wait itself."""
    with serving() as served:
        url = served.url(f"/drop/{QUIET_MS}")

        def measured(client: str, face: str) -> Result:
            of: dict[str, Any] = {"url": url, "face": face, "events": count}
            if client == "socket_alone":
                return clients.run(client, "pace.bare_reconnects", **of)
            result = clients.run(client, "pace.drops", wait=WAIT, **of)
            if "seconds" in result:
                result["seconds"] = [each - WAIT for each in result["seconds"]]
            return result

        return _in_turn(_DROPPED, rounds, measured)


def idle(
    clients: Clients, counts: dict[str, list[int]], lasting: float
) -> list[tuple[str, str, int, Result]]:
    """Streams on which nothing happens, beside those of a bare library."""
    rows = []
    for face, numbers in counts.items():
        bare = "bare_urllib3" if face == "sync" else "bare_aiohttp"
        for streams in numbers:
            for client in ("ours", bare):
                with serving() as served:
                    result = clients.run(
                        client,
                        "idle.idle",
                        seconds=100,
                        url=served.url("/held"),
                        face=face,
                        authority=None,
                        streams=streams,
                        lasting=lasting,
                    )
                rows.append((client, face, streams, result))
    return rows
