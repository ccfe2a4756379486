"""Trying a handler: once without a crash, then with one at each boundary."""

from __future__ import annotations

import inspect
import reprlib
import secrets
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.callers import plain
from reconnecting_sse.testing.crashes.boundaries import Boundary, chosen
from reconnecting_sse.testing.crashes.lives import Life, lived
from reconnecting_sse.testing.crashes.plan import Plan, Trial, numbered
from reconnecting_sse.testing.crashes.report import CrashPoint, CrashReport
from reconnecting_sse.testing.crashes.tracing import code_of
from reconnecting_sse.testing.crashes.work import live, made_source

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable, Sequence

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.commits import CommitPolicy
    from reconnecting_sse.stores.store import Store


def crash_points(
    handler: Callable[..., Any],
    *,
    store: Callable[[], Store],
    effects: Callable[[], Iterable[Any]],
    # the feed
    events: int = 3,
    event: Callable[[int], ServerSentEvent] = numbered,
    key: Callable[[ServerSentEvent], object] | None = None,
    effects_per_event: int = 1,
    # the work
    loop: bool = False,
    commits: CommitPolicy | None = None,
    modules: Sequence[types.ModuleType] = (),
    # bounds
    boundaries: int = 100,
    seconds: float = 10.0,
    **worker: Any,
) -> CrashReport:
    """Kill a handler at each boundary between two effects, and start it again.

    A boundary is before each line of the handler's file that it runs, and before and
    after each call that changes the store. For each of them a forked process works
    through a feed from memory and kills itself there; another one works on, to the
    end; then ``effects`` is counted. The first process is not killed, and has to have
    the effects that are expected.

    Events, IDs and durable names are others for each boundary, so nothing has to be
    cleared away in between. Nothing is sent anywhere but by the handler.

    Args:
        handler: As for a ``SubscriptionWorker``: a function of an event, an event and a
            connection (``transactional=True``), or lists (``batch=``); or a coroutine
            function.
        store: Makes the store, in each process; not a ``MemoryStore``, which dies with
            it.
        effects: What the handler has effected so far, one item for each effect: an
            event's ID, or a row that begins with it. Called in this process.
        events: How many events a feed has.
        event: Makes the event of a number, which no other feed has, with an ID of its
            own; by default its ID is the number, and its data ``{"n": number}``.
        key: What effects name instead of the ID, such as a number in the event's data.
        effects_per_event: How many each event has.
        loop: The handler is a loop of its own, and called with a source, within that
            source's ``with`` block.
        commits: When positions are committed; by default as soon as an event is done.
        modules: Further modules whose lines are boundaries, beside the handler's file.
        boundaries: At how many boundaries it is killed at most. If there are more, each
            line and call has its turn before any has a second one, and the report says
            which had none.
        seconds: How long a process may live.
        worker: Keywords for the ``SubscriptionWorker``. A handler that raises is tried
            twice, without a pause, and then ends its process, unless these say more.

    Raises:
        AssertionError: Without a crash, not each event has its effects.
        ValueError: A number has no meaning.
        TypeError: The handler is no Python function, or ``effects`` gives no effects.
        RuntimeError: Nothing forks here.
    """
    __tracebackhide__ = True
    code = code_of(handler)
    plan = Plan(
        name=code.co_name if code.co_name != "__call__" else type(handler).__name__,
        handler=handler,
        store=store,
        effects=effects,
        events=events,
        event=event,
        key=key or _id_of,
        effects_per_event=effects_per_event,
        loop=loop,
        files=[code.co_filename, *map(_file, modules)],
        boundaries=boundaries,
        seconds=seconds,
        commits=commits,
        worker=worker,
    )
    return _Try(plan).report()


def _id_of(event: ServerSentEvent) -> str:
    return event.id


def _file(module: types.ModuleType) -> str:
    return inspect.getsourcefile(module) or module.__name__


