"""What is told on stderr, beside the events on stdout."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import structlog

from reconnecting_sse.cli.saying import say, say_above
from reconnecting_sse.core.errors import MESSAGE_LIMIT, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from reconnecting_sse import StreamStats

    Facts = MutableMapping[str, Any]


# What the library calls by a keyword that this program has an option for.
_OPTIONS = {
    "connect_timeout": "--connect-timeout",
    "content_types": "--any-content-type",
    "header_timeout": "--header-timeout",
    "idle_timeout": "--idle-timeout",
    "last_event_id": "--last-event-id",
    "lease": "--lease SECONDS",
    "max_event_bytes": "--max-event-bytes",
    "name": "--name NAME",
    "verify": "--cacert FILE",
}
_CLAUSES = re.compile(r"(; |, or )")
_KEYWORD = re.compile(r"(?<![^\s(])([a-z_]+)=(?:\w+|\"\w*\")?")


def in_options(text: str) -> str:
    """The library's words, said of this program's options.

    Advice that it has no option for is left out.
    """
    fact, *rest = _CLAUSES.split(text)
    advice = zip(rest[::2], rest[1::2], strict=True)
    kept = [a for a in advice if _OPTIONS.keys() >= set(_KEYWORD.findall(a[1]))]
    told = fact + "".join(link + clause for link, clause in kept)
    return _KEYWORD.sub(lambda keyword: _OPTIONS.get(keyword[1], keyword[0]), told)


class _Lines:
    """What structlog writes to: each line is shown, whatever its level."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = show


def line_logger(show: Callable[[str], None], *processors: Any) -> Any:
    """A logger that shows what the processors make of a fact, if they make a line."""
    return structlog.wrap_logger(_Lines(show), processors=processors)


def attempts_only() -> Any:
    """A logger that says each failed attempt in one line, and when it was the last."""
    return line_logger(say, _with_options, AttemptLines())


def everything() -> Any:
    """A logger that says all there is, for ``--verbose``."""
    return line_logger(
        say,
        _with_options,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.processors.KeyValueRenderer(
            key_order=["timestamp", "level", "event"]
        ),
    )


def facts(feed: str = "") -> Any:
    """A logger that says what a worker's operator is to know, a line a fact."""
    return line_logger(say_above, _with_options, AttemptLines(feed))


def as_objects(*, is_verbose: bool) -> Any:
    """A logger that says all, or all but details, as one JSON object a line."""
    processors = (
        *(() if is_verbose else (_without_details,)),
        _with_options,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    )
    return line_logger(say, *processors)


def _without_details(_logger: object, method: str, facts: Facts) -> Facts:
    if method == "debug":
        raise structlog.DropEvent
    return facts


def _with_options(_logger: object, _method: str, facts: Facts) -> Facts:
    for name, value in facts.items():
        if isinstance(value, str):
            facts[name] = in_options(value)
    return facts


class AttemptLines:
    """A structlog processor: a failed attempt's two facts become one line.

    Args:
        feed: What each line is about, where there are several.
    """

    def __init__(self, feed: str = "") -> None:
        self._about = f"{printable(feed)}: " if feed else ""
        self._failure = self._lost = ""
        self._last_event_id = ""
        self._was_open = False

    def __call__(self, _logger: object, _method: str, facts: Facts) -> str:
        return f"{time.strftime('%H:%M:%S')} {self._about}{self._line(facts)}"

    def _line(self, facts: Facts) -> str:
        if facts["event"].startswith("store."):
            return _of_store(facts)
        if facts["event"] in _LINES:
            return _LINES[facts["event"]](facts)
        match facts["event"]:
            case "stream.gap":
                return f"warning: {facts['event']}: {facts['reason']}"
            case "stream.connecting":
                self._last_event_id = facts["last_event_id"]
            case "stream.dropped":
                self._failure = facts.get("error", facts["cause"])
                self._lost = _lost(facts)
            case "stream.waiting":
                wait = f"next attempt in {facts['delay']:.1f} s"
                return f"{self._failure}{self._lost and f'; {self._lost}'} [{wait}]"
            case "stream.open":
                return self._opened()
            case "stream.closed" if facts["reason"] != "closed" and _lost(facts):
                return _lost(facts)
        raise structlog.DropEvent

    def _opened(self) -> str:
        had_failed, self._failure = bool(self._failure), ""
        again, self._was_open = " again" * self._was_open, True
        if not had_failed:
            raise structlog.DropEvent
        cursor = shortened(self._last_event_id)
        where = f", after id={cursor}" * bool(cursor)
        return f"connected{again}{where}"


def _of_store(facts: Facts) -> str:
    name = facts["durable_name"]
    match facts["event"]:
        case "store.standby":
            return f"standing by: {facts['owner']} holds {name!r}"
        case "store.claimed" if "advice" in facts:
            return f"warning: {name!r}: {facts['advice']}"
        case "store.paused":
            return f"waiting for the store: {facts['error']}"
        case "store.resumed":
            return "the store is there again"
    raise structlog.DropEvent


def _of_failure(facts: Facts) -> str:
    what = facts.get("error", facts["cause"])
    again = f" [begun again in {facts['delay']:.0f} s]" if "delay" in facts else ""
    return f"warning: {what}{again}"


_TEXTS = {
    "worker.retrying": "{key}: {cause}, attempt {attempt} [next in {delay:.1f} s]",
    "worker.dead_letter": "warning: {key} is a dead letter: {cause}",
    "worker.careful": "warning: the last process was killed: one event at a time",
    "worker.replaying": "replaying {key}",
    "worker.filling": "filling the gap after {position}",
    "worker.filled": "the gap is filled, events: {events}",
    "worker.draining": "stopping, events to be finished: {begun}",
    "fleet.joining": "{member} joins the fleet of {feeds} feeds",
    "fleet.members": "members of the fleet: {members}",
    "fleet.taking": "{durable_name}: taking it",
    "fleet.shedding": "{durable_name}: leaving it to another",
    "fleet.paused": "warning: waiting for the store: {error}",
    "fleet.resumed": "the store is there again",
    "fleet.cautious": "warning: no beat for {gap:.1f} s: nothing is taken for a while",
    "fleet.unserved": "warning: nobody has room for {feeds} of the feeds",
    "fleet.left": "left the fleet",
}
_LINES: dict[str, Callable[[Facts], str]] = {
    **{event: text.format_map for event, text in _TEXTS.items()},
    "worker.failed": _of_failure,
}


def _lost(facts: Facts) -> str:
    count = facts.get("unfinished_bytes", 0)
    lost = counted(count, "byte")
    return f"{lost} of an unfinished event discarded" if count else ""


def summary(stats: StreamStats, last_event_id: str) -> str:
    """What a run came to, in one line."""
    drops = sum(stats.reconnects.values())
    what = "reconnect" if stats.connections else "failed attempt"
    causes = ", ".join(f"{n} {cause}" for cause, n in stats.reconnects.items())
    return (
        f"{counted(stats.events, 'event')}, {counted(stats.connections, 'connection')},"
        f" {counted(drops, what)}{causes and f' ({causes})'},"
        f" last event ID {shortened(last_event_id, MESSAGE_LIMIT)!r}"
    )


def counted(number: int, noun: str) -> str:
    """The number and its noun."""
    return f"{number} {noun}{'s' * (number != 1)}"
