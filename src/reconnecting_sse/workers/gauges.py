"""How workers are, for OpenTelemetry: gauges that all of a process have in common.

A meter has one instrument of a name: the callbacks of a second one are never called.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import MeterProvider

    from reconnecting_sse.core.health import Health

    Reading = Callable[[Health], float | None]

SCOPE = "reconnecting_sse"

_GAUGES: tuple[tuple[str, str, str, Reading], ...] = (
    (
        "sse.worker.position.age",
        "s",
        "Time since the position moved.",
        lambda health: health.position_age,
    ),
    (
        "sse.worker.uncommitted_events",
        "{event}",
        "Events that were handed over and that the store does not have.",
        lambda health: health.uncommitted,
    ),
    (
        "sse.worker.last_byte.age",
        "s",
        "Time since bytes came, of heartbeats too.",
        lambda health: health.last_byte_age,
    ),
    (
        "sse.worker.owner",
        "1",
        "Whether the claim on the durable name is this worker's.",
        lambda health: int(health.is_owner),
    ),
)


class Observed(Protocol):
    """A worker.

    Attributes:
        about: What its values are told with.
        health: Gives them.
    """

    about: Mapping[str, Any]
    health: Callable[[], Health]


class Gauges:
    """Tell of the workers that run, whenever somebody collects."""

    def __init__(self, provider: MeterProvider | None) -> None:
        self._running: WeakSet[Observed] = WeakSet()
        self._lock = threading.Lock()
        meter = metrics.get_meter(SCOPE, meter_provider=provider)
        for name, unit, about, read in _GAUGES:
            callback: Any = partial(self._observe, read)
            meter.create_observable_gauge(name, [callback], unit, about)

    def add(self, worker: Observed) -> None:
        """It runs."""
        with self._lock:
            self._running.add(worker)

    def remove(self, worker: Observed) -> None:
        """It does not run any more: what it said last would be said for ever."""
        with self._lock:
            self._running.discard(worker)

    def _observe(self, read: Reading, _options: object) -> Iterable[Observation]:
        with self._lock:
            running = list(self._running)
        values = [(worker, read(worker.health())) for worker in running]
        return [Observation(v, worker.about) for worker, v in values if v is not None]


_of_provider: WeakKeyDictionary[MeterProvider, Gauges] = WeakKeyDictionary()
_of_all: list[Gauges] = []  # those of the global provider, which may be set later
_lock = threading.Lock()


def gauges_of(provider: MeterProvider | None) -> Gauges:
    """Those of a provider, or of the global one."""
    with _lock:
        if provider is None:
            if not _of_all:
                _of_all.append(Gauges(None))
            return _of_all[0]
        found = _of_provider.get(provider)
        if found is None:
            found = _of_provider[provider] = Gauges(provider)
        return found
