"""A reader that runs in a thread, what a probe finds, and the list of probes."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconnecting_sse.testing import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.peers.readers import Reader, Seen
    from reconnecting_sse.testing import Script

WAIT = 3.0
"""How long what should happen at once is waited for."""


@dataclass(frozen=True)
class Finding:
    """Whether a client did as the rule says, and what it did.

    Attributes:
        kept: None: the rule does not apply to it.
    """

    kept: bool | None
    said: str = ""


@dataclass(frozen=True)
class Probe:
    """One behaviour, tried on one kind of reader."""

    name: str
    title: str
    run: Callable[[type[Reader]], Finding]


PROBES: dict[str, Probe] = {}


def slug(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def probe(title: str, name: str = "") -> Callable[[Any], Any]:
    """Register a probe under its function's name; the title heads its row."""

    def registered(run: Callable[[type[Reader]], Finding], name: str = name) -> Any:
        name = name or run.__name__
        assert name not in PROBES
        PROBES[name] = Probe(name, title, run)
        return run

    return registered


class Running:
    """A reader in a thread of its own.

    Attributes:
        events: What came so far.
        end: How its loop ended, in words; empty while it goes on.
        error: What its loop raised.
    """

    def __init__(
        self, reader: Reader, events: Callable[[], Iterator[Seen]] | None = None
    ) -> None:
        self.reader = reader
        self.events: list[Seen] = []
        self.end = ""
        self.error: BaseException | None = None
        self.ended_at = 0.0
        self._iterate = events or reader.events
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        end = "ends"
        try:
            for event in self._iterate():
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            self.error = error
            end = f"raises {type(error).__name__}"
        with self._changed:
            self.end = end
            self.ended_at = time.monotonic()
            self._changed.notify_all()

    def wait(self, count: int | None = None, seconds: float = WAIT) -> bool:
        """Wait for so many events, or without a count for the end of the loop."""

        def is_so() -> bool:
            return bool(self.end) or (count is not None and len(self.events) >= count)

        with self._changed:
            self._changed.wait_for(is_so, seconds)
        return len(self.events) >= count if count is not None else bool(self.end)

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    def __str__(self) -> str:
        got = shortened(", ".join(map(repr, self.data))) or "nothing"
        return f"got {got}; {self.end or 'goes on waiting'}"


MUCH = 99
"""More requests than any client makes within a probe."""


def shortened(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def endless(script: Script) -> Script:
    """The script; who asks for more than it has waits in silence."""
    return script if callable(script) else [*script, *[Answer(end="hang")] * MUCH]


@contextmanager
def playing(
    kind: type[Reader], script: Script, path: str = "/", **options: Any
) -> Iterator[tuple[ScriptedServer, Running]]:
    """A server with this script, and a reader that has just begun."""
    with ScriptedServer(endless(script)) as server:
        yield server, Running(kind(server.url + path, **options))


def delivers(
    kind: type[Reader],
    script: Script,
    expected: list[str],
    *,
    seconds: float = WAIT,
    **options: Any,
) -> Finding:
    """Whether exactly these data come, in this order."""
    with playing(kind, script, **options) as (_, running):
        running.wait(len(expected), seconds)
        kept = running.data == expected
        return Finding(kept, "" if kept else str(running))


def event(number: int, data: str = "") -> str:
    return f"id: {number}\ndata: {data or number}\n\n"


def then(*body: Any, **options: Any) -> Answer:
    """An event stream that stays open after its body."""
    return Answer(body=body, end="hang", **options)


def drops(kind: type[Reader], *body: Any) -> Answer:
    """An event stream that ends in the way which this client survives best."""
    return Answer(body=body, end=kind.drop)
