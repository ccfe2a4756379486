"""What a server's answer says, read without a socket or a clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from reconnecting_sse.core.documents import LINES
from reconnecting_sse.core.errors import (
    StreamError,
    UnexpectedContentType,
    UnexpectedStatus,
    redacted,
    shortened,
)
from reconnecting_sse.core.media import content_codings, media_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.sent import Sent


EVENT_STREAM = "text/event-stream"
EVENTS = frozenset({EVENT_STREAM})

ANY_TYPE = "*"
"""Among wanted content types: any other is one, too, and none at all."""

_OK = 200
_TOO_LONG = (400, 413, 414, 431)  # what servers answer to an ID that is too long
_CODINGS = frozenset({"deflate", "gzip", "x-gzip"})
_OPTIONAL_CODINGS = frozenset({"br", "zstd"})

_LONG_ID = 500  # bytes; the servers' limits begin at some thousands for all headers

_SECONDS = re.compile(r"[0-9]+")  # RFC 9110, section 10.2.3: delay-seconds
_MANY_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Detour:
    """Redirects that left the caller's headers, auth and cookies behind.

    Attributes:
        start: The URL that they began at.
        strangers: The origins that were not to have them.
    """

    start: str
    strangers: tuple[str, ...]

    def hint(self, url: str) -> str:
        """What may be wrong with the answer of ``url``, and what to do."""
        way = f"from {redacted(self.start)} to {redacted(url)}"
        return (
            f"your headers, auth and cookies were left behind by the redirect {way};"
            f" give a source trusted_origins={list(self.strangers)} to send them there"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's status and headers, and the beginning of an error's body.

    Attributes:
        url: The URL that answered, or an empty string.
        headers: Pairs of lower-case name and value, in the order sent.
        refusal: Why a redirect was not followed, where one was not.
        sent: What was sent for it, where that is known.
        wanted: The content types that are read as events.
        id_bytes: How long the ``Last-Event-ID`` was that was sent for it.
        detour: The way that led to it, where something was left behind on it.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    refusal: str = ""
    url: str = ""
    sent: Sent | None = None
    wanted: frozenset[str] = EVENTS
    id_bytes: int = 0
    detour: Detour | None = None

    def values(self, name: str) -> list[str]:
        """The values of all headers of that name, in order."""
        return [value for known, value in self.headers if known == name]

    def header(self, name: str) -> str | None:
        """The header's last value, or None."""
        return next(reversed(self.values(name)), None)

    def position(self, names: Iterable[str]) -> str | None:
        """What the first of the headers present says, or None."""
        values = (self.header(name) for name in names)
        return next((value for value in values if value is not None), None)

    @property
    def content_type(self) -> str:
        """The essence of the content type: lower case, without parameters."""
        return media_type(self.values("content-type"))

    @property
    def content_encoding(self) -> str:
        """The encoding that nobody has undone, or an empty string."""
        return ", ".join(content_codings(self.values("content-encoding")))

    def decoded(self) -> Answer:
        """The same, where somebody has undone the encoding already."""
        headers = tuple(h for h in self.headers if h[0] != "content-encoding")
        return replace(self, headers=headers)

    @property
    def is_event_stream(self) -> bool:
        """Whether this is an answer whose body is to be read as events."""
        is_stream = self.status == _OK and is_among(self.content_type, self.wanted)
        return is_stream and not self.content_encoding

    @property
    def may_be_endless(self) -> bool:
        """Whether its body is one to be read as it comes: events, or lines of JSON."""
        is_success = self.status // 100 == _OK // 100
        return is_success and self.content_type in LINES | {EVENT_STREAM}

    def retry_after(self, wall: float, longest: float) -> float | None:
        """Seconds that ``Retry-After`` asks for, within 0 and ``longest``.

        A date is read relative to the response's own ``Date``, without one to
        ``wall``, the POSIX time at which the response arrived (RFC 9110, 10.2.3).
        """
        value = (self.header("retry-after") or "").strip()
        if _SECONDS.fullmatch(value):
            digits = value.lstrip("0") or "0"
            return (
                longest if len(digits) > _MANY_DIGITS else min(float(digits), longest)
            )
        due = _posix(value)
        if due is None:
            return None
        sent = _posix(self.header("date") or "")
        return min(max(due - (wall if sent is None else sent), 0.0), longest)


def _posix(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        # "-0000" has no zone; HTTP dates are always GMT (RFC 9110, section 5.6.7).
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def refusal(answer: Answer, url: str) -> StreamError:
    """The error that an answer other than an open stream is; ``url`` was asked for."""
    shown = redacted(url)
    if answer.status != _OK:
        kind: type[StreamError] = UnexpectedStatus
        message = f"{shown} answered {answer.status}: {_hint(answer)}"
    else:
        kind = UnexpectedContentType
        message = f"{shown} answered 200 {mismatch(answer, answer.wanted)}"
    return kind(
        message,
        url=url,
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
    )


def is_among(content_type: str, wanted: frozenset[str]) -> bool:
    """Whether it is a wanted content type."""
    return content_type in wanted or ANY_TYPE in wanted


def mismatch(answer: Answer, wanted: frozenset[str]) -> str:
    """What an answer came with instead of a wanted content type, and what to do."""
    if is_among(answer.content_type, wanted):
        return _undecodable(answer.content_encoding)
    # A value that is no content type is shown as it came.
    said = answer.content_type or ", ".join(answer.values("content-type"))
    got = repr(shortened(said)) if said else "no content type"
    expected = " or ".join(map(repr, sorted(wanted - LINES)))
    lines = " or lines of JSON" * (wanted >= LINES)
    return f"with {got}, expected {expected}{lines}; {_hint(answer)}"


def _undecodable(coding: str) -> str:
    missing = frozenset(coding.split(", ")) - _CODINGS
    is_optional = bool(missing) and missing <= _OPTIONAL_CODINGS
    install = 'pip install "reconnecting-sse[compression]", or ' * is_optional
    return (
        f"in the encoding {shortened(coding)!r}, which cannot be decoded here;"
        f" {install}have the server send gzip, or none"
    )


def _hint(answer: Answer) -> str:
    is_ok = answer.status == _OK
    doubt = "is this the stream's URL?" if is_ok else _doubt(answer)
    said = answer.refusal or doubt
    if answer.detour is None:
        return said
    behind = answer.detour.hint(answer.url)
    # It is what a question would ask for.
    return behind if said is doubt and said.endswith("?") else f"{said}; {behind}"


def _doubt(answer: Answer) -> str:
    status = answer.status
    if status in _TOO_LONG and (doubt := doubt_about_id(answer.id_bytes)):
        return doubt
    if status in (401, 403, 407):
        return "are the credentials right, and still valid?"
    if status == 429:  # noqa: PLR2004
        return "the server asks for fewer requests"
    if status >= 500:  # noqa: PLR2004
        return "the server is in trouble"
    if status == 431:  # noqa: PLR2004
        return "the request's headers are too large for the server: cookies, a token?"
    return "expected 200; is this the stream's URL?"


def doubt_about_id(size: int) -> str:
    """What may be wrong with a ``Last-Event-ID`` of so many bytes, or ``""``."""
    if size < _LONG_ID:
        return ""
    return f"the Last-Event-ID of {size} bytes may be too long for it, or for a proxy"
