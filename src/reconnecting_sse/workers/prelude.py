"""What a worker says in the store before its first event, and after its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.care import Care
from reconnecting_sse.core.claims import Beside, Mark
from reconnecting_sse.core.work_facts import Careful
from reconnecting_sse.subscription.errands import Errand
from reconnecting_sse.workers.recording import came_of, recorded

if TYPE_CHECKING:
    from reconnecting_sse.workers.desk import Desk
    from reconnecting_sse.workers.recording import Steps


def begun(desk: Desk) -> Steps:
    """Before the first event: hear what the last life has left, and say one begins."""
    claim = desk.holding.claim
    assert claim is not None
    recall = Errand("recall")
    yield recall
    recalled = came_of(recall)
    yield from recorded(Mark(0, None, Beside(is_start=True)))
    with desk.holding.lock:
        desk.ledger.remember(recalled)
    care = Care(
        claim,
        max_deliveries=desk.options.max_deliveries,
        events=desk.holding.durability.commits.max_uncommitted,
    )
    if care.is_due:
        desk.teller.tell(
            Careful, starts=claim.starts + 1, hand=claim.hand, begun=claim.begun
        )
    desk.care = care
    desk.ring()


def first(desk: Desk) -> Steps:
    """The same, for a reader: unless a dead letter came before its first event."""
    if desk.may_begin():
        yield from begun(desk)
    while desk.care is None and not desk.is_over:
        yield None


def put_down(desk: Desk) -> Steps:
    """At an end that is no crash: what is in hand still was not begun this time."""
    if desk.care is not None and desk.care.in_hand is not None:
        key, begun_before = desk.care.in_hand
        yield from recorded(Mark(0, None, Beside(hand=key, begun=begun_before)))
