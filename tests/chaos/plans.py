"""What becomes of each connection: drawn from the seed and the connection's number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

NEWLINES = (b"\n", b"\r\n", b"\r")

PLACES = ("headers", "chunk size", "character", "field", "newline", "anywhere")
"""Where an answer is cut off."""

CUTS = ("end", "reset", "stall", "garbage")
"""How: the connection ends, is reset, stays open and silent, or goes on as garbage."""

STATUSES = (429, 500, 502, 503, 504)

REFUSALS = ("unread", "unread reset", "unanswered", "unanswered reset", "garbage")
"""No answer at all; before or after the request was read."""

_KINDS = {"cut": 60, "status": 10, "redirect": 10, "refusal": 12}
_CUT_WEIGHTS = (50, 30, 10, 10)
_MOST_HOPS = 3
_FRAMINGS = ("chunked", "chunked", "chunked", "chunked", "length", "close")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the feed sends its events over one connection.

    Attributes:
        piece: How many bytes are written, compressed and framed at a time.
        events: After how many it ends the stream cleanly, or None.
        is_torn: Whether such an end comes within the next event.
    """

    newline: bytes
    framing: str
    coding: str | None
    piece: int
    events: int | None
    is_torn: bool
    has_bom: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What the proxy does to one connection.

    Attributes:
        kind: Of ``cut``, ``status``, ``redirect`` and ``refusal``.
        after: How many bytes of the answer pass before a cut, if it is not in the
            headers.
        dripped: How many bytes of the answer are sent one by one.
        retry_after: The value of that header, or None.
        leaves: Whether a redirect goes to the other origin.
    """

    kind: str
    place: str = ""
    cut: str = ""
    after: int = 0
    dripped: int = 0
    status: int = 0
    retry_after: int | None = None
    leaves: bool = False
    refusal: str = ""
    garbage: bytes = field(default=b"", repr=False)

    @property
    def name(self):
        """What it does, to be counted."""
        match self.kind:
            case "cut":
                return f"cut: {self.place}, {self.cut}"
            case "status":
                wait = "" if self.retry_after is None else f", {self.retry_after} s"
                return f"status: {self.status}{wait}"
            case "redirect":
                return "redirect: " + ("other origin" if self.leaves else "same origin")
            case "refusal":
                return f"refusal: {self.refusal}"
        return self.kind


def plan_of(seed, number, reach, hops=0):
    """The plan for a connection; the same one each time.

    Args:
        reach: How many bytes pass before a cut, on average.
        hops: How many redirects have led here.
    """
    draw = random.Random(f"{seed}/{number}/plan")
    kinds = dict(_KINDS)
    if hops >= _MOST_HOPS:
        del kinds["redirect"]
    (kind,) = draw.choices(list(kinds), weights=list(kinds.values()))
    place = draw.choice(PLACES)
    (cut,) = draw.choices(CUTS, weights=_CUT_WEIGHTS)
    far = draw.expovariate(1 / reach)
    return Plan(
        kind=kind,
        place=place,
        cut=cut,
        after=draw.randrange(1, 90) if place == "headers" else int(far),
        dripped=draw.choice((0, 0, 400, 1200)),
        status=draw.choice(STATUSES),
        # A second of waiting is worth having rarely.
        retry_after=draw.choice((None, None, None, 0, 0, 0, 0, 1)),
        leaves=draw.random() < 0.5,
        refusal=draw.choice(REFUSALS),
        garbage=draw.randbytes(draw.randrange(1, 200)),
    )


def delivery_of(seed, number, reach):
    """How the feed answers on a connection; the same each time."""
    draw = random.Random(f"{seed}/{number}/delivery")
    framing = draw.choice(_FRAMINGS)
    may_end = framing == "length" or draw.random() < 0.15
    return Delivery(
        newline=draw.choice(NEWLINES),
        framing=framing,
        coding=draw.choice((None, None, None, "gzip", "deflate")),
        piece=draw.choice((11, 70, 500, 4000, 16000)),
        events=int(draw.expovariate(40 / reach)) if may_end else None,
        is_torn=draw.random() < 0.5,
        has_bom=draw.random() < 0.3,
    )
