"""What a mark does to a claim's row in a table, in SQL with named values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import Beside

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Claim, Mark

MINE = "name = :name AND token = :token AND nonce = :nonce"
"""The row, where the claim stands."""


def key(claim: Claim) -> dict[str, Any]:
    """What a claim's statements name."""
    return {"name": claim.name, "token": claim.token, "nonce": claim.nonce}


def change(mark: Mark, now: str) -> str:
    """One statement, which changes a row if the claim stands and a position's ``seq``
    is new; empty if the mark changes nothing there.
    """
    if mark.position is not None:
        return (
            "UPDATE sse_positions SET position = :position, seq = :seq,"
            " starts = :starts, hand = :hand, begun = :begun,"
            f" committed_at = {now} WHERE {MINE} AND seq < :seq"
        )
    beside = mark.beside or Beside()
    changes = ["starts = starts + 1"] * beside.is_start
    changes += ["hand = :hand, begun = :begun"] * (beside.hand is not None)
    if not changes:
        return ""
    return f"UPDATE sse_positions SET {', '.join(changes)} WHERE {MINE}"


def values(claim: Claim, mark: Mark) -> dict[str, Any]:
    """What that statement names."""
    beside = mark.beside or Beside()
    return {
        **key(claim),
        "position": mark.position,
        "seq": mark.seq,
        "starts": 1 + beside.is_start,
        "hand": beside.hand if beside.begun else None,
        "begun": 0 if beside.hand is None else beside.begun,
    }
