"""Signals that raise at any moment, and again while the first is being settled.

A signal handler runs where the interpreter looks for signals: as a function begins, as
a call of a built-in one has returned, and as a loop jumps back. Each such moment where
a subscription is driven is tried. (Coroutines that were made, and by a signal never
awaited, are Python's to warn of.)
"""

from __future__ import annotations

import dis
import gc
import sys
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from reconnecting_sse import Dialect, core
from tests.scenarios import Interruption, Played, Reply

FACES = ("sync", "async")

pytestmark = [
    pytest.mark.endurance,
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "ignore:coroutine .* was never awaited:RuntimeWarning",
    ),
]


@pytest.fixture(autouse=True)
def _warned_of_here():
    yield
    gc.collect()


ROOT = Path(core.__file__).parents[1]
FILES = {str(path) for path in (ROOT / "subscription").iterdir()}
FILES |= {str(ROOT / "core" / f"{name}.py") for name in ("loop", "session")}
LAST = 3


@cache
def looks_after(code):
    """Where in the code the interpreter has just looked for signals, or may have."""
    found, previous = {}, None
    for instruction in dis.get_instructions(code):
        if previous is not None and previous.opname in ("RESUME", "JUMP_BACKWARD"):
            found[instruction.offset] = False
        elif previous is not None and previous.opname.startswith("CALL"):
            found[instruction.offset] = True
        previous = instruction
    return found


class Signals:
    """Raises at the n-th moment, counted from when it is armed."""

    def __init__(self, moment, *, is_armed=True):
        self.moment, self.is_armed, self.has_struck = moment, is_armed, False
        self._seen = 0
        self._has_returned = None  # a frame of Python's: no look behind that

    def __enter__(self):
        self._before = sys.gettrace()  # coverage's, mostly
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_):
        sys.settrace(self._before)

    def _enter(self, frame, _event, _arg):
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame, event, _arg):
        if event == "return":
            self._has_returned = frame.f_back
        elif event == "opcode":
            is_behind_a_call = looks_after(frame.f_code).get(frame.f_lasti)
            came_back, self._has_returned = self._has_returned, None
            if is_behind_a_call is False or (
                is_behind_a_call and came_back is not frame
            ):
                self._look()
        return self._step

    def _look(self):
        if self.is_armed and not self.has_struck:
            self._seen += 1
            if self._seen > self.moment:
                self.has_struck = True
                sys.settrace(None)
                raise Interruption


def rest_of_the_feed(request):
    """All events after the cursor, with comments among them; then 204."""
    cursor = int(request.headers.get("last-event-id", "0"))
    if cursor == LAST:
        return Reply(204)
    numbers = range(cursor + 1, LAST + 1)
    blocks = [b":%d\nid: %d\ndata: %d\n\n" % (n, n, n) for n in numbers]
    return Reply(body=(b"".join(blocks[:2]), *blocks[2:]))


def played_on(monkeypatch, face, **options):
    played = Played(monkeypatch, face, [], "GET", options)
    monkeypatch.setattr(played.server, "answer", rest_of_the_feed)
    return played


def answers_first(monkeypatch, played, reply):
    replies = iter([reply])
    monkeypatch.setattr(
        played.server,
        "answer",
        lambda request: next(replies, None) or rest_of_the_feed(request),
    )


def assert_that_nothing_is_lost(played):
    assert played.error is None
    assert played.trace.events == [str(n) for n in range(1, LAST + 1)]
    assert played.source.state == "closed"
    assert played.trace.lines[-1] == ("ended",)
    assert played.source.stats.events == LAST


OPTIONS = {
    "plain": {},
    "until": {"until": lambda event: event.id == str(LAST)},
    "watched": {
        "dialect": Dialect(is_gap=lambda event: event.id == "2"),
        "on_comment": lambda _: None,
        "until": lambda event: event.id == str(LAST),
    },
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("face", FACES)
def test_a_signal_at_any_moment_loses_nothing(monkeypatch, face, name):
    for moment in count():
        played = played_on(monkeypatch, face, **OPTIONS[name])
        with Signals(moment) as signals:
            played.consume()
        if not signals.has_struck:
            break
        played.consume()
        assert_that_nothing_is_lost(played)
    assert moment > 100


@pytest.mark.parametrize("face", FACES)
def test_a_signal_while_another_is_settled_loses_nothing(monkeypatch, face):
    for moment in count():
        played = played_on(monkeypatch, face)
        signals = Signals(moment, is_armed=False)

        def interrupt(signals=signals):
            signals.is_armed = True
            raise Interruption

        cut = Reply(body=(b"id: 1\ndata: 1\n\n", interrupt))
        answers_first(monkeypatch, played, cut)
        with signals:
            played.consume()
        if not signals.has_struck:
            break
        played.consume()
        assert_that_nothing_is_lost(played)
    assert moment > 10


@pytest.mark.parametrize("face", FACES)
def test_a_loop_that_died_while_it_was_settled_is_begun_anew(monkeypatch, face):
    striking = ["stream.dropped", "stream.open"]

    class Logger:
        def info(self, name, **_):
            if name in striking:
                striking.remove(name)
                raise Interruption

        debug = warning = info

    played = played_on(monkeypatch, face, logger=Logger())
    played.consume()
    assert striking == []
    assert played.source.state == "connecting"
    played.consume()
    assert_that_nothing_is_lost(played)
