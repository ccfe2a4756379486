"""What becomes of an event in a worker: handled, tried again, or put aside.

Written once for both faces: generators that yield what is to be done, and are sent what
came of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import Beside, DeadLetter, Mark
from reconnecting_sse.core.errors import (
    EventNotHandled,
    StoreUnavailable,
    shortened,
)
from reconnecting_sse.core.retries import Retries
from reconnecting_sse.core.work_facts import Buried, Retrying
from reconnecting_sse.subscription.errands import Errand
from reconnecting_sse.workers import prelude
from reconnecting_sse.workers.calling import NeverAwaited
from reconnecting_sse.workers.recording import Stopped, came_of, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconnecting_sse.core.deliveries import Delivery
    from reconnecting_sse.workers.desk import Desk
    from reconnecting_sse.workers.recording import Steps

REASON_LIMIT = 1000
"""How many characters of an error a dead letter keeps."""

ROLLBACK_SECONDS = 1.0
"""How long at most before a transaction is begun anew that the store rolled back."""


class _RolledBack(Exception):
    """The store failed, and the transaction had no effect: it is done again."""


class Handling:
    """Takes deliveries from beginning to end, with a handler that can be called."""

    def __init__(self, desk: Desk, handler: Callable[..., Any]) -> None:
        options = desk.options
        self._desk = desk
        self._handler = handler
        self._is_batched = options.batch is not None
        self._is_transactional = options.transactional
        self._retrying = options.tries

    @property
    def is_plain(self) -> bool:
        """Whether a call of the handler is all that there is to it, at the moment."""
        return not (self._is_transactional or self._desk.is_careful)

    def argument(self, deliveries: Sequence[Delivery]) -> Any:
        """What the handler is called with."""
        if self._is_batched:
            return [delivery.event for delivery in deliveries]
        return deliveries[0].event

    # ------------------------------------------------------------------ from the start

    def handled(self, deliveries: Sequence[Delivery]) -> Steps:
        """Everything, from taking them in hand; nothing is left to be said of them."""
        if self._desk.care is None:
            yield from prelude.begun(self._desk)
        if self._desk.is_careful:
            (delivery,) = deliveries
            is_poison = yield from self._take_in_hand(delivery)
            if is_poison:
                return
        yield from self.tried(deliveries, None)

    def _take_in_hand(self, delivery: Delivery) -> Steps:
        """Say so in the store; or that it is poison, if that was said too often."""
        desk, care = self._desk, self._desk.care
        assert care is not None
        times = care.was_begun(delivery.key)
        if care.is_poison(delivery.key):
            delivery.attempts = times
            reason = f"the process ended each of the {times} times that it was begun"
            yield from self._bury(delivery, reason, "poison", None)
            return True
        with desk.holding.lock:
            mark = desk.ledger.taking(delivery.key, times + 1, is_start=False)
            care.took(delivery.key)
        yield from recorded(mark, is_first=True)
        return False

    def tried(self, deliveries: Sequence[Delivery], error: Exception | None) -> Steps:
        """Until they are done, or put aside; or the worker is to stop meanwhile.

        The first attempt may have been made already, and have ended with ``error``.
        """
        desk = self._desk
        retries = Retries(self._retrying, deliveries[0].begun_at)
        for letter in filter(None, map(_letter_of, deliveries)):
            # Its order is used up first: it may be what kills the process.
            kept = replace(letter, is_replayed=False)
            yield from recorded(Mark(0, None, Beside(buried=(kept,))))
        while True:
            if error is None:
                error = yield from self._attempted(deliveries)
            if error is None:
                return
            pause = retries.pause_after(error, desk.clock.now())
            if pause is None:
                yield from self._give_up(deliveries, error, retries.attempts)
                return
            self._tell_of_retry(deliveries[0], error, retries.attempts, pause)
            yield pause
            if desk.is_over:
                desk.left += len(deliveries)
                return
            error = None

    def _tell_of_retry(
        self, delivery: Delivery, error: Exception, attempts: int, pause: float
    ) -> None:
        self._desk.teller.tell(
            Retrying,
            key=delivery.key,
            attempt=attempts,
            delay=round(pause, 3),
            cause=type(error).__name__,
        )

    # ------------------------------------------------------------------ one attempt

    def _attempted(self, deliveries: Sequence[Delivery]) -> Steps:
        """One attempt; the handler's error, where it raised one."""
        if not self._is_transactional:
            return (yield from self._called(deliveries))
        pause = pauses()
        while True:
            try:
                return (yield from self._in_transaction(deliveries))
            except _RolledBack:
                yield next(pause)

    def _called(self, deliveries: Sequence[Delivery], *more: Any) -> Steps:
        try:
            yield partial(self._handler, self.argument(deliveries), *more)
        except NeverAwaited:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            return error
        if not more:
            yield from self._done(deliveries)
        return None

    def _done(self, deliveries: Sequence[Delivery]) -> Steps:
        """A dead letter is settled at once; others with the next commit."""
        ledger, lock = self._desk.ledger, self._desk.holding.lock
        if not any(map(_letter_of, deliveries)):
            with lock:
                ledger.finished(deliveries)
            return
        with lock:
            mark = ledger.closing(deliveries)
        yield from recorded(mark, partial(ledger.closed, deliveries, mark))

    def _in_transaction(self, deliveries: Sequence[Delivery]) -> Steps:
        begun = Errand("begin", is_first=True)
        yield begun
        transaction = came_of(begun)
        if self._desk.is_over:
            yield Errand("abort", transaction)
            raise Stopped
        try:
            error = yield from self._called(deliveries, transaction.connection)
        except BaseException:  # broken off
            yield Errand("abort", transaction)
            raise
        # Before Python 3.12 nobody is told of lines that follow a throw().
        if error is not None:  # pragma: no branch
            yield Errand("abort", transaction)
            return error
        return (yield from self._commit(deliveries, transaction, begun))

    def _commit(
        self, deliveries: Sequence[Delivery], transaction: Any, begun: Errand
    ) -> Steps:
        """Commit; the error, where the handler's writes are what stands against it."""
        desk = self._desk
        with desk.holding.lock:
            mark = desk.ledger.closing(deliveries)
        settle = partial(desk.ledger.closed, deliveries, mark)
        ended = Errand("end", transaction, mark, begun.claim, settle)
        yield ended
        if isinstance(ended.outcome, StoreUnavailable):
            if is_of_integrity(ended.outcome):
                return ended.outcome
            raise _RolledBack
        came_of(ended)
        return None

    # ------------------------------------------------------------------ dead letters

    def _give_up(
        self, deliveries: Sequence[Delivery], error: Exception, attempts: int
    ) -> Steps:
        """Put it aside; of several, first find out which."""
        if len(deliveries) > 1:
            for delivery in deliveries:
                if self._desk.is_over:
                    self._desk.left += 1
                else:
                    yield from self.tried([delivery], None)
            return
        (delivery,) = deliveries
        delivery.attempts = attempts
        cause = type(error).__name__
        yield from self._bury(delivery, f"{cause}: {said(error)}", cause, error)

    def _bury(
        self, delivery: Delivery, reason: str, cause: str, error: Exception | None
    ) -> Steps:
        desk = self._desk
        if not desk.options.dead_letters:
            raise EventNotHandled(
                f"the event {delivery.key!r} of {desk.holding.durability.name!r} could"
                f" not be handled ({shortened(reason, REASON_LIMIT)}), and dead letters"
                " are not wanted: it comes again in the next life"
            ) from error
        letter = self._as_letter(delivery, reason)
        with desk.holding.lock:
            mark = desk.ledger.closing([delivery], buried=(letter,))
        yield from recorded(mark, partial(desk.ledger.closed, [delivery], mark))
        desk.buried += 1
        desk.teller.tell(Buried, key=letter.key, attempts=letter.attempts, cause=cause)

    def _as_letter(self, delivery: Delivery, reason: str) -> DeadLetter:
        event = delivery.event
        assert event is not None
        return DeadLetter(
            name=self._desk.holding.durability.name,
            key=delivery.key,
            position=delivery.position,
            event=event.event,
            data=event.data,
            id=event.id,
            reason=shortened(reason, REASON_LIMIT),
            attempts=delivery.attempts,
        )


_letter_of = attrgetter("letter")


def pauses() -> Iterator[float]:
    """Seconds between attempts that the store rolled back."""
    seconds = 0.01
    while True:
        yield seconds
        seconds = min(2 * seconds, ROLLBACK_SECONDS)


def is_of_integrity(error: StoreUnavailable) -> bool:
    """Whether it was refused for what was written: a constraint that is deferred."""
    # PEP 249's name for it, in each driver, and SQLAlchemy's.
    return type(error.__cause__).__name__ == "IntegrityError"


def said(error: Exception) -> str:
    """What an error says, as far as it can, and as any store can keep it."""
    try:
        return str(error).encode(errors="replace").decode().replace("\0", "\ufffd")
    except Exception:  # noqa: BLE001  (whatever a stranger's __str__ raises)
        return "it cannot say what it is"
