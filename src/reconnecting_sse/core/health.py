"""How a worker is, and what that means to those who watch over it.

``is_live``: a restart would not help. ``is_ready``: it does its work, or stands by for
whoever does. A quiet feed, a reconnect and a slow handler are no illness.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconnecting_sse.core.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_OPEN_SECONDS = 60.0
STORE_FAILING_SECONDS = 10.0
LOOP_SECONDS = 10.0
SILENCE_FACTOR = 2.0
"""How many times what is normal a silence may last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A worker at one moment; durations in seconds.

    Attributes:
        name: The durable name.
        state: The source's.
        is_owner: Whether the claim is this worker's, as far as it knows: not once a
            lease has ended that it could not renew.
        token: The claim's, or None before one.
        position: What a new life would resume after.
        position_age: Since that moved; None before it did in this life.
        events: How many events were handed over in this life.
        uncommitted: How many events the store does not have.
        in_hand: How many wait or are being handled.
        oldest_in_hand: Since the oldest of those that are being handled was begun.
        last_byte_age: Since bytes last came; None before the first.
        silent_for: For which a read has waited for bytes; None while nothing is read.
        normal_silence: What is normal for the feed; None where that is unknown.
        not_open_for: Since no stream is open; None while one is, or another worker has
            the name.
        store_failing_for: Since the store fails, or leaves a call without an answer;
            None while it does not.
        loop_age: Since the event loop last turned; None without one, and after the end.
        stalled_after: How long one event may be handled.
        reconnects: Ends that another attempt followed, by cause.
        dead_letters: How many events were put aside in this life.
    """

    name: str = ""
    state: State = State.CONNECTING
    is_owner: bool = False
    token: int | None = None
    position: str = ""
    position_age: float | None = None
    events: int = 0
    uncommitted: int = 0
    in_hand: int = 0
    oldest_in_hand: float | None = None
    last_byte_age: float | None = None
    silent_for: float | None = None
    normal_silence: float | None = None
    not_open_for: float | None = None
    store_failing_for: float | None = None
    loop_age: float | None = None
    stalled_after: float = 300.0
    reconnects: Mapping[str, int] = field(default_factory=dict)
    dead_letters: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it can go on by itself."""
        return not self._why_dead

    @property
    def is_ready(self) -> bool:
        """Whether it does what it is there for."""
        return not self.why

    @property
    def why(self) -> str:
        """What is wrong, in a few words; empty if nothing is."""
        return self._why_dead or self._why_not_ready

    @property
    def _why_dead(self) -> str:
        if _exceeds(self.loop_age, LOOP_SECONDS):
            return f"the event loop has not turned for {self.loop_age:.0f} s"
        if _exceeds(self.oldest_in_hand, self.stalled_after):
            return f"an event is being handled for {self.oldest_in_hand:.0f} s"
        return ""

    @property
    def _why_not_ready(self) -> str:
        if _exceeds(self.store_failing_for, STORE_FAILING_SECONDS):
            return f"the store fails for {self.store_failing_for:.0f} s"
        if self.state is State.STANDBY:
            return ""
        if self.state is State.CLOSED:
            return "it has ended"
        if _exceeds(self.not_open_for, NOT_OPEN_SECONDS):
            return f"no stream is open for {self.not_open_for:.0f} s"
        if self.normal_silence is not None:
            limit = SILENCE_FACTOR * self.normal_silence
            if _exceeds(self.silent_for, limit):
                return (
                    f"no byte has come for {self.silent_for:.0f} s, where"
                    f" {self.normal_silence:.0f} s are normal"
                )
        return ""


def _exceeds(seconds: float | None, limit: float) -> bool:
    return seconds is not None and seconds >= limit
