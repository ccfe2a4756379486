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
from reconnecting_sse.core.claims import Claim, Held
from reconnecting_sse.core.errors import EventTooLarge, StoreUnavailable
from reconnecting_sse.core.gaps import PASSED_OVER
from reconnecting_sse.core.reconnection import Failure
from reconnecting_sse.core.states import State

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


_FINAL = (Stop, Raised)


class Effects(Protocol):
    """What a face offers the loop; the results of some may be awaitables."""

    def turn(self) -> Any:
        """Wait for the turn that an attempt needs; None where it needs none."""

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


class Custody(Protocol):
    """What a durable subscription has beside; results may be awaitables, too."""

    def claim(self) -> Any:
        """Claim the durable name: a ``Claim``, or ``Raised``.

        Or ``Held`` or ``StoreUnavailable``, once, where that has to wait.
        """

    def make_room(self) -> Any:
        """Wait for the store until events may be handed over: None, or as ``claim``."""

    def begin(self, position: str) -> None:
        """The claim is made, and this is where it begins; at once."""

    def room(self) -> int:
        """How many events may be handed over without waiting; at once."""

    def uncommitted(self) -> int:
        """How many events and moves the store does not have; at once."""


Call = Callable[[], Any]
Step = Call | list["ServerSentEvent"] | Fail
Outcome = (
    Answer
    | Failure
    | Raised
    | Stop
    | Renew
    | Claim
    | Held
    | StoreUnavailable
    | bytes
    | None
)
Clock = Callable[[], float]


def subscription(
    session: StreamSession,
    effects: Effects,
    now: Clock,
    wall: Clock,
    custody: Custody | None = None,
) -> Generator[Step, Outcome, None]:
    """Everything that a subscription does, in order; ends when it is over.

    Yields calls to make, lists of events to hand over, and at most one ``Fail``.
    """
    is_adaptive = session.idle_timeout is not None
    calls: dict[State, Call] = {
        State.CONNECTING: partial(_attempt, session, effects, now),
        State.WAITING: partial(_pause, session, effects, now),
        State.OPEN: partial(_listen, session, effects) if is_adaptive else effects.read,
    }
    is_plain = custody is None and not session.is_mixed
    while session.state is not State.CLOSED:
        outcome = yield calls[session.state]
        if isinstance(outcome, bytes) and outcome:
            items = session.receive(outcome, now())
            if is_plain:
                outcome = (yield items) if items else None
            else:
                outcome = yield from _in_order(session, effects, custody, items)
            if not isinstance(outcome, _FINAL):  # or the caller left some of them
                session.handed_over(now())
        # After most reads there is nothing to settle, and looking takes its time.
        if outcome is not None or session.state is not State.OPEN:
            _settle(session, outcome, now, wall)
        if session.state is not State.OPEN:
            effects.drop()
        if session.notices.untold:
            tell(session, effects)
            session.listening(now())
    tell(session, effects)
    error, session.error = session.error, None  # its traceback would hold the source
    if error is not None:
        yield Fail(error)


def _attempt(session: StreamSession, effects: Effects, now: Clock) -> Any:
    turn = effects.turn()
    if turn is not None:
        return turn
    attempt = session.connecting(now())
    tell(session, effects)
    # Whoever is told may raise, and so end it.
    return None if session.state is State.CLOSED else effects.open(attempt)


def _listen(session: StreamSession, effects: Effects) -> Any:
    """Read, for as long a silence as was learnt to be healthy."""
    assert session.idle_timeout is not None
    effects.allow_silence(session.idle_timeout)
    return effects.read()


def _pause(session: StreamSession, effects: Effects, now: Clock) -> Any:
    return effects.sleep(session.wake_at - now())


def _in_order(
    session: StreamSession, effects: Effects, custody: Custody | None, items: list[Any]
) -> Generator[Step, Outcome, Outcome]:
    """Hand over events, and tell what is among them; the order that came meanwhile."""
    order: Outcome = None
    for kind, run in groupby(items, type) if session.is_mixed else [(None, items)]:
        if kind is str:
            _hear(session, effects, run)
        elif kind is EventTooLarge:
            session.gap(PASSED_OVER)
            tell(session, effects)
        elif custody is None:
            order = (yield list(run)) or order
        else:
            session.undelivered.extend(run)
            order = (yield from _in_slices(session, effects, custody)) or order
        if isinstance(order, _FINAL) or session.state is State.CLOSED:
            break
    return order


def _in_slices(
    session: StreamSession, effects: Effects, custody: Custody
) -> Generator[Step, Outcome, Outcome]:
    """Hand over what was received, as much at a time as there is room for."""
    order: Outcome = None
    while session.undelivered and not isinstance(order, _FINAL):
        room = custody.room()
        if room > 0:
            order = (yield session.delivered(room)) or order
            continue
        outcome = yield custody.make_room
        if isinstance(outcome, Renew):
            order = outcome
        else:
            _tell_of_store(session, effects, custody, outcome)
    return order


def durable(
    session: StreamSession, effects: Effects, now: Clock, wall: Clock, custody: Custody
) -> Generator[Step, Outcome, None]:
    """The same with a store: first the name is claimed.

    And what a loop that was broken off had received is handed over.
    """
    while session.state is State.STANDBY:
        _tell_of_store(session, effects, custody, (yield custody.claim))
    order = yield from _in_slices(session, effects, custody)
    if isinstance(order, _FINAL):
        _tell_of_store(session, effects, custody, order)
    yield from subscription(session, effects, now, wall, custody)


def _tell_of_store(
    session: StreamSession, effects: Effects, custody: Custody, outcome: Outcome
) -> None:
    """Tell the session how it stands with the store, or what was ordered instead."""
    match outcome:
        case Claim():
            session.claimed(outcome)
            custody.begin(session.position)
        case Held():
            session.standing_by(outcome)
        case StoreUnavailable():
            session.paused(outcome, custody.uncommitted())
        case Raised(error):
            session.raised(error)
        case Stop(reason):
            session.close(reason)
        case None:
            session.resumed()
        case _:
            pass  # another connection is wanted, and there is none
    tell(session, effects)


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
