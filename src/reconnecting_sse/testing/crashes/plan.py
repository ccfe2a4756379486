"""What is tried: the caller's handler, and feeds for it that differ in each try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.core.commits import CommitPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from reconnecting_sse.stores.store import Store


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The caller's keywords, as ``crash_points`` explains them."""

    name: str
    handler: Callable[..., Any]
    store: Callable[[], Store]
    effects: Callable[[], Iterable[Any]]
    events: int
    event: Callable[[int], ServerSentEvent]
    key: Callable[[ServerSentEvent], object]
    effects_per_event: int
    loop: bool
    files: Collection[str]
    boundaries: int
    seconds: float
    commits: CommitPolicy | None
    worker: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in ("events", "effects_per_event", "boundaries"):
            count = getattr(self, name)
            if not count >= 1:
                raise ValueError(f"{name}= is a number, from 1, not {count!r}")

    @property
    def is_async(self) -> bool:
        """Which face it is for."""
        return is_coroutine_function(self.handler)

    def trial(self, number: int, token: str) -> Trial:
        """One try, with a name and events that no other has."""
        first = number * self.events + 1
        events = [self.event(n) for n in range(first, first + self.events)]
        return Trial(self, f"crash-points-{token}-{number}", events)

    @property
    def policy(self) -> CommitPolicy:
        """Each event is committed as early as can be, unless the caller says when."""
        if self.commits is not None:
            return self.commits
        comes_alone = not (self.loop or self.worker.get("batch"))
        return CommitPolicy(every=1 if comes_alone else None, interval=0.002)


@dataclass(frozen=True)
class Trial:
    """A durable name, and its feed; it may live several times."""

    plan: Plan
    durable_name: str
    events: Sequence[ServerSentEvent]
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, event in enumerate(self.events, 1):
            self.names[event.id] = f"event {number}"
        if len(self.names) < len(self.events) or "" in self.names:
            raise ValueError("event= gives each number an event with an ID of its own")

    def name_of(self, event_id: str) -> str:
        """What an event is called in every trial."""
        return self.names.get(event_id, "")


def numbered(n: int) -> ServerSentEvent:
    """An event, where the caller does not care."""
    return ServerSentEvent(data=f'{{"n": {n}}}', id=str(n))
