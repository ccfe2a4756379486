"""When positions are committed, as the caller wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPolicy:
    """When the position of what is done goes to the store.

    Attributes:
        mode: "auto": an event is done when the next one is asked for; "manual": when
            ``source.commit(event)`` says so.
        every: Done events after which a commit is made before the next event is handed
            over, whatever the interval; None for none.
        interval: Seconds between commits, where there is anything new.
        max_uncommitted: How many done events may wait for a store that does not take
            them, before no more are handed over; in manual mode also how many may be
            handed over and not be done, before that is an error.
        max_delay: Seconds that one may wait so.
        patience: Seconds for which a store is tried that cannot be reached.

    Raises:
        ValueError: A value has no meaning.
    """

    mode: Literal["auto", "manual"] = "auto"
    every: int | None = None
    interval: float = 1.0
    max_uncommitted: int = 100_000
    max_delay: float = 60.0
    patience: float = 600.0

    def __post_init__(self) -> None:
        if self.mode not in ("auto", "manual"):
            raise ValueError(f'mode= is "auto" or "manual", not {self.mode!r}')
        for name in ("every", "max_uncommitted"):
            count = getattr(self, name)
            if count is not None and not count >= 1:
                raise ValueError(f"{name}= is a number of events, from 1, not {count}")
        for name in ("interval", "max_delay", "patience"):
            seconds = getattr(self, name)
            if not seconds >= 0:  # nor NaN
                raise ValueError(f"{name}= is seconds, not {seconds}")
        if not self.interval:
            raise ValueError("interval= is seconds, more than none")
