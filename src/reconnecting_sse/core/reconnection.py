"""From an end to what follows it: another attempt after a wait, an error, or nothing.

Keeps what the policy is asked about: the streak of ends without progress, and whether
the request may be sent again at all. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.core.errors import (
    ReconnectionExhausted,
    StreamEnded,
    StreamError,
    StreamInterrupted,
)
from reconnecting_sse.core.policy import Verdict
from reconnecting_sse.core.sent import Acted, is_idempotent
from reconnecting_sse.core.strategies import ReconnectState

if TYPE_CHECKING:
    from reconnecting_sse.core.cursor import Carriage
    from reconnecting_sse.core.policy import ReconnectPolicy
    from reconnecting_sse.core.sent import Sent

_ASKED_FOR_AGAIN = frozenset({425, 429, 503})

FIRST_WARNING = 1.0
"""Seconds from which on their doubling is a reason to warn again."""

PROGRESS = 5.0
"""Seconds, and the reconnection time, that an open connection lasts as progress."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A wire's error, as a value.

    Attributes:
        silent: The connection was given up for its silence.
        malformed: What came is no answer, and will hardly be one the next time.
        sent: What was sent in vain; None where it had been answered with a stream.
    """

    error: StreamError
    silent: bool = False
    malformed: bool = False
    sent: Sent | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt, or the connection it made, came to its end.

    Attributes:
        retry_after: Seconds that the answer's ``Retry-After`` asks for, or None.
        malformed: As a ``Failure``'s.
    """

    error: StreamError
    now: float
    retry_ms: int | None
    sent: Sent
    retry_after: float | None = None
    malformed: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Another attempt is due ``delay`` seconds after the ``attempt``-th end.

    Attributes:
        goes_on: For how long there are attempts, where the caller is to be warned.
    """

    delay: float
    attempt: int
    goes_on: str | None = None


@dataclass(slots=True)
class _Connection:
    opened_at: float
    cursor: str
    has_moved: bool = False
    events: int = 0


@dataclass(slots=True)
class _Streak:
    """Consecutive ends without progress."""

    since: float
    ends: int = 0
    unexpected: int = 0
    malformed: int = 0  # running
    waited: float = 0.0


class Reconnection:
    """Decides whether and when the next attempt is made."""

    def __init__(
        self,
        policy: ReconnectPolicy,
        *,
        method: str,
        on_end: str | None,
        resend: bool,
        has_until: bool,
        carriage: Carriage,
    ) -> None:
        self._policy = policy
        self._on_end = on_end
        self._resend = resend
        self._carriage = carriage
        self._method = method
        # What a clean end means while neither the caller nor his ``retry`` says so.
        self._finishes = not is_idempotent(method) and policy.retry is None
        # The caller knows the end when he sees it, and it is no other.
        self._awaits_until = has_until and on_end is None
        self._connection: _Connection | None = None
        self._streak: _Streak | None = None
        self._was_open = False
        self._received_id = ""
        self._warning_due = 0.0  # after so many seconds without a stream

    def attempting(self, now: float) -> int:
        """An attempt begins; its number since the last progress, from 1."""
        self._streak = self._streak or _Streak(since=now)
        return self._streak.ends + 1

    def opened(self, now: float, last_event_id: str) -> tuple[int, float] | None:
        """A stream is open; the failed attempts and seconds it took to recover."""
        self._connection = _Connection(now, last_event_id)
        was_open, self._was_open = self._was_open, True
        streak = self._streak
        if streak is None or not was_open or not streak.ends:
            return None
        return streak.ends, now - streak.since

    def received(self, events: int, last_event_id: str) -> None:
        """Events were handed over, and the cursor is where they led it."""
        connection = self._connection
        assert connection is not None
        connection.events += events
        if last_event_id != connection.cursor:
            connection.cursor, connection.has_moved = last_event_id, True
            self._received_id = last_event_id

    def rate(
        self,
        now: float,
        last_event_id: str,
        retry_ms: int | None,
        *,
        is_clean: bool = False,
    ) -> None:
        """A connection is over: progress, and only progress, begins a new streak.

        Args:
            now: When it was over.
            last_event_id: The cursor then.
            retry_ms: The server's ``retry`` in force.
            is_clean: Whether it came to its proper end.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return
        enough = max(PROGRESS, self._policy.reconnection_time(retry_ms))
        is_polled = is_clean and retry_ms is not None  # at the pace it asks for
        if (
            connection.has_moved
            or last_event_id != connection.cursor
            or now - connection.opened_at >= enough
            or (is_polled and connection.events)
        ):
            self._streak = _Streak(since=now)

    def decide(self, end: End, last_event_id: str) -> Wait | StreamError | None:
        """What follows an end: a wait, an error to raise, or None: the proper end."""
        is_clean = isinstance(end.error, StreamEnded)
        self.rate(end.now, last_event_id, end.retry_ms, is_clean=is_clean)
        streak = self._streak
        assert streak is not None
        streak.ends += 1
        streak.malformed = streak.malformed + 1 if end.malformed else 0
        end.error.attempts = streak.ends
        state = self._state(end, streak)
        verdict = self._verdict(state, end)
        if verdict is Verdict.FINISH:
            return _too_early(end.error) if self._comes_too_early(end) else None
        if verdict is Verdict.RAISE:
            return end.error
        if verdict is Verdict.RETRY_SLOWLY:
            streak.unexpected += 1
            delay = self._policy.slow_delay(state, streak.unexpected)
        else:
            delay = self._policy.delay(state)
        state.upcoming_sleep = delay
        if self._policy.gives_up(state):
            return _exhausted(end.error)
        streak.waited += delay
        return Wait(delay, streak.ends, self._warning(state))

    def _warning(self, state: ReconnectState) -> str | None:
        """How long it goes on, where a wrong address would look like a hang."""
        elapsed = state.seconds_since_start
        assert elapsed is not None
        if self._was_open or elapsed < self._warning_due:
            return None
        self._warning_due = 2 * max(elapsed, FIRST_WARNING)
        return self._policy.outlook(state)

    def _state(self, end: End, streak: _Streak) -> ReconnectState:
        return ReconnectState(
            end.error,
            attempt_number=streak.ends,
            start_time=streak.since,
            now=end.now,
            idle_for=streak.waited,
            reconnection_time=self._policy.reconnection_time(end.retry_ms),
            is_server_directed=end.retry_ms is not None,
            retry_after=end.retry_after,
            was_open=self._was_open,
            malformed_answers=streak.malformed,
        )

    def _verdict(self, state: ReconnectState, end: End) -> Verdict:
        on_end = self._on_end or ("finish" if self._finishes else None)
        verdict = self._policy.classify(state, on_end=on_end)
        if verdict in (Verdict.FINISH, Verdict.RAISE):
            return verdict
        if self._may_resend(end.sent, end.error.status):
            return verdict
        is_end = isinstance(end.error, StreamEnded) and self._on_end is None
        return Verdict.FINISH if is_end else Verdict.RAISE

    def _comes_too_early(self, end: End) -> bool:
        """Whether a clean end, which is the end, is not the one that was wanted."""
        methods = (self._method, end.sent.method)
        return self._awaits_until and not all(map(is_idempotent, methods))

    def broken_off(self, sent: Sent, cause: str, url: str) -> StreamInterrupted | None:
        """The error that breaking off is, where it cannot be begun again."""
        if self._may_resend(sent):
            return None
        return StreamInterrupted(
            f"{cause} broke off the {sent.method} to {url}; it is not sent again, as"
            " the server may have acted on it: pass resend=True if it may be",
            url=url,
        )

    def _may_resend(self, sent: Sent, status: int | None = None) -> bool:
        """Whether sending it again cannot do twice what was asked once."""
        if self._resend or is_idempotent(sent.method) or sent.acted is Acted.NO:
            return True
        if self._received_id and self._carriage.can_carry(self._received_id):
            return True
        return status in _ASKED_FOR_AGAIN and sent.acted is Acted.MAYBE


def _too_early(end: StreamError) -> StreamEnded:
    return StreamEnded(
        f"{end} before until= accepted an event; if that is its end all the same, pass"
        ' on_end="finish"',
        url=end.url,
        attempts=end.attempts,
    )


def _exhausted(last: StreamError) -> ReconnectionExhausted:
    attempts = "1 attempt" if last.attempts == 1 else f"{last.attempts} attempts"
    error = ReconnectionExhausted(
        f"gave up after {attempts} without progress; the last one: {last}",
        url=last.url,
        status=last.status,
        headers=last.headers,
        body=last.body,
        attempts=last.attempts,
    )
    error.__cause__ = last
    return error
