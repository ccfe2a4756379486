"""A worker's run: what its faces have in common, most of which is its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.errors import DrainTimeout
from reconnecting_sse.core.lifecycle import Gap
from reconnecting_sse.core.work_facts import Drained, Draining
from reconnecting_sse.source import subscription_of
from reconnecting_sse.subscription.durable import DurableSubscription
from reconnecting_sse.workers import prelude
from reconnecting_sse.workers.desk import Desk
from reconnecting_sse.workers.recording import recorded
from reconnecting_sse.workers.telling import Teller

if TYPE_CHECKING:
    from reconnecting_sse.core.lifecycle import Lifecycle
    from reconnecting_sse.source import ReconnectingEventSource
    from reconnecting_sse.workers.options import WorkOptions
    from reconnecting_sse.workers.recording import Steps
    from reconnecting_sse.workers.steps import AsyncSteps, SyncSteps
    from reconnecting_sse.workers.watching import Watch


def durable_of(source: ReconnectingEventSource) -> DurableSubscription:
    """What a worker works on.

    Raises:
        TypeError: The source keeps no position.
    """
    subscription = subscription_of(source)
    if not isinstance(subscription, DurableSubscription):
        raise TypeError(
            "a worker keeps its position: give its source store= and name= (a"
            " MemoryStore() where it need not outlive the process)"
        )
    return subscription


class Run(ABC):
    """What the faces have in common."""

    _steps: SyncSteps | AsyncSteps  # the reader's

    def __init__(
        self, source: ReconnectingEventSource, options: WorkOptions, watch: Watch
    ) -> None:
        self._source = source
        self._watch = watch
        self._options = options
        self._subscription = durable_of(source)
        self._holding = holding = self._subscription.holding
        if holding.ledger is not None or holding.ledger_of is not None:
            raise RuntimeError("this source was read before: a worker wants a new one")
        self._custody = self._subscription.custody
        effects = self._subscription.effects
        teller = Teller(effects.logger, effects.url, holding.durability.name)
        self.desk: Desk = Desk(options, holding, teller)
        self.desk.halt, self.desk.wake = source.close, self._custody.wake
        holding.is_kept = True
        holding.ledger_of = partial(WorkLedger, deduplicate=options.deduplicate)
        holding.hear_replays = self.desk.replay
        holding.bells.append(self.desk.ring)
        if options.deduplicate:
            self._subscription.session.identify()
        if options.on_gap is not None:
            self._subscription.session.watch_gaps()
            effects.listen(self._hear)

    def stop(self) -> None:
        """Begin nothing more; from any thread or signal handler."""
        self.desk.is_stopping = True
        self._source.close()
        self._steps.ring()

    def _hear(self, fact: Lifecycle) -> None:
        """A gap is filled by what its hook gives, or by what that returns."""
        if isinstance(fact, Gap):
            assert self._options.on_gap is not None
            events = self._options.on_gap(fact)
            if events is not None:
                self._fill(events)

    @abstractmethod
    def _fill(self, events: Any) -> None:
        """Have these events handled before the feed goes on."""

    # ------------------------------------------------------------------ the end

    def _end(self) -> None:
        """Nothing more comes; and nothing more is begun, if it is to stop."""
        desk = self.desk
        dropped = desk.end()
        if desk.is_over:
            desk.teller.tell(Draining, begun=len(desk.begun), dropped=dropped)

    def _is_waited_for(self, deadline: float) -> bool:
        """Whether something is at hand still, and there is time for it."""
        error = self._holding.error
        if error is not None and self.desk.error is None:
            self.desk.fail(error)
        return not self.desk.is_clear and self.desk.clock.now() < deadline

    def _tell_of_drain(self) -> DrainTimeout | None:
        """That all is finished; the error that it is not."""
        begun, name = self.desk.begun, self._holding.durability.name
        if not begun:
            self.desk.teller.tell(Drained, left=self.desk.left)
            return None
        keys = ", ".join(repr(delivery.key) for delivery in begun[:10])
        return DrainTimeout(
            f"handlers of {name!r} did not end within {self._options.drain_timeout} s:"
            f" the events {keys} are not done, and come again. The claim is not"
            " released: a lease runs out by itself"
        )

    def _last_words(self, *, is_late: bool) -> Steps:
        """What the store is to know before the claim is let go."""
        with suppress(Exception):  # whatever a store may raise: it has ended it already
            yield from prelude.put_down(self.desk)
            mark = self._holding.mark() if is_late else None
            if mark is not None:
                yield from recorded(mark)

    def _forsake(self) -> None:
        """Let the claim run out; handlers that go on may commit until then."""
        desk = self.desk
        self._custody.forsake()
        desk.cleared = self._clear
        if desk.is_clear:
            self._clear()

    def _clear(self) -> None:
        """The last of the handlers has ended, too."""
        self._holding.is_kept = False
        self._custody.wake()

    def _part(self) -> None:
        """Nobody works on the source any more."""
        with suppress(ValueError):  # it has parted already
            self._holding.bells.remove(self.desk.ring)

    def _abandon(self) -> None:
        """It was broken off while it came to its end: nobody waits any more."""
        self.desk.is_stopping = True
        self._source.close()
        self.desk.end()
        self._part()
        self._forsake()

    def _outcome(self, late: DrainTimeout | None) -> None:
        """Raise what ended it, if that was an error."""
        error = self.desk.error
        if error is not None:
            raise error
        if late is not None:
            raise late
