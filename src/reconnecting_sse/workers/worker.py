"""``SubscriptionWorker``: the loop around a handler, which nobody has to write."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.subscription.custody import AsyncCustody
from reconnecting_sse.workers.options import WorkOptions
from reconnecting_sse.workers.run import durable_of
from reconnecting_sse.workers.running import AsyncRun, SyncRun
from reconnecting_sse.workers.signals import taken
from reconnecting_sse.workers.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from httpxr.sse import ServerSentEvent
    from tenacity import BaseRetrying

    from reconnecting_sse.core.health import Health
    from reconnecting_sse.core.lifecycle import Gap
    from reconnecting_sse.source import ReconnectingEventSource
    from reconnecting_sse.subscription.durable import DurableSubscription
    from reconnecting_sse.workers.probes import Probes
    from reconnecting_sse.workers.telemetry import Telemetry

_Run = TypeVar("_Run", SyncRun, AsyncRun)


class SubscriptionWorker:
    """Hands a source's events to a handler, until it is told to stop.

    An event whose handler returned is done, and its position is committed with the next
    commit; so after a crash those handled since come again. With ``transactional`` the
    handler's effects and the position are one.

    ``stop()`` and ``health()`` may be called from any thread or signal handler.

    Args:
        source: A source with ``store=`` and ``name=``, that nobody else iterates.
        handler: Called with each event; a plain function for ``run()``, a coroutine
            function for ``arun()``.
        transactional: The handler is called with an event and a connection, as
            ``source.transaction()`` gives it; what it writes there is committed
            together with the event's position, or not at all.
        batch: The handler is called with lists of so many events at most, of those that
            have come.
        concurrency: How many calls there may be at once: threads for ``run()``, tasks
            for ``arun()``. Above 1 there is no order but that of ``key``.
        key: Events with equal keys are handled one after the other, in order; what has
            the key None is in no order.
        window: How many events are in hand at most, waiting or being handled, before
            no more are read; by default 16 for each call.
        retrying: A ``tenacity.Retrying``: its ``stop``, ``wait`` and ``retry`` say how
            often the handler is called with an event that it raised for, and after how
            long; by default 5 times, with pauses that double, spread, up to 30 s.
        dead_letters: Whether an event that it raised for to the end, or raised
            ``Reject`` for once, is put aside in the store, so that the feed goes on;
            otherwise the worker stops before it.
        max_deliveries: How often an event is begun whose handler ends the process,
            before it is put aside, too.
        deduplicate: How many IDs are remembered, of those that events had themselves:
            an event with one of them is not handled again.
        on_gap: Called with a ``Gap`` when events may have been missed; what it returns
            (an iterable of events, on the async face also an async iterable, or a
            coroutine) is handled before the feed goes on. None is nothing.
        drain_timeout: Seconds that handlers have to end, once the worker is to stop.
        stalled_after: Seconds after which an event in hand means that it is stuck.
        probes: Where to serve ``/live``, ``/ready`` and ``/metrics`` while it runs, as
            "127.0.0.1:8080"; metrics need the extra ``prometheus``.
        telemetry: A ``Telemetry`` of its own: spans and metrics by OpenTelemetry (extra
            ``otel``).

    Raises:
        TypeError: The source has no store, or a keyword is of a wrong type.
        ValueError: A keyword's value has no meaning.
    """

    def __init__(
        self,
        source: ReconnectingEventSource,
        handler: Callable[..., Any],
        *,
        transactional: bool = False,
        batch: int | None = None,
        concurrency: int = 1,
        key: Callable[[ServerSentEvent], Hashable] | None = None,
        window: int | None = None,
        retrying: BaseRetrying | None = None,
        dead_letters: bool = True,
        max_deliveries: int = 5,
        deduplicate: int = 0,
        on_gap: Callable[[Gap], Any] | None = None,
        drain_timeout: float = 20.0,
        stalled_after: float = 300.0,
        probes: str | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._source = source
        self._options = WorkOptions(
            handler=self._told(handler, telemetry),
            transactional=transactional,
            batch=batch,
            concurrency=concurrency,
            key=key,
            window=window,
            retrying=retrying,
            dead_letters=dead_letters,
            max_deliveries=max_deliveries,
            deduplicate=deduplicate,
            on_gap=on_gap,
            drain_timeout=drain_timeout,
            stalled_after=stalled_after,
        )
        subscription = durable_of(source)
        if telemetry is not None:
            self._tell(telemetry, subscription)
        self._source_is_async = isinstance(subscription.custody, AsyncCustody)
        self._watch = Watch(source, subscription, stalled_after)
        self._probes = None if probes is None else self._probes_at(probes)
        self._run: SyncRun | AsyncRun | None = None
        self._is_stopped = False

    def run(self) -> None:
        """Work until ``stop()``, a signal, or the feed's end.

        In the main thread SIGTERM and SIGINT are a ``stop()``, where nobody else
        handles them; a second one ends the process at once.

        Raises:
            TypeError: The handler is a coroutine function, or the client asynchronous.
            DrainTimeout: A handler did not end in time; the claim is not released.
            EventNotHandled: A handler failed, and dead letters are not wanted.
            ClaimLost: Another process has taken over.
            SSEError: The subscription is over, and why.
            RuntimeError: It was run before, or the source read.
        """
        self._options.check_face(self._source_is_async, is_async=False)
        with taken(self.stop), self._probes or nullcontext():
            self._begun(SyncRun).run()

    async def arun(self) -> None:
        """As ``run``, on the async face; a cancellation breaks handlers off."""
        self._options.check_face(self._source_is_async, is_async=True)
        with taken(self.stop), self._probes or nullcontext():
            await self._begun(AsyncRun).run()

    def _begun(self, kind: Callable[..., _Run]) -> _Run:
        if self._run is not None:
            raise RuntimeError("a worker runs once: make another one")
        self._run = run = kind(self._source, self._options, self._watch)
        if self._is_stopped:
            run.stop()
        return run

    def stop(self) -> None:
        """Read no more, finish what was begun, commit, release, and return.

        What was read and not begun comes again in the next life. Takes no lock, and may
        be called any number of times.
        """
        self._is_stopped = True
        if self._run is not None:
            self._run.stop()

    def health(self) -> Health:
        """How it is, as a value: what probes and metrics are made of."""
        run = self._run
        return self._watch.health(None if run is None else run.desk)

    @staticmethod
    def _told(handler: Any, telemetry: Telemetry | None) -> Any:
        if telemetry is None or not callable(handler):
            return handler
        return telemetry.around(handler, is_async=is_coroutine_function(handler))

    def _tell(self, telemetry: Telemetry, subscription: DurableSubscription) -> None:
        effects = subscription.effects
        telemetry.bind(
            url=effects.url,
            method=effects.method,
            name=subscription.holding.durability.name,
            health=self.health,
        )
        effects.listen(telemetry.hear)

    def _probes_at(self, address: str) -> Probes:
        from reconnecting_sse.workers.probes import Probes  # noqa: PLC0415  (seldom)

        return Probes(address, self._healths)

    def _healths(self) -> list[Health]:
        return [self.health()]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._source!r}>"


def work_of(worker: SubscriptionWorker) -> DurableSubscription:
    """What a worker works on, where that is on the async face; ``Workers`` asks.

    Raises:
        TypeError: It is of the other face.
    """
    parts = vars(worker)
    parts["_options"].check_face(parts["_source_is_async"], is_async=True)
    return durable_of(parts["_source"])
