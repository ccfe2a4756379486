"""The facts of a subscription's life, as they are logged and as listeners get them.

Each is a frozen value; its ``name`` is the log event's, its fields are the keywords.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from reconnecting_sse.core.errors import shortened

if TYPE_CHECKING:
    from reconnecting_sse.core.errors import StreamError

ID_LIMIT = 200
"""How many characters of an ID, or of what else is not ours, a line of the log has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact; its fields are the log event's keywords."""

    name: ClassVar[str]
    url: str

    @property
    def level(self) -> str:
        """The log event's."""
        return "info"

    def keywords(self) -> dict[str, Any]:
        """The fields that say something."""
        values = ((f, getattr(self, f.name)) for f in fields(self))
        return {f.name: _shown(f.name, v) for f, v in values if v != f.default}


def _shown(name: str, value: Any) -> Any:
    """A field's value for a line of the log: a server's ID may be of megabytes."""
    is_id = isinstance(value, str) and name not in ("url", "error")
    return shortened(value, ID_LIMIT) if is_id else value


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known before an attempt.

    Attributes:
        number: Since the last progress, from 1.
        last_event_id: The ID to resume after, or an empty string.
        error: What ended the attempt or connection before it; None at first.
    """

    number: int
    last_event_id: str
    error: StreamError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting(Fact):
    """An attempt begins."""

    name: ClassVar[str] = "stream.connecting"
    attempt: int
    last_event_id: str

    @property
    def level(self) -> str:
        return "debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Fact):
    """The server answered with an event stream."""

    name: ClassVar[str] = "stream.open"
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Fact):
    """A connection, or the attempt to make one, came to an end; another follows.

    Attributes:
        unfinished_bytes: How many bytes of an unfinished event were discarded with it.
        goes_on: For how long attempts are made. Said, in a warning, where no stream was
            ever open: with the first failure, and whenever the time has doubled.
    """

    name: ClassVar[str] = "stream.dropped"
    cause: str
    error: str | None = None
    status: int | None = None
    unfinished_bytes: int = 0
    goes_on: str | None = None

    @property
    def level(self) -> str:
        return "info" if self.goes_on is None else "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Fact):
    """The next attempt is ``delay`` seconds away."""

    name: ClassVar[str] = "stream.waiting"
    delay: float
    attempt: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Fact):
    """The stream is open again, ``downtime`` seconds after it was lost."""

    name: ClassVar[str] = "stream.recovered"
    attempts: int
    downtime: float
    last_event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Fact):
    """Events may have been missed between what was asked for and what came.

    Attributes:
        reason: How that is known.
        asked_for: The last event ID that the server was to resume after.
        resumed_after: The position that the response names, where it does.
    """

    name: ClassVar[str] = "stream.gap"
    reason: str
    asked_for: str
    resumed_after: str | None = None

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingBy(Fact):
    """Somebody else's lease on the durable name runs: nothing is requested meanwhile.

    Attributes:
        durable_name: The name.
        owner: Who holds it, as he calls himself.
    """

    name: ClassVar[str] = "store.standby"
    durable_name: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Fact):
    """The durable name is claimed: it goes on from the committed position.

    Attributes:
        durable_name: The name.
        token: The claim's.
        position: What was committed, or None.
        takeovers: How many claims of the last minute took the name from an owner that
            had not released it.
        advice: What to do about that, where there are many.
    """

    name: ClassVar[str] = "store.claimed"
    durable_name: str
    token: int
    position: str | None = None
    takeovers: int = 0
    advice: str | None = None

    @property
    def level(self) -> str:
        return "info" if self.advice is None else "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Fact):
    """No event is handed over until the store can be reached again.

    Attributes:
        durable_name: The name.
        error: What it failed with.
        uncommitted: How many events and moves of the position it does not have.
    """

    name: ClassVar[str] = "store.paused"
    durable_name: str
    error: str
    uncommitted: int = 0

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Fact):
    """The store is there again, the claim stands, and events are handed over."""

    name: ClassVar[str] = "store.resumed"
    durable_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced(Fact):
    """An event in a transaction has no position of its own: said of the first one.

    It comes again with the event whose position it shares, and so do its effects.

    Attributes:
        durable_name: The name.
        position: The one that it shares.
    """

    name: ClassVar[str] = "store.unplaced"
    durable_name: str
    position: str

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Fact):
    """The subscription is over.

    Attributes:
        status: That of the answer, where one ended it.
        unfinished_bytes: As those of ``Dropped``.
    """

    name: ClassVar[str] = "stream.closed"
    reason: str
    error: str | None = None
    status: int | None = None
    unfinished_bytes: int = 0


Lifecycle: TypeAlias = (
    Connecting
    | Opened
    | Dropped
    | Waiting
    | Recovered
    | Gap
    | StandingBy
    | Claimed
    | Paused
    | Resumed
    | Unplaced
    | Closed
)
"""Any of the facts; there are no others, so that a ``match`` can be exhaustive."""
