"""What of a worker is looked at, so that one can say how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.health import Health
from reconnecting_sse.core.lifecycle import Claimed, Closed, Dropped, Opened
from reconnecting_sse.subscription import clock as clocks

if TYPE_CHECKING:
    from reconnecting_sse.core.lifecycle import Lifecycle
    from reconnecting_sse.source import ReconnectingEventSource
    from reconnecting_sse.subscription.durable import DurableSubscription
    from reconnecting_sse.workers.desk import Desk


_ENDS = (Dropped, Closed)

ANSWER_SECONDS = 1.0
"""How long a store may take over one call, before it counts as failing."""


class Watch:
    """Knows since when things are as they are; asked from any thread.

    Attributes:
        turned_at: When the event loop last turned; None while it is none of the run's.
    """

    def __init__(
        self,
        source: ReconnectingEventSource,
        subscription: DurableSubscription,
        stalled_after: float,
    ) -> None:
        self._source = source
        self._holding = subscription.holding
        self._stalled_after = stalled_after
        self._clock = clocks.CLOCK
        self._session = subscription.session
        self._not_open_since: float | None = self._clock.now()
        self.turned_at: float | None = None
        subscription.effects.listen(self._hear)

    def _hear(self, fact: Lifecycle) -> None:
        is_open = self._not_open_since is None
        if isinstance(fact, Opened):
            self._not_open_since = None
        elif isinstance(fact, Claimed) or (is_open and isinstance(fact, _ENDS)):
            self._not_open_since = self._clock.now()

    def health(self, desk: Desk | None) -> Health:
        """How it is; before the run there is no desk."""
        source, holding, now = self._source, self._holding, self._clock.now()
        stats, claim = source.stats, holding.claim
        ledger = holding.ledger
        begun = [] if desk is None else [each.begun_at for each in desk.begun]
        position = source.position
        if isinstance(ledger, WorkLedger):
            position = ledger.position
        return Health(
            name=holding.durability.name,
            state=source.state,
            is_owner=self._is_owner,
            token=None if claim is None else claim.token,
            position=position,
            position_age=None if desk is None else _since(desk.moved_at, now),
            events=stats.events,
            uncommitted=0 if ledger is None else ledger.uncommitted,
            in_hand=0 if desk is None else desk.in_hand,
            oldest_in_hand=_since(min(begun, default=None), now),
            last_byte_age=stats.last_byte_age,
            silent_for=self._session.silence(now),
            normal_silence=stats.normal_silence,
            not_open_for=_since(self._not_open_since, now),
            store_failing_for=_since(self._failing_since(now), now),
            loop_age=_since(self.turned_at, now),
            stalled_after=self._stalled_after,
            reconnects=stats.reconnects,
            dead_letters=0 if desk is None else desk.buried,
        )

    @property
    def _is_owner(self) -> bool:
        holding = self._holding
        is_held = holding.claim is not None and not holding.is_over
        return is_held and holding.stands(self._clock)

    def _failing_since(self, now: float) -> float | None:
        """When the store began to fail, or to keep a call waiting for too long."""
        trouble, asked = self._holding.trouble_since, self._holding.asked_since()
        if trouble is None and asked is not None and now - asked >= ANSWER_SECONDS:
            return asked
        return trouble


def _since(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(0.0, now - moment)
