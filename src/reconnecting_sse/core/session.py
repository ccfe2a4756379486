"""The subscription's state machine: facts in, the next state out (``core/states.py``).

Pure: no socket, clock, thread or log. Times are handed in: ``now`` is monotonic
seconds, ``wall`` POSIX seconds.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.answer import refusal
from reconnecting_sse.core.cursor import Carriage
from reconnecting_sse.core.decoder import MAX_EVENT_BYTES, EventStreamDecoder
from reconnecting_sse.core.dialect import STANDARD
from reconnecting_sse.core.errors import (
    EventTooLarge,
    StreamEnded,
    StreamError,
    redacted,
    without_frames,
)
from reconnecting_sse.core.gaps import Gaps
from reconnecting_sse.core.inline import InlineDecoder
from reconnecting_sse.core.lifecycle import Attempt
from reconnecting_sse.core.notices import Notices
from reconnecting_sse.core.reconnection import End, Failure, Reconnection, Wait
from reconnecting_sse.core.sent import Sent
from reconnecting_sse.core.silences import BURST, Silences
from reconnecting_sse.core.states import State, may_follow
from reconnecting_sse.core.stats import Counters

if TYPE_CHECKING:
    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.core.claims import Claim, Held
    from reconnecting_sse.core.dialect import Dialect
    from reconnecting_sse.core.idle import AdaptiveIdleTimeout
    from reconnecting_sse.core.policy import ReconnectPolicy

NO_CONTENT = 204


class StreamSession:
    """Decides what a subscription does next. One owner, not thread-safe.

    Attributes:
        state: Where the subscription is.
        last_event_id: The ID of the last event handed over; the owner stores it here.
        retry_ms: The server's ``retry`` in milliseconds, or None.
        wake_at: While waiting, the moment at which the next attempt is due.
        error: What ended the subscription, where an error did.
        is_mixed: Whether what is received is not events alone.
        durable_name: The name that positions are kept by; None without a store.
        undelivered: Events that were received, and are handed out piece by piece.
        counters: What happened so far, as numbers.
        silences: Those of the stream that ended with a byte.
        notices: What happened and is to be told.
    """

    def __init__(
        self,
        policy: ReconnectPolicy,
        *,
        url: str,
        method: str = "GET",
        last_event_id: str = "",
        on_end: str | None = None,
        resend: bool = False,
        has_until: bool = False,
        max_event_bytes: int | None = MAX_EVENT_BYTES,
        hears_comments: bool = False,
        passes_over: bool = False,
        dialect: Dialect = STANDARD,
        watches_gaps: bool = False,
        idle: AdaptiveIdleTimeout | None = None,
        durable_name: str | None = None,
    ) -> None:
        self.state: State = State.CONNECTING if durable_name is None else State.STANDBY
        self.durable_name: str | None = durable_name
        self.undelivered: deque[ServerSentEvent] = deque()
        has_own = dialect.position is not None
        self._position = last_event_id if has_own else None
        self.last_event_id: str = "" if has_own else last_event_id
        self.retry_ms: int | None = None
        self.wake_at: float = 0.0
        self.error: BaseException | None = None
        self.counters: Counters = Counters()
        self._url = redacted(url)
        self.notices: Notices = Notices(self._url)
        self._longest_retry_after = policy.retry_bounds[1]
        self._max_event_bytes = max_event_bytes
        self._hears_comments = hears_comments
        self._passes_over = passes_over
        self._identifies = False
        self.is_mixed: bool = hears_comments or passes_over
        carriage = Carriage(policy.id_limit, dialect.way)
        self._gaps = Gaps(self.notices, dialect.gap_headers, carriage)
        self._gaps.is_watching = watches_gaps
        self._adaptive = idle
        self.silences: Silences = Silences()
        self._listening_since: float | None = None
        self._sent = Sent(method.upper())
        self._reconnection = Reconnection(
            policy,
            method=method,
            on_end=on_end,
            resend=resend,
            has_until=has_until,
            carriage=carriage,
        )
        self._decoder = EventStreamDecoder(self.last_event_id)
        self._events_handed_out = 0
        self._last_error: StreamError | None = None

    @property
    def position(self) -> str:
        """What the next attempt resumes after: the last event ID, or a dialect's."""
        return self.last_event_id if self._position is None else self._position

    def placed(self, position: str) -> None:
        """An event is handed over; after it a dialect's position is this."""
        if self._position is not None:
            self._position = position

    @property
    def idle_timeout(self) -> float | None:
        """The idle timeout that was learnt, or None where it is fixed."""
        return None if self._adaptive is None else self._adaptive.seconds

    # ------------------------------------------------------------------ the store

    def delivered(self, count: int) -> list[ServerSentEvent]:
        """So many of what is undelivered, which are handed over now."""
        undelivered = self.undelivered
        if count < len(undelivered):
            return [undelivered.popleft() for _ in range(count)]
        events = list(undelivered)
        undelivered.clear()
        return events

    def standing_by(self, held: Held) -> None:
        """Somebody else holds the name."""
        self.notices.standing_by(self._name, held)

    def claimed(self, claim: Claim) -> None:
        """The name is claimed: it begins where the committed position is, if any."""
        self._become(State.CONNECTING)
        if claim.position is not None and self._position is not None:
            self._position = claim.position
        elif claim.position is not None:
            self.last_event_id = claim.position
        self.notices.claimed(claim)

    def paused(self, error: StreamError, uncommitted: int) -> None:
        """No event may be handed over before the store has taken some."""
        if self.state is State.OPEN:
            self._become(State.PAUSED)
        self.notices.paused(self._name, error, uncommitted)

    def resumed(self) -> None:
        """Events may be handed over again."""
        if self.state is State.PAUSED:
            self._become(State.OPEN)
            self.notices.resumed(self._name)

    @property
    def _name(self) -> str:
        assert self.durable_name is not None
        return self.durable_name

    # ------------------------------------------------------------------ attempts

    def connecting(self, now: float) -> Attempt:
        """An attempt begins, with the last event ID that it may send."""
        cursor, number = self.position, self._reconnection.attempting(now)
        self.notices.connecting(number, cursor)
        asked_for = self._gaps.asked_after(cursor)
        return Attempt(number, asked_for, self._last_error)

    def gap(self, reason: str) -> None:
        """Events may have been missed."""
        self.notices.gap(reason, self.position)

    def answered(self, answer: Answer, now: float, wall: float) -> None:
        """The attempt got a response."""
        self._sent = answer.sent or self._sent
        if answer.is_event_stream:
            self._open(answer, now)
        elif answer.status == NO_CONTENT:
            self._finish("no content", status=NO_CONTENT)
        else:
            self._lost(
                End(
                    refusal(answer, self._url),
                    now,
                    self.retry_ms,
                    self._sent,
                    answer.retry_after(wall, self._longest_retry_after),
                )
            )

    def failed(self, failure: Failure, now: float) -> None:
        """The attempt, or the open connection, came to an error."""
        if failure.silent and self._adaptive is not None:
            self._adaptive.expired()
        self._sent = failure.sent or self._sent
        error = self._overflow() or failure.error
        self._lost(
            End(error, now, self.retry_ms, self._sent, malformed=failure.malformed)
        )

    def _open(self, answer: Answer, now: float) -> None:
        self._become(State.OPEN)
        self.counters.connections += 1
        self.counters.last_byte_at = now
        self._decoder = self._new_decoder()
        self.notices.opened(answer.status)
        self._gaps.answered(answer, self.position)
        recovery = self._reconnection.opened(now, self.position)
        if recovery is not None:
            self.notices.recovered(*recovery, self.position)

    def _new_decoder(self) -> EventStreamDecoder:
        cursor, limit = self.last_event_id, self._max_event_bytes
        if not self.is_mixed:
            return EventStreamDecoder(cursor, max_event_bytes=limit)
        return InlineDecoder(
            cursor,
            max_event_bytes=limit,
            hears=self._hears_comments,
            passes_over=self._passes_over,
            identifies=self._identifies,
        )

    def identify(self) -> None:
        """From the next connection on, tell events that have an ID themselves."""
        self._identifies = self.is_mixed = True

    def watch_gaps(self) -> None:
        """From the next answer on, see whether it goes on where it was asked to."""
        self._gaps.is_watching = True

    # ------------------------------------------------------------------ the stream

    def listening(self, now: float) -> None:
        """A read begins; the time since the last one was the reader's own."""
        self._listening_since = now

    def silence(self, now: float) -> float | None:
        """How long a read has waited for bytes; None while nothing is read."""
        since = self._listening_since if self.state is State.OPEN else None
        return None if since is None else max(now - since, 0.0)

    def _was_silent(self, seconds: float) -> None:
        self.silences.add(seconds)
        if self._adaptive is not None:
            self._adaptive.heard_after(seconds)

    def receive(self, chunk: bytes, now: float) -> list[Any]:
        """The events that ``chunk`` completes, to be handed over in this order.

        Among them, where they are asked for, the texts of comments, and errors for
        events that are passed over.
        """
        decoder, counters = self._decoder, self.counters
        counters.bytes += len(chunk)
        counters.last_byte_at = now
        since, self._listening_since = self._listening_since, None
        if since is not None and now - since >= BURST:
            self._was_silent(now - since)
        try:
            items: list[Any] = decoder.feed(chunk)
        except EventTooLarge as error:
            self.failed(Failure(error), now)
            return []
        events = (
            [i for i in items if isinstance(i, ServerSentEvent)]
            if self.is_mixed
            else items
        )
        self._events_handed_out = len(events)
        if decoder.retry_ms is not None:
            self.retry_ms = decoder.retry_ms
        return items

    def handed_over(self, now: float) -> None:
        """All events of the last chunk were handed over: ID-only blocks count now.

        And the next read begins.
        """
        if self.state is not State.OPEN:  # its chunk was never decoded to the end
            return
        self.last_event_id = self._decoder.last_event_id
        events, self._events_handed_out = self._events_handed_out, 0
        self._reconnection.received(events, self.position)
        if self._decoder.has_overflowed:
            self.ended(now)  # with the event that was too large, not cleanly
        self._listening_since = now

    def ended(self, now: float) -> None:
        """The body came to its proper end."""
        error = StreamEnded(
            f"the server ended the stream of {self._url}", url=self._url
        )
        self.failed(Failure(error), now)

    def _overflow(self) -> EventTooLarge | None:
        """The event that grew too large after the last ones that were handed over."""
        if self.state is State.OPEN:
            try:
                self._decoder.feed(b"")
            except EventTooLarge as error:
                return EventTooLarge(f"{self._url}: {error}", url=self._url)
        return None

    # ------------------------------------------------------------------ from outside

    def woke(self) -> None:
        """A wait is over."""
        if self.state is State.WAITING:
            self._become(State.CONNECTING)

    def interrupted(self, cause: str, now: float, sent: Sent | None) -> None:
        """A call was broken off from outside, by cancellation or a signal.

        Nobody failed: the next attempt is due at once, a wait goes on where it was.
        Unless it would do twice what was asked once: then it is over.

        Args:
            cause: What broke it off.
            now: When.
            sent: What was sent before that; None for nothing.
        """
        if self.state is State.PAUSED:
            self._become(State.OPEN)
        if sent is not None and self.state in (State.CONNECTING, State.OPEN):
            error = self._reconnection.broken_off(sent, cause, self._url)
            if error is not None:
                self._fail(error)
                return
        if self.state is State.OPEN:
            self.renewed(cause, now)

    def renewed(self, cause: str, now: float) -> None:
        """The connection was given up for another one, which is due at once."""
        if self.state is State.OPEN:
            self._reconnection.rate(now, self.position, self.retry_ms)
            self.counters.reconnected(cause)
            self.notices.given_up(cause, self._unfinished_bytes)
        self._become(State.CONNECTING)

    def raised(self, error: BaseException) -> None:
        """The caller's own code raised: the subscription ends with that."""
        if self.state is State.CLOSED:
            self.error = error
        else:
            self._fail(error)

    def close(self, reason: str) -> None:
        """The caller is done: nothing follows."""
        if self.state is not State.CLOSED:
            self._finish(reason)

    def _become(self, state: State) -> None:
        assert may_follow(self.state, state), f"{self.state}, then {state}"
        self.state = state

    # ------------------------------------------------------------------ ends

    def _lost(self, end: End) -> None:
        following = self._reconnection.decide(end, self.position)
        if following is None:
            self._finish("ended")
        elif isinstance(following, Wait):
            self._wait(end, following)
        else:
            self._fail(following)

    def _wait(self, end: End, wait: Wait) -> None:
        cause = type(end.error).__name__
        unfinished_bytes = self._unfinished_bytes
        self._last_error = without_frames(end.error)
        self._become(State.WAITING)
        self.wake_at = end.now + wait.delay
        self.counters.reconnected(cause)
        self.notices.failed(end.error, unfinished_bytes, wait.goes_on)
        self.notices.waiting(wait.delay, wait.attempt, cause)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        name = type(error).__name__
        if isinstance(error, StreamError):
            self._finish(name, str(error), error.status)
        else:  # a stranger's may say anything: its name is enough
            self._finish(name)

    def _finish(
        self, reason: str, error: str | None = None, status: int | None = None
    ) -> None:
        unfinished_bytes = self._unfinished_bytes
        self._become(State.CLOSED)
        self.undelivered.clear()
        self.notices.closed(reason, error, status, unfinished_bytes)

    @property
    def _unfinished_bytes(self) -> int:
        """What of an event goes with the connection at hand."""
        return self._decoder.unfinished_bytes if self.state is State.OPEN else 0
