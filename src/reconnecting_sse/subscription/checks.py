"""What is looked at as each event is handed over: ``until``, and gaps it may tell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconnecting_sse.core.callers import CallersError, ask
from reconnecting_sse.core.lifecycle import Gap
from reconnecting_sse.core.loop import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.lifecycle import Lifecycle
    from reconnecting_sse.subscription.drivers import Subscription

    Predicate = Callable[[ServerSentEvent], object]
    Check = Callable[[Subscription, ServerSentEvent], None]

TOLD_BY_AN_EVENT = "an event says that others were missed"


@dataclass(frozen=True, slots=True)
class GapWatch:
    """Where a gap in the events shows, and who is told of it.

    Attributes:
        on_gap: Called with each ``Gap``, before the event that follows it.
        headers: Response headers that name the position resumed after; when the first
            one present differs from the last event ID that was sent, that is a gap.
        is_gap: Whether an event says by itself that others were missed. The event is
            handed over all the same.
    """

    on_gap: Callable[[Gap], object]
    headers: tuple[str, ...] = ("Mercure-Last-Event-ID",)
    is_gap: Predicate | None = None

    def __post_init__(self) -> None:
        if isinstance(self.headers, str):
            raise TypeError(f"headers= is a tuple of names: write ({self.headers!r},)")

    def hear(self, fact: Lifecycle) -> None:
        """Pass on the facts that are gaps."""
        if isinstance(fact, Gap):
            self.on_gap(fact)


def check_of(until: Predicate | None, is_gap: Predicate | None) -> Check | None:
    """What to call with each event, or None where there is nothing to look at."""
    if until is None and is_gap is None:
        return None
    return partial(_check, until, is_gap)


def _check(
    until: Predicate | None,
    is_gap: Predicate | None,
    subscription: Subscription,
    event: ServerSentEvent,
) -> None:
    """Look at an event; a predicate that raises ends the subscription."""
    try:
        if is_gap is not None and ask(is_gap, event):
            subscription.session.gap(TOLD_BY_AN_EVENT)
            _tell(subscription)
        is_last = until is not None and ask(until, event)
    except BaseException as error:
        subscription.put_back(event)  # it was not handed over
        if isinstance(error, Exception):  # and not a signal's
            subscription.end("error")
        if isinstance(error, CallersError):
            raise error.error from error.error.__cause__
        raise
    if is_last:
        subscription.end("until")


def _tell(subscription: Subscription) -> None:
    """Tell of a gap at once; whoever is told may raise, and so end it."""
    session = subscription.session
    tell(session, subscription.effects)
    error, session.error = session.error, None
    if error is not None:
        raise error
