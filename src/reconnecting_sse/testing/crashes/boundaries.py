"""Boundaries between two effects: how they are named, and dying at one."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.stores.store import Store


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place between two effects, as any life of the same handler finds it.

    Attributes:
        place: Where, in words.
        event: With which event, or events, in hand; empty where that is none.
        turn: Which time it is that a life comes there with it, from 1.
        after: The line that ran last, which may be another in another life.
    """

    place: str
    event: str = ""
    turn: int = 1
    after: str = field(default="", compare=False)

    def __str__(self) -> str:
        named = f"{self.event}, {self.place}" if self.event else self.place
        more = [f"time {self.turn}"] * (self.turn > 1)
        more += [f"after {self.after}"] * bool(self.after)
        return f"{named} ({', '.join(more)})" if more else named


class Boundaries:
    """Those that a life has come to, in order; it dies at one. Thread-safe.

    Attributes:
        passed: All so far.
    """

    def __init__(self, deadly: Boundary | None = None) -> None:
        self.passed: list[Boundary] = []
        self._deadly = deadly
        self._turns: Counter[tuple[str, str]] = Counter()
        self._line = ""
        self._lock = threading.Lock()

    def reach_line(self, line: str, text: str, event: str) -> None:
        """A line is about to run."""
        self._line = ""
        self.reach(f"before {line}: {text}" if text else f"before {line}", event)
        self._line = line

    def reach(self, place: str, event: str = "") -> None:
        """A life has come there."""
        with self._lock:
            self._turns[place, event] += 1
            turn = self._turns[place, event]
            here = Boundary(place, event, turn, self._line)
            self.passed.append(here)
        if here == self._deadly:
            # Nothing may be flushed, closed or told: as if the power had failed.
            os.kill(os.getpid(), signal.SIGKILL)


def chosen(boundaries: Sequence[Boundary], budget: int) -> list[Boundary]:
    """So many at most, in order: each place once, before any comes twice."""
    seen: Counter[str] = Counter()
    ranks = []
    for number, boundary in enumerate(boundaries):
        ranks.append((seen[boundary.place], number))
        seen[boundary.place] += 1
    return [
        boundaries[number] for _, number in sorted(sorted(ranks)[:budget], key=_own)
    ]


def _own(rank: tuple[int, int]) -> int:
    return rank[1]


# The calls that change what is in a store, but for those that come by the clock.
_CALLS = {
    "claim": "claim",
    "commit": "commit",
    "begin": "begin of a transaction",
    "end": "commit of a transaction",
    "abort": "rollback of a transaction",
    "recover": "recovery of a transaction in doubt",
    "release": "release",
}


class BoundedStore:
    """A store whose calls are between two boundaries each.

    Args:
        store: Whose calls they are.
        reach: Called with a place and an event's name.
        name_of: The name of the event whose position it is.
    """

    def __init__(
        self,
        store: Store,
        reach: Callable[[str, str], object],
        name_of: Callable[[str], str],
    ) -> None:
        self._store = store
        self._reach = reach
        self._name_of = name_of
        self.is_async: bool = store.is_async
        self.is_exclusive: bool = store.is_exclusive

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in _CALLS:
            return method
        words = f"the {_CALLS[name]}"

        def call(*args: Any) -> Any:
            event = self._event_of(args)
            self._reach(f"before {words}", event)
            result = method(*args)
            self._reach(f"after {words}", event)
            return result

        async def acall(*args: Any) -> Any:
            event = self._event_of(args)
            self._reach(f"before {words}", event)
            result = await method(*args)
            self._reach(f"after {words}", event)
            return result

        return acall if self.is_async else call

    def _event_of(self, args: tuple[Any, ...]) -> str:
        """Of the mark that is recorded: ``commit`` has it in a list, ``end`` last."""
        last = args[-1]
        mark = last[0][1] if isinstance(last, list) else last
        return self._name_of(getattr(mark, "position", None) or "")
