"""What a life does: the caller's handler, worked with until the feed ends."""

from __future__ import annotations

import asyncio
import time
import warnings
from contextvars import ContextVar
from dataclasses import asdict
from functools import wraps
from typing import TYPE_CHECKING, Any

import httpxr
from tenacity import Retrying, stop_after_attempt

from reconnecting_sse.source import ReconnectingEventSource, subscription_of
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing.crashes.boundaries import Boundaries, BoundedStore
from reconnecting_sse.testing.crashes.feed import AsyncFeed, Feed
from reconnecting_sse.testing.crashes.tracing import LineTracer
from reconnecting_sse.workers.worker import SubscriptionWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.subscription.holding import Holding
    from reconnecting_sse.testing.crashes.boundaries import Boundary
    from reconnecting_sse.testing.crashes.plan import Trial

URL = "https://crash-points.test/"
SETTLING_SECONDS = 0.2
"""How long a line waits, at most, until what was done before it is committed."""

_in_hand: ContextVar[str] = ContextVar("in_hand")


def live(trial: Trial, deadly: Boundary | None = None) -> dict[str, Any]:
    """A whole life, in a process of its own: what it came to, and was warned of."""
    boundaries = Boundaries(deadly)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Work(trial, boundaries).do()
    return {
        "passed": [asdict(boundary) for boundary in boundaries.passed],
        "warned": [
            f"{type(w.message).__name__}: {w.message}"
            for w in caught
            if issubclass(w.category, RuntimeWarning)
        ],
    }


def made_source(
    events: Sequence[ServerSentEvent], *, is_async: bool, **options: Any
) -> ReconnectingEventSource:
    """A source of these events, which then ends."""
    client: httpxr.Client | httpxr.AsyncClient
    if is_async:
        client = httpxr.AsyncClient(transport=AsyncFeed(events), trust_env=False)
    else:
        client = httpxr.Client(transport=Feed(events), trust_env=False)
    return ReconnectingEventSource(client, "GET", URL, on_end="finish", **options)


class Work:
    """What a life does, with what it needs for that."""

    def __init__(self, trial: Trial, boundaries: Boundaries) -> None:
        self._trial = trial
        self._plan = plan = trial.plan
        self._is_async = plan.is_async
        self._boundaries = boundaries
        self._tracer = LineTracer(plan.files, self.reach_line)
        self._source = self._made_source(self._made_store())

    def _made_store(self) -> Any:
        store = self._plan.store()
        if isinstance(store, MemoryStore):
            raise TypeError(
                "a MemoryStore dies with its process, and so does what it knows: try"
                " the handler with the store that it will have, such as an SqliteStore"
            )
        # A keeper that is a task has its turn when the handler awaits something.
        self._has_thread = not store.is_async
        return BoundedStore(store, self._boundaries.reach, self._trial.name_of)

    def _made_source(self, store: Any) -> ReconnectingEventSource:
        return made_source(
            self._trial.events,
            is_async=self._is_async,
            store=store,
            name=self._trial.durable_name,
            commits=self._plan.policy,
        )

    # ------------------------------------------------------------------ working

    def do(self) -> None:
        """From the claim to the release."""
        if self._is_async:
            with self._tracer.tracing():
                asyncio.run(self._aloop() if self._plan.loop else self._worker().arun())
        elif self._plan.loop:
            with self._source, self._tracer.tracing():
                self._plan.handler(self._source)
        else:
            self._worker().run()

    async def _aloop(self) -> None:
        async with self._source:
            await self._plan.handler(self._source)

    def _worker(self) -> SubscriptionWorker:
        options = {
            "retrying": Retrying(stop=stop_after_attempt(2)),
            "dead_letters": False,
            **self._plan.worker,
        }
        watched = self._awatched() if self._is_async else self._watched()
        return SubscriptionWorker(self._source, watched, **options)

    def _watched(self) -> Callable[..., Any]:
        handler = self._plan.handler

        @wraps(handler, updated=())
        def call(*args: Any) -> Any:
            _in_hand.set(self._named(args[0]))
            with self._tracer.tracing():  # a worker's thread
                return handler(*args)

        return call

    def _awatched(self) -> Callable[..., Any]:
        handler = self._plan.handler

        @wraps(handler, updated=())
        async def call(*args: Any) -> Any:
            _in_hand.set(self._named(args[0]))
            return await handler(*args)

        return call

    def _named(self, argument: Any) -> str:
        events = argument if isinstance(argument, list) else [argument]
        first, last = (self._trial.name_of(events[n].id) for n in (0, -1))
        return first if first == last else f"{first} to {last.removeprefix('event ')}"

    # ------------------------------------------------------------------ lines

    def reach_line(self, name: str, text: str) -> None:
        """A line is about to run."""
        if self._has_thread:
            settle(vars(subscription_of(self._source))["holding"])
        handed = self._trial.name_of(self._source.last_event_id)
        self._boundaries.reach_line(name, text, _in_hand.get(handed))


def settle(holding: Holding) -> None:
    """Let what is done be committed first: it may be, while the next line runs."""
    end = time.monotonic() + SETTLING_SECONDS
    while _waits(holding) and time.monotonic() < end:
        time.sleep(0.0005)


def _waits(holding: Holding) -> bool:
    """Whether a keeper, in its thread, is about to commit."""
    if holding.ledger is None or holding.has_transaction or holding.error:
        return False
    with holding.lock:
        return bool(holding.ledger.has_news)
