"""Whom a keeper serves: when what is due for each, and how it stands with its claim."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.errors import ClaimLost, StoreUnavailable

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Claim
    from reconnecting_sse.subscription.holding import Holding


@dataclass(eq=False, slots=True)
class Duty:
    """When what is due for a holding.

    Attributes:
        turn: The number of its last transaction that shut out all others.
    """

    holding: Holding
    turn: int = 0
    claim_at: float = 0.0
    renew_at: float = 0.0
    commit_at: float = 0.0
    replay_at: float = inf


def fail(holding: Holding, outcome: Any) -> None:
    """End a holding by an error that no other try would mend."""
    if isinstance(outcome, ClaimLost):
        holding.lose()
    elif isinstance(outcome, BaseException) and not isinstance(
        outcome, StoreUnavailable
    ):
        holding.end(outcome)


def standing(duties: Any, claims: Any, outcome: Any) -> list[Duty]:
    """Those whose claims stand; the others are told."""
    if isinstance(outcome, BaseException):
        for duty in duties:
            fail(duty.holding, outcome)
        return []
    lost = [
        duty for duty, claim in zip(duties, claims, strict=True) if claim in outcome
    ]
    for duty in lost:
        duty.holding.lose()
    return [duty for duty in duties if duty not in lost]


def claim_of(holding: Holding) -> Claim:
    assert holding.claim is not None
    return holding.claim


def is_left(holding: Holding) -> bool:
    """Whether nobody will want anything more of it."""
    if holding.is_forsaken:
        return not holding.is_kept
    return holding.is_leaving


def is_urgent(holding: Holding) -> bool:
    return holding.wants_commit or holding.is_leaving


def is_uncommitted(holding: Holding) -> bool:
    """Whether something is done that the store does not have, and may still get."""
    is_over = holding.error is not None or holding.is_forsaken
    return not is_over and holding.mark() is not None
