"""A worker's metrics for Prometheus: its health, in numbers (extra ``prometheus``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reconnecting_sse.core.health import Health

    Healths = Callable[[], Sequence[Health]]
    Reading = Callable[[Health], float | None]

_GAUGES: tuple[tuple[str, str, Reading], ...] = (
    (
        "sse_worker_live",
        "Whether it can go on by itself (1), or has to be restarted (0).",
        lambda health: health.is_live,
    ),
    (
        "sse_worker_ready",
        "Whether it does its work, or stands by for whoever does.",
        lambda health: health.is_ready,
    ),
    (
        "sse_worker_owner",
        "Whether the claim on the durable name is this worker's.",
        lambda health: health.is_owner,
    ),
    (
        "sse_worker_position_age_seconds",
        "Seconds since the position moved; absent before it did.",
        lambda health: health.position_age,
    ),
    (
        "sse_worker_uncommitted_events",
        "Events that were handed over and that the store does not have.",
        lambda health: health.uncommitted,
    ),
    (
        "sse_worker_in_hand_events",
        "Events that wait for a handler or are being handled.",
        lambda health: health.in_hand,
    ),
    (
        "sse_worker_oldest_in_hand_seconds",
        "Seconds since the oldest event that is being handled was begun.",
        lambda health: health.oldest_in_hand,
    ),
    (
        "sse_worker_last_byte_age_seconds",
        "Seconds since bytes came, of heartbeats too.",
        lambda health: health.last_byte_age,
    ),
    (
        "sse_worker_store_failing_seconds",
        "Seconds since the store fails; absent while it does not.",
        lambda health: health.store_failing_for,
    ),
)
_COUNTERS: tuple[tuple[str, str, Reading], ...] = (
    (
        "sse_worker_events",
        "Events that were handed over.",
        lambda health: health.events,
    ),
    (
        "sse_worker_dead_letters",
        "Events that were put aside as dead letters.",
        lambda health: health.dead_letters,
    ),
)


class HealthCollector(Collector):
    """Reads all healths whenever it is collected; register it where you like.

    Args:
        healths: Gives the healths of all workers, ``lambda: [worker.health()]``.
    """

    def __init__(self, healths: Healths) -> None:
        self._healths = healths

    def collect(self) -> Iterator[Any]:
        """All families; each sample is labelled by the durable name."""
        healths = self._healths()
        for name, about, read in _GAUGES:
            gauge = GaugeMetricFamily(name, about, labels=["name"])
            yield _filled(gauge, healths, read)
        for name, about, read in _COUNTERS:
            counter = CounterMetricFamily(name, about, labels=["name"])
            yield _filled(counter, healths, read)
        yield _reconnects(healths)

    def describe(self) -> Iterable[Any]:
        """Nothing: what there is does not have to be read to be registered."""
        return ()


def _filled(family: Any, healths: Sequence[Health], read: Reading) -> Any:
    for health in healths:
        value = read(health)
        if value is not None:
            family.add_metric([health.name], float(value))
    return family


def _reconnects(healths: Sequence[Health]) -> Any:
    family = CounterMetricFamily(
        "sse_worker_reconnects",
        "Ends of a connection, or of the attempt to make one, that another followed.",
        labels=["name", "cause"],
    )
    for health in healths:
        for cause, count in health.reconnects.items():
            family.add_metric([health.name, cause], count)
    return family


def exposition_of(healths: Healths) -> Callable[[], tuple[int, str, bytes]]:
    """Gives all metrics in Prometheus' text format, as an answer."""
    registry = CollectorRegistry()
    registry.register(HealthCollector(healths))
    return lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry))
