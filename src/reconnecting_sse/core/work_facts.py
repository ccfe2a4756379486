"""What happens in a worker, as it is logged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from reconnecting_sse.core.lifecycle import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class _WorkFact(Fact):
    """One fact of a worker's.

    Attributes:
        durable_name: The name of its subscription.
    """

    durable_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(_WorkFact):
    """The handler failed, and is tried again ``delay`` seconds from now.

    Attributes:
        key: Which event it is.
        attempt: How often it was tried.
        cause: The error's type.
    """

    name: ClassVar[str] = "worker.retrying"
    key: str
    attempt: int
    delay: float
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried(_WorkFact):
    """An event was put aside as a dead letter, and the feed goes on."""

    name: ClassVar[str] = "worker.dead_letter"
    key: str
    attempts: int
    cause: str

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Careful(_WorkFact):
    """The last life ended before its events did: events are taken one by one.

    Attributes:
        starts: How many lives have begun since the position moved.
        hand: The event that the last one had in hand.
        begun: How often that was begun.
    """

    name: ClassVar[str] = "worker.careful"
    starts: int
    hand: str | None = None
    begun: int = 0

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying(_WorkFact):
    """A dead letter is handed over once more."""

    name: ClassVar[str] = "worker.replaying"
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling(_WorkFact):
    """A gap is filled: live events wait."""

    name: ClassVar[str] = "worker.filling"
    position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(_WorkFact):
    """A gap was filled, with so many events."""

    name: ClassVar[str] = "worker.filled"
    position: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining(_WorkFact):
    """The worker is to stop: what was begun is finished.

    Attributes:
        begun: How many events that are.
        dropped: How many wait, and come again in the next life.
    """

    name: ClassVar[str] = "worker.draining"
    begun: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained(_WorkFact):
    """All that was begun is finished.

    Attributes:
        left: How many events were given up between two attempts: they come again.
    """

    name: ClassVar[str] = "worker.drained"
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_WorkFact):
    """One of several workers ended with an error; the others go on.

    Attributes:
        cause: The error's type.
        error: What it says, if it is one of this package's.
        delay: Another worker is begun so many seconds from now; None: none is.
    """

    name: ClassVar[str] = "worker.failed"
    cause: str
    error: str | None = None
    delay: float | None = None

    @property
    def level(self) -> str:
        return "warning"


WorkFact: TypeAlias = (
    Retrying
    | Buried
    | Careful
    | Replaying
    | Filling
    | Filled
    | Draining
    | Drained
    | Failed
)
"""Any of them."""