class _Try:
    """All lives of a handler."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._token = secrets.token_hex(4)
        self._number = 0
        self._unreached: list[str] = []

    def report(self) -> CrashReport:
        """Live without a crash, then with one at so many boundaries at most."""
        __tracebackhide__ = True
        began_at = time.monotonic()
        # What is imported late is imported here, once: it takes 60 ms in each process.
        made_source([], is_async=self._plan.is_async)
        found = self._rehearsed()
        visited = chosen(found, self._plan.boundaries)
        points = [self._crashed(boundary) for boundary in visited]
        return CrashReport(
            handler=self._plan.name,
            points=tuple(point for point in points if point is not None),
            unvisited=tuple(str(b) for b in found if b not in visited),
            unreached=tuple(self._unreached),
            has_transactions=any("of a transaction" in b.place for b in found),
            seconds=time.monotonic() - began_at,
        )

    def _next(self) -> Trial:
        trial = self._plan.trial(self._number, self._token)
        self._number += 1
        return trial

    def _life(self, trial: Trial, deadly: Boundary | None = None) -> Life:
        return lived(partial(live, trial, deadly), seconds=self._plan.seconds)

    # ------------------------------------------------------------------ without a crash

    def _rehearsed(self) -> list[Boundary]:
        __tracebackhide__ = True
        trial = self._next()
        self._check_before(trial)
        life = self._life(trial)
        if life.end != "ended":
            why = f"killed by signal {life.told}" if life.end == "killed" else life.told
            raise AssertionError(f"{self._plan.name} fails without any crash:\n{why}")
        self._check_effects(trial, life.told["warned"])
        return [Boundary(**boundary) for boundary in life.told["passed"]]

    def _check_before(self, trial: Trial) -> None:
        __tracebackhide__ = True
        if self._counts(trial):
            raise AssertionError(
                "effects= gives effects of events that nobody has handled yet: let each"
                " test have an empty place for them, such as tmp_path"
            )

    def _check_effects(self, trial: Trial, warned: list[str]) -> None:
        __tracebackhide__ = True
        counts, wanted = self._counts(trial), self._plan.effects_per_event
        wrong = [f"{n}: {counts[n]}" for n in trial.names.values()]
        if any(counts[name] != wanted for name in trial.names.values()):
            said = (
                f"{self._plan.name}: without any crash, each event must have"
                f" {_effects(wanted)}, and they had: {'; '.join(wrong)}."
                f" effects= gives {reprlib.repr(list(self._plan.effects()))}."
            )
            raise AssertionError("\n".join([said, *warned, _NOT_ONE_EACH]))

    # ------------------------------------------------------------------ with one

    def _crashed(self, boundary: Boundary) -> CrashPoint | None:
        """Killed there, and started again; None: it did not come there."""
        trial = self._next()
        first = self._life(trial, boundary)
        if first.end == "ended":
            self._unreached.append(str(boundary))
            return None
        if first.end != "killed":
            return CrashPoint(name=str(boundary), error=first.told)
        second = self._life(trial)
        counts, wanted = self._counts(trial), self._plan.effects_per_event
        return CrashPoint(
            name=str(boundary),
            lost=tuple(n for n in trial.names.values() if counts[n] < wanted),
            twice=tuple(n for n in trial.names.values() if counts[n] > wanted),
            error="" if second.end == "ended" else str(second.told),
        )

    def _counts(self, trial: Trial) -> Counter[str]:
        """How many effects each event of a trial has."""
        key, name_of = self._plan.key, trial.name_of
        named = {str(key(event)): name_of(event.id) for event in trial.events}
        given = plain(self._plan.effects(), "effects= is a plain function")
        keys = [_key_of(effect) for effect in given]
        return Counter(named[found] for found in keys if found in named)


_NOT_ONE_EACH = (
    "Is everything awaited that has to be? Is no error swallowed? Is what is kept in"
    " memory written before the end? Does effects= give every effect, as the event's"
    " ID, or a row that begins with it (or with what key= says)?"
)


def _effects(count: int) -> str:
    return "one effect" if count == 1 else f"{count} effects"


def _key_of(effect: Any) -> str:
    """What an effect, or a row of it, names."""
    if isinstance(effect, (str, int)):
        return str(effect)
    try:
        return str(effect[0])
    except (TypeError, LookupError) as error:
        raise TypeError(
            "effects= gives an event's ID for each effect, or a row that begins with"
            f" it, not {effect!r}"
        ) from error
