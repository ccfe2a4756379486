"""What came of it: in values, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 10
"""How many of a kind are printed; the rest is counted."""

_LOST = (
    "Lost: the event was done, or its position committed, before its effect was there."
    " Let the effect be written, flushed and awaited before the handler returns, or"
    " commit() is called; or write both in one transaction (transactional=True,"
    " source.transaction())."
)
_TWICE = (
    "Twice: the effect was there, and the position not yet. Write both in one"
    " transaction (transactional=True, source.transaction()), or make the effect"
    " idempotent: under the event's ID, so that a second time changes nothing (INSERT …"
    " ON CONFLICT DO NOTHING)."
)
_PAST_IT = (
    "Twice: it was written past the transaction, and stayed when that was rolled back."
    " Write on the connection that the transaction gives, and on no other; what is not"
    " in this store (a mail, a request) has to be idempotent."
)
_FAILED = (
    "Failed: the life after the crash could not go on. What a handler finds half done"
    " it has to put right, or to do again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """A boundary at which the process was killed, and what the next life made of it.

    Attributes:
        name: Where that was: the event in hand, and the line or the store's call.
        lost: The events that have fewer effects than without a crash.
        twice: Those that have more.
        error: Why the next life, or this one, came to no good end; empty if it did.
    """

    name: str
    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    error: str = ""

    def __str__(self) -> str:
        return "\n".join([self.name, *self._findings()])

    def _findings(self) -> Iterator[str]:
        if self.lost:
            yield f"    lost: {', '.join(self.lost)}"
        if self.twice:
            yield f"    twice: {', '.join(self.twice)}"
        if self.error:
            yield _indented(f"failed: {self.error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What came of killing a handler at its boundaries.

    Attributes:
        handler: Its name.
        points: The boundaries at which it was killed, in order.
        unvisited: Those at which it was not, as there were more than ``boundaries=``.
        unreached: Those that another life did not come to: threads, tasks and clocks
            are not the same each time.
        has_transactions: Whether it has any.
        seconds: How long it took.
    """

    handler: str
    points: tuple[CrashPoint, ...]
    unvisited: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    has_transactions: bool = False
    seconds: float = 0.0

    @property
    def lost(self) -> tuple[CrashPoint, ...]:
        """Where something was lost."""
        return tuple(point for point in self.points if point.lost)

    @property
    def twice(self) -> tuple[CrashPoint, ...]:
        """Where something came twice."""
        return tuple(point for point in self.points if point.twice)

    @property
    def failed(self) -> tuple[CrashPoint, ...]:
        """Where a life came to no good end."""
        return tuple(point for point in self.points if point.error)

    def assert_exactly_once(self) -> None:
        """Nothing was lost, nothing came twice, and every next life went on.

        Raises:
            AssertionError: It says where, what, and how to repair it.
        """
        __tracebackhide__ = True
        self._assert(self.lost + self.failed + self.twice, "exactly once")

    def assert_at_least_once(self) -> None:
        """Nothing was lost, and every next life went on.

        Raises:
            AssertionError: It says where, what, and how to repair it.
        """
        __tracebackhide__ = True
        self._assert(self.lost + self.failed, "at least once")

    def _assert(self, found: tuple[CrashPoint, ...], promise: str) -> None:
        __tracebackhide__ = True
        if found:
            kept = [point for point in self.points if point in found]
            raise AssertionError("\n".join(self._words(kept, f"not {promise}")))

    def __str__(self) -> str:
        found = [p for p in self.points if p.lost or p.twice or p.error]
        return "\n".join(self._words(found, "not exactly once"))

    def _words(self, found: list[CrashPoint], verdict: str) -> Iterator[str]:
        visited = f"killed at {len(self.points)} boundaries and started again"
        if found:
            yield f"{self.handler} is {verdict}: {visited}, it failed at {len(found)}."
        else:
            yield f"{self.handler}: {visited}, it lost and repeated nothing."
        yield from _listed("", [str(point) for point in found])
        yield from self._repairs(found)
        yield from _listed(
            f"Not visited: {len(self.unvisited)} more boundaries; boundaries= says how"
            " many are",
            [f"    {name}" for name in self.unvisited],
        )
        yield from _listed(
            "Not visited, as no other life came to them",
            [f"    {name}" for name in self.unreached],
        )

    def _repairs(self, found: list[CrashPoint]) -> Iterator[str]:
        if any(point.lost for point in found):
            yield _LOST
        if any(point.twice for point in found):
            yield _PAST_IT if self.has_transactions else _TWICE
        if any(point.error for point in found):
            yield _FAILED


def _listed(heading: str, lines: list[str]) -> Iterator[str]:
    if lines and heading:
        yield f"{heading}:"
    yield from islice(lines, SHOWN)
    if len(lines) > SHOWN:
        yield f"    … and {len(lines) - SHOWN} more"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
