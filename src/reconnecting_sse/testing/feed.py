"""A feed of numbered events that can be resumed, and the faults it may meet."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.encoder import encode
from reconnecting_sse.testing.pieces import pieces_of
from reconnecting_sse.testing.script import (
    Answer,
    Close,
    Pause,
    RecordedRequest,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconnecting_sse.testing.script import Ending, Piece

Fault: TypeAlias = Callable[[RecordedRequest, Answer], Step]
"""Decides what becomes of one connection: handed the sound answer, returns a step."""

FaultKind: TypeAlias = Literal["cut", "reset", "stall", "end", "close", "busy"]
"""What goes wrong with one connection.

``cut``, ``reset`` and ``stall`` (silence until the client leaves) strike after any
byte of the body: in an event, in a character, in a chunk's size. ``end`` is a clean end
after some events, ``close`` no answer at all, ``busy`` a 503, with or without
Retry-After.
"""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_ENDINGS: dict[FaultKind, Ending] = {"cut": "cut", "reset": "reset", "stall": "hang"}
_EVENT_SIZE = 32  # bytes, about: what `reach` means where whole events are counted


class NumberedFeed:
    """Serves events with the IDs ``start``, ``start + 1``, …: a handler for a server.

    A client continues after its Last-Event-ID; one that is no ID of the feed starts
    from the beginning.

    Args:
        count: How many events there are.
        start: The first one's ID.
        retry: The reconnection time to announce on each connection, in milliseconds.
        data: Each event's data, where ``{n}`` is its ID; or what makes it from that.
        then: After the last event: ``hang`` keeps the connection open, ``end`` ends
            the stream, ``stop`` ends it and answers 204 to a client that has them all.
        pause: Seconds after each event.
        faults: What becomes of each connection, such as ``RandomFaults``.
    """

    def __init__(
        self,
        count: int,
        *,
        start: int = 1,
        retry: int | None = None,
        data: str | Callable[[int], str] = "n{n}",
        then: Literal["hang", "end", "stop"] = "hang",
        pause: float = 0.0,
        faults: Fault | None = None,
    ) -> None:
        self._ids = range(start, start + count)
        self._retry = retry
        self._data = data
        self._then = then
        self._pause = pause
        self._faults = faults

    def __call__(self, request: RecordedRequest) -> Step:
        """The step for this request."""
        left = self._after(request.header("last-event-id") or "")
        if self._then == "stop" and not left:
            return Answer(status=204)
        end: Ending = "hang" if self._then == "hang" else "finish"
        answer = Answer(body=self._body(left), end=end)
        return answer if self._faults is None else self._faults(request, answer)

    def event(self, n: int) -> str:
        """The event with the ID ``n``, as it is sent."""
        data = (
            self._data(n) if callable(self._data) else self._data.replace("{n}", str(n))
        )
        return encode(ServerSentEvent(data=data, id=str(n))).decode()

    def _after(self, last_event_id: str) -> range:
        try:
            return self._ids[self._ids.index(int(last_event_id)) + 1 :]
        except ValueError:  # not a number, or not one of ours
            return self._ids

    def _body(self, ids: range) -> Iterator[Piece]:
        if self._retry is not None:
            yield f"retry: {self._retry}\n\n"
        for n in ids:
            yield self.event(n)
            if self._pause:
                yield Pause(self._pause)


class RandomFaults:
    """Faults for the connections of a feed, the same ones for the same seed.

    Attributes:
        happened: What became of each connection so far, in order; None: no fault.

    Args:
        seed: What decides.
        limit: After so many faults there are no more; None: no end of them.
        rate: The share of connections that meet one.
        kinds: Which may happen; one named twice is twice as likely.
        reach: How many bytes of a body, framing included, a fault may let through.
        retry_after: The Retry-After of a 503 that has one, in seconds.
    """

    def __init__(
        self,
        seed: int,
        *,
        limit: int | None = None,
        rate: float = 1.0,
        kinds: Sequence[FaultKind] = FAULT_KINDS,
        reach: int = 1000,
        retry_after: int = 1,
    ) -> None:
        self.happened: list[FaultKind | None] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._limit = limit
        self._rate = rate
        self._kinds = kinds
        self._reach = reach
        self._retry_after = retry_after
        self._lock = threading.Lock()

    def __call__(self, request: RecordedRequest, answer: Answer) -> Step:
        """The step that this connection gets instead of ``answer``, or ``answer``."""
        del request
        with self._lock:
            kind, size, is_asked_to_wait = self._drawn()
            self.happened.append(kind)
        match kind:
            case None:
                return answer
            case "end":
                some = islice(pieces_of(answer.body), size // _EVENT_SIZE)
                return replace(answer, body=some, end="finish")
            case "close":
                return Close()
            case "busy":
                wait = [("Retry-After", str(self._retry_after))] * is_asked_to_wait
                return Answer(503, headers=wait, body="busy\n", framing="length")
            case _:
                return replace(answer, stop_after=size, end=_ENDINGS[kind])

    def _drawn(self) -> tuple[FaultKind | None, int, bool]:
        # Always the same draws, so that no setting shifts those of later connections.
        strikes = self._random.random() < self._rate
        kind = self._random.choice(self._kinds)
        size = self._random.randint(0, self._reach)
        is_asked_to_wait = self._random.random() < 0.5  # noqa: PLR2004 - a coin
        faults = len(self.happened) - self.happened.count(None)
        is_over = self._limit is not None and faults >= self._limit
        return (kind if strikes and not is_over else None), size, is_asked_to_wait
