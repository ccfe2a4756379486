"""What a position is to a feed, and how it travels: the feed's dialect of resuming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconnecting_sse.core.cursor import (
    LAST_EVENT_ID,
    ByBody,
    ByFunction,
    ByHeader,
    ByQuery,
    ByUrl,
)
from reconnecting_sse.core.headers import is_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.cursor import Way

    Predicate = Callable[[ServerSentEvent], object]
    Position = Callable[[ServerSentEvent, str], str | None]
    Resume = Way | Callable[[Any, str], Any]

PLACE = "{position}"
"""Where a template has the position."""

RESUMED_AFTER = ("Mercure-Last-Event-ID",)
"""Response headers that name the position resumed after, where nobody says others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a feed is resumed. The default is the standard's, to the letter.

    Attributes:
        position: Called with each event as it is handed over, and the position before
            it; gives the position after it, or None where the event does not move it.
            Without one the position is the last event ID. With one ``id:`` fields move
            nothing.
        resume: How the position travels: ``by_header()``, ``by_query(name)``,
            ``by_body(name)``, ``by_url(template)``, or a function that is called with
            the ``StreamRequest`` and the position and gives the request to send.
            Nothing else carries it.
        once: Names of parameters and headers that only a start without a position may
            have: with one they would start the feed over.
        gap_headers: Response headers that name the position resumed after; when the
            first one present differs from what was sent, that is a gap.
        is_gap: Whether an event says by itself that others were missed. It is handed
            over all the same.
        is_end: Whether an event says that the feed is over for good.
    """

    position: Position | None = None
    resume: Resume = LAST_EVENT_ID
    once: tuple[str, ...] = ()
    gap_headers: tuple[str, ...] = RESUMED_AFTER
    is_gap: Predicate | None = None
    is_end: Predicate | None = None

    def __post_init__(self) -> None:
        for name in ("once", "gap_headers"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise TypeError(f"{name}= is a tuple of names: write ({value!r},)")
        if not (isinstance(self.resume, ByHeader | ByQuery) or callable(self.resume)):
            raise TypeError(
                "resume= is by_header(), by_query(name), by_body(name),"
                f" by_url(template) or a function, not {self.resume!r}"
            )

    @property
    def way(self) -> Way:
        """How the position travels, as a value."""
        resume = self.resume
        is_way = isinstance(resume, ByHeader | ByQuery)
        return resume if is_way else ByFunction("")  # type: ignore[return-value]


STANDARD = Dialect()
"""WHATWG HTML, section 9.2."""


def by_header(name: str = "Last-Event-ID") -> ByHeader:
    """The position travels as a header field.

    Raises:
        ValueError: No field can have that name.
    """
    if not is_token(name):
        raise ValueError(f"no header field can be named {name!r}")
    return ByHeader(name.encode())


def by_query(name: str) -> ByQuery:
    """The position travels as a parameter of the query."""
    return ByQuery(name)


def by_body(name: str) -> ByBody:
    """The position travels as a field of the JSON object given as ``json=``."""
    return ByBody(name)


def by_url(template: str) -> ByUrl:
    """The position travels in the URL: once there is one, this is asked for.

    Raises:
        ValueError: The template has no ``{position}``.
    """
    if PLACE not in template:
        raise ValueError(f"{template!r} has no {PLACE}: nothing would be resumed")
    return ByUrl(template)


def filled(template: str, position: str) -> str:
    """The URL with the position in its place, escaped."""
    return template.replace(PLACE, quote(position, safe=""))
