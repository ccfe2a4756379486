"""An answer's bytes through the reader, cut as one likes, and what comes of it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from reconnecting_sse.transports.http1.faults import Fault
from reconnecting_sse.transports.http1.head import HeadReader

places = st.lists(st.integers(0, 2000), max_size=12)


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def headed(*pieces):
    """The first outcome but "more", and all that came behind it."""
    reader = HeadReader()
    for number, piece in enumerate(pieces):
        outcome = reader.receive(piece)
        if outcome is not None:
            return outcome, reader.rest + b"".join(pieces[number + 1 :])
    return None, b""


def fault_of(*pieces):
    outcome, _ = headed(*pieces)
    assert isinstance(outcome, Fault), outcome
    return outcome.message


def drained(payload, pieces, *, is_over=True):
    """All that the pieces are worth, and how it went on: done, bad, cut or open."""
    parts = []
    for piece in pieces:
        if payload.is_done or payload.fault is not None:
            break
        parts.append(payload.feed(piece))
    if payload.fault is not None:
        return b"".join(parts), "bad"
    if payload.is_done:
        return b"".join(parts), "done"
    if not is_over:
        return b"".join(parts), "open"
    return b"".join(parts), "done" if payload.may_end else "cut"
