"""What happens in a member of a fleet, as it is logged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reconnecting_sse.core.lifecycle import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFact(Fact):
    """One fact of a member's, which is about no URL."""

    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(FleetFact):
    """One that an operator should know of."""

    @property
    def level(self) -> str:
        return "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(FleetFact):
    """The first beat: from now on the others count with this member.

    Attributes:
        member: Its name.
        feeds: How many feeds its file has.
    """

    name: ClassVar[str] = "fleet.joined"
    member: str
    feeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersChanged(FleetFact):
    """Members came or went; so many there are."""

    name: ClassVar[str] = "fleet.members"
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking(FleetFact):
    """A feed is to be served by this member from now on."""

    name: ClassVar[str] = "fleet.taking"
    durable_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shedding(FleetFact):
    """A feed is drained, and left to another."""

    name: ClassVar[str] = "fleet.shedding"
    durable_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLost(FleetFact):
    """Somebody else has taken a feed over: this member serves it no more."""

    name: ClassVar[str] = "fleet.lost"
    durable_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFailed(Warned):
    """A feed's worker ended with an error; another is begun after ``delay`` seconds.

    Attributes:
        cause: The error's type.
        error: What it says, if it is one of this package's; else its type again.
    """

    name: ClassVar[str] = "fleet.failed"
    durable_name: str
    cause: str
    error: str
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEnded(FleetFact):
    """A feed came to its end; it is asked for again after ``delay`` seconds."""

    name: ClassVar[str] = "fleet.ended"
    durable_name: str
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainedLate(Warned):
    """Handlers of a feed did not end in time: its claim runs out by itself."""

    name: ClassVar[str] = "fleet.late"
    durable_name: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePaused(Warned):
    """The store fails: nobody is taken from or given to until it is back."""

    name: ClassVar[str] = "fleet.paused"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreResumed(FleetFact):
    """The store is there again."""

    name: ClassVar[str] = "fleet.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cautious(Warned):
    """There was no beat for ``gap`` seconds: nothing is taken for two beats."""

    name: ClassVar[str] = "fleet.cautious"
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved(Warned):
    """So many feeds nobody has room for: raise a limit, or add a member."""

    name: ClassVar[str] = "fleet.unserved"
    feeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(FleetFact):
    """The last beat: the others count without this member."""

    name: ClassVar[str] = "fleet.left"
