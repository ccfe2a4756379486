"""The loop in progress: begun, advanced, broken off, and begun again.

An exception may come from outside at any point, a signal handler's or a cancellation:
then the connection and the loop are dropped, and a new loop goes on from the cursor.
Another may come while that is being done: it is done again before anybody goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.loop import subscription, tell
from reconnecting_sse.subscription import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Generator

    from reconnecting_sse.core.loop import Outcome, Step
    from reconnecting_sse.core.session import StreamSession
    from reconnecting_sse.subscription.effects import AsyncEffects, SyncEffects
    from reconnecting_sse.subscription.orders import Orders


class Pump:
    """Goes through the loop's steps, one reader after the other.

    Each step is handed out to be made, and is advanced from with what it came to.

    Attributes:
        is_under_way: Whether somebody goes through them, or was broken off in that, and
            the loop is not to be trusted. Whoever is done says so here.
    """

    __slots__ = (
        "_cause",
        "_clock",
        "_effects",
        "_loop",
        "_orders",
        "_session",
        "_step",
        "is_under_way",
    )

    def __init__(
        self,
        session: StreamSession,
        effects: SyncEffects | AsyncEffects,
        orders: Orders,
    ) -> None:
        self._session = session
        self._effects = effects
        self._orders = orders
        self._clock = clocks.CLOCK
        self._cause = "interruption"
        self.is_under_way: bool = False
        self._loop = self._begun()
        self._step: Step | None = next(self._loop, None)  # not yet made

    def _begun(self) -> Generator[Step, Outcome, None]:
        clock = self._clock
        return subscription(self._session, self._effects, clock.now, clock.wall)

    def resumed(self) -> Step | None:
        """The step at which the last reader left, or the one after his events."""
        if self.is_under_way:
            self.settle()
        self.is_under_way = True
        step, self._step = self._step, None
        return self.advanced(None) if step is None else step

    def advanced(self, outcome: Outcome) -> Step | None:
        """Tell the loop what came of its call; its next step, or None at the end."""
        # As ``are_due``, without another call for each chunk.
        if self._orders.stop is not None or self._orders.signal.is_due:
            outcome = self._orders.instead_of(outcome)
        if outcome is None:
            return next(self._loop, None)
        try:
            return self._loop.send(outcome)
        except StopIteration:
            return None

    def break_off(self, error: BaseException) -> None:
        """An exception came from outside: free the connection at once."""
        self._cause = type(error).__name__
        self.settle()

    def settle(self) -> None:
        """Begin again where a loop was broken off, or tell that it is over."""
        self.is_under_way = True
        self._effects.drop()
        stop = self._orders.stop
        if stop is None:
            now = self._clock.now()
            self._session.interrupted(self._cause, now, self._effects.sent)
        else:
            self._session.close(stop.reason)
        tell(self._session, self._effects)
        self._loop = self._begun()
        self._step = next(self._loop, None)
        self.is_under_way = False
