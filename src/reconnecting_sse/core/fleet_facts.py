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
class Joining(FleetFact):
    """The first beat comes: then the others count with this member.

    Attributes:
        member: Its name.
        feeds: How many feeds its file has.
    """

    name: ClassVar[str] = "fleet.joining"
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
