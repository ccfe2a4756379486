"""The subscription's loop, written once for both faces.

A generator that yields what is to be done next (calls to make, events to hand over)
and is sent what came of it. It knows neither a thread nor a task: the drivers make
the calls, and await them where there is something to await. It keeps nothing that the
session does not know: a driver may drop it at any moment, and begin another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.callers import CallersError
from reconnecting_sse.core.errors import EventTooLarge
from reconnecting_sse.core.gaps import PASSED_OVER
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.core.session import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.lifecycle import Attempt, Lifecycle
    from reconnecting_sse.core.session import StreamSession


@dataclass(frozen=True, slots=True)
class Raised:
    """The caller's own code raised: his error passes through unchanged."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Stop:
    """The caller wants no more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Renew:
    """The caller wants another connection, at once."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The subscription is over, with an error for the caller."""

    error: BaseException


class Effects(Protocol):
    """What a face offers the loop; the results of some may be awaitables."""

    def open(self, attempt: Attempt) -> Any:
        """Make an attempt: an ``Answer``, a ``Failure``, or ``Raised``."""

    def read(self) -> Any:
        """What has arrived, ``b""`` at the proper end, or a ``Failure``."""

    def sleep(self, delay: float) -> Any:
        """Let time pass."""

    def allow_silence(self, seconds: float) -> None:
        """From the next read on, this is the longest silence; at once."""

    def drop(self) -> None:
        """Free the connection at hand, if there is one; at once."""

    def tell(self, fact: Lifecycle) -> None:
        """Pass a fact on; at once."""

    def hear(self, comments: Iterable[str]) -> None:
        """Hand comments out, for as long as they are wanted; at once."""


Call = Callable[[], Any]
Step = Call | list["ServerSentEvent"] | Fail
Outcome = Answer | Failure | Raised | Stop | Renew | bytes | None
Clock = Callable[[], float]


def subscription(
    session: StreamSession, effects: Effects, now: Clock, wall: Clock
) -> Generator[Step, Outcome, None]:
    """Everything that a subscription does, in order; ends when it is over.

    Yields calls to make, lists of events to hand over, and at most one ``Fail``.
    """
    is_adaptive = session.idle_timeout is not None
    calls: dict[State, Call] = {
        State.CONNECTING: partial(_attempt, session, effects, now),
        State.WAITING: partial(_pause, session, effects, now),
        State.OPEN: partial(_listen, session, effects, now)
        if is_adaptive
        else effects.read,
    }
    while session.state is not State.CLOSED:
        outcome = yield calls[session.state]
        if isinstance(outcome, bytes) and outcome:
            items = session.receive(outcome, now())
            if session.is_mixed:
                outcome = yield from _in_order(session, effects, items)
            else:
                outcome = (yield items) if items else None
            if not isinstance(outcome, Stop):  # or the caller left some of them
                session.handed_over(now())
        # After most reads there is nothing to settle, and looking takes its time.
        if outcome is not None or session.state is not State.OPEN:
            _settle(session, outcome, now, wall)
        if session.state is not State.OPEN:
            effects.drop()
        if session.notices.untold:
            tell(session, effects)
    tell(session, effects)
    error, session.error = session.error, None  # its traceback would hold the source
    if error is not None:
        yield Fail(error)


def _attempt(session: StreamSession, effects: Effects, now: Clock) -> Any:
    attempt = session.connecting(now())
    tell(session, effects)
    # Whoever is told may raise, and so end it.
    return None if session.state is State.CLOSED else effects.open(attempt)


def _listen(session: StreamSession, effects: Effects, now: Clock) -> Any:
    """Read, for as long a silence as was learnt to be healthy."""
    effects.allow_silence(session.listening(now()))
    return effects.read()


def _pause(session: StreamSession, effects: Effects, now: Clock) -> Any:
    return effects.sleep(session.wake_at - now())


def _in_order(
    session: StreamSession, effects: Effects, items: list[Any]
) -> Generator[Step, Outcome, Outcome]:
    """Hand over events, and tell what is among them; the order that came meanwhile."""
    order: Outcome = None
    for kind, run in groupby(items, type):
        if kind is str:
            _hear(session, effects, run)
        elif kind is EventTooLarge:
            session.gap(PASSED_OVER)
            tell(session, effects)
        else:
            order = (yield list(run)) or order
        if isinstance(order, Stop) or session.state is State.CLOSED:
            break
    return order


def _hear(session: StreamSession, effects: Effects, comments: Iterable[str]) -> None:
    try:
        effects.hear(comments)
    except CallersError as callers:
        session.raised(callers.error)


def _settle(session: StreamSession, outcome: Outcome, now: Clock, wall: Clock) -> None:
    """Tell the session what happened; a strategy that raises ends it with its error."""
    try:
        match outcome:
            case Answer():
                session.answered(outcome, now(), wall())
            case Failure():
                session.failed(outcome, now())
            case Raised(raised):
                session.raised(raised)
            case Stop(reason):
                session.close(reason)
            case Renew():
                session.renewed("reconnect", now())
            case bytes():
                session.ended(now())
            case _:
                session.woke()
    except CallersError as callers:
        session.raised(callers.error)


def tell(session: StreamSession, effects: Effects) -> None:
    """Pass on what happened; a callback that raises ends it with its error."""
    while session.notices.untold:
        try:
            effects.tell(session.notices.untold.pop(0))
        except CallersError as callers:
            session.raised(callers.error)
