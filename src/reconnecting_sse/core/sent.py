"""What was sent, and whether a server has acted on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

_NOT_IDEMPOTENT = frozenset({"POST", "PATCH"})


class Acted(Enum):
    """Whether a server has done what it was asked for.

    ``NO``: no server can have seen the request. ``YES``: one has, whatever was asked of
    it, or of another, afterwards.
    """

    NO = auto()
    MAYBE = auto()
    YES = auto()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, as far as it matters for sending it again."""

    method: str
    acted: Acted = Acted.NO


def is_idempotent(method: str) -> bool:
    """Whether twice is as good as once (RFC 9110, section 9.2.2)."""
    return method.upper() not in _NOT_IDEMPOTENT
