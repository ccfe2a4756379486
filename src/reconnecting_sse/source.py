"""``ReconnectingEventSource``: what its users hold, over the parts that do the work."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from reconnecting_sse.core.answer import EVENT_STREAM
from reconnecting_sse.core.decoder import MAX_EVENT_BYTES
from reconnecting_sse.core.documents import (
    AsyncJSONIterator,
    JSONDocuments,
    JSONIterator,
)
from reconnecting_sse.core.errors import redacted
from reconnecting_sse.core.session import StreamSession
from reconnecting_sse.core.states import State
from reconnecting_sse.core.stats import StreamStats
from reconnecting_sse.exchange.client import ClientSettings, Transports, is_async
from reconnecting_sse.exchange.hop import check
from reconnecting_sse.exchange.request import INHERIT
from reconnecting_sse.exchange.runners import current_task
from reconnecting_sse.exchange.urls import with_base
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.subscription import log
from reconnecting_sse.subscription.attempts import Attempts
from reconnecting_sse.subscription.batches import AsyncBatches, Batches
from reconnecting_sse.subscription.checks import Checks
from reconnecting_sse.subscription.drivers import AsyncEvents, Events
from reconnecting_sse.subscription.durable import DurableSubscription
from reconnecting_sse.subscription.effects import AsyncEffects, SyncEffects
from reconnecting_sse.subscription.holding import Holding
from reconnecting_sse.subscription.lingering import Lingering
from reconnecting_sse.subscription.options import (
    check_plain,
    check_prepare,
    content_types_of,
    dialect_of,
    durability_of,
    end_of,
    event_bytes_of,
    heard_by,
    initial_position,
    one_policy,
    passes_over,
    repeatable_request,
    timeouts_of,
)
from reconnecting_sse.subscription.subscription import Subscription
from reconnecting_sse.transports.abort import AbortSignal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator
    from typing import Self

    import httpxr
    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.core.commits import CommitPolicy
    from reconnecting_sse.core.dialect import Dialect
    from reconnecting_sse.core.lifecycle import Gap, Lifecycle
    from reconnecting_sse.core.policy import ReconnectPolicy
    from reconnecting_sse.core.strategies import (
        RetryStrategy,
        StopStrategy,
        WaitStrategy,
    )
    from reconnecting_sse.exchange.request import Prepare
    from reconnecting_sse.stores.store import Store


class ReconnectingEventSource:
    """A subscription: the events of a stream, across every way it can fail.

    Nothing happens until it is iterated, by ``for`` or ``iter_sse()`` with an
    ``httpxr.Client``, by ``async for`` or ``aiter_sse()`` with an
    ``httpxr.AsyncClient``. Events come in order, each
    once per connection; after a drop the request is sent again with the
    ``Last-Event-ID`` of the last event that the caller was handed.

    ``close()``, and reading the properties, is safe from any thread or signal handler;
    iterating belongs to one thread or task at a time.

    Args:
        client: Its headers, cookies, auth, params, base URL and hooks are used, as
            they are at each attempt.
        method: The request's method.
        url: The request's URL.
        headers: Replace the client's by name.
        params: Follow the URL's own query and the client's.
        json: The request's body, sent with every attempt.
        data: As ``json``, form-encoded.
        content: As ``json``, bytes or str as they are.
        cookies: Sent beside the client's.
        auth: Instead of the client's; None is without.
        follow_redirects: At most 10 each attempt, from the original URL again.
        trusted_origins: Other origins, as ``"https://host"``, to which redirects may
            take the headers, auth and cookies, too.
        compress: Offers what can be decoded, instead of ``Accept-Encoding: identity``:
            for servers that flush what they compress.
        content_types: What is read as events, whatever its parameters; "*" is any
            type, or none.
        last_event_id: The ID, or the dialect's position, to resume after on the first
            attempt.
        dialect: What a position is to this feed, and how it travels, where that is not
            the standard's ``Last-Event-ID``.
        prepare: Called before every attempt with the ``StreamRequest`` about to be
            sent and the ``Attempt``; returns the request to send. May be a coroutine
            function with an ``AsyncClient``.
        policy: When to reconnect; or ``wait``, ``stop``, ``retry`` directly.
        wait: A tenacity wait strategy.
        stop: A tenacity stop strategy.
        retry: A tenacity retry strategy.
        on_end: What a clean end of the body means; default: "reconnect", but
            "finish" for POST and PATCH.
        resend: Whether a POST or PATCH may be sent again although the server may have
            acted on it.
        until: Ends the iteration after the first event that it accepts. The clean end
            of a POST or PATCH before that is ``StreamEnded``, unless ``on_end`` says
            what it is.
        connect_timeout: Seconds until the connection stands.
        header_timeout: Seconds from then until the response's headers are complete.
        idle_timeout: Seconds of silence after which the connection counts as lost;
            "adaptive" learns from the stream: three times its longest silences, at
            least 10 and at most 300 seconds.
        max_event_bytes: The largest event that is accepted; None lifts the limit.
        too_large: What one larger than that means: "raise" an ``EventTooLarge``, or
            "skip" it, as a gap; its ID counts.
        store: Where the position is kept, so that it outlives the process: claimed on
            the first attempt, which then resumes after the committed position;
            ``last_event_id`` counts where there is none.
        name: The durable name under which it is kept.
        lease: Seconds for which the claim is good and renewed: others under the name
            stand by. Without one, whoever claims later takes over.
        commits: When positions are committed, and how many may wait for that.
        on_comment: Called with each comment's text, heartbeats most of the time, when
            the events before it were handed over.
        on_lifecycle: Called with each ``Lifecycle`` fact, typed, as it is logged.
        on_gap: Called with a ``Gap`` when events may have been missed.
        logger: A structlog logger, or one of the standard library's, instead of the
            default one.

    Raises:
        TypeError: The client is no httpxr client, ``policy`` came together with a
            strategy, the body cannot be sent twice, or a keyword is of a wrong type.
        RuntimeError: The client was closed.
        ValueError: The last event ID is one that no event can have, or was given twice
            with different values; or a keyword's value has no meaning.
        httpxr.InvalidURL: The URL is none that one can ask for; it is a ``ValueError``.
        httpxr.LocalProtocolError: The method, or a header, would break the request.
    """

    def __init__(
        self,
        client: httpxr.Client | httpxr.AsyncClient,
        method: str,
        url: str,
        *,
        # the request
        headers: Any = None,
        params: Any = None,
        json: Any = None,
        data: Any = None,
        content: bytes | str | None = None,
        cookies: Any = None,
        auth: Any = INHERIT,
        follow_redirects: bool = True,
        trusted_origins: Collection[str] = (),
        compress: bool = False,
        content_types: Collection[str] = (EVENT_STREAM,),
        last_event_id: str | None = None,
        dialect: Dialect | None = None,
        prepare: Prepare | None = None,
        # reconnecting
        policy: ReconnectPolicy | None = None,
        wait: WaitStrategy | None = None,
        stop: StopStrategy | None = None,
        retry: RetryStrategy | None = None,
        on_end: Literal["reconnect", "finish"] | None = None,
        resend: bool = False,
        until: Callable[[ServerSentEvent], object] | None = None,
        # limits
        connect_timeout: float | None = 10.0,
        header_timeout: float | None = 30.0,
        idle_timeout: float | Literal["adaptive"] | None = 300.0,
        max_event_bytes: int | None = MAX_EVENT_BYTES,
        too_large: Literal["raise", "skip"] = "raise",
        # outliving the process
        store: Store | None = None,
        name: str | None = None,
        lease: float | None = None,
        commits: CommitPolicy | None = None,
        # being seen
        on_comment: Callable[[str], object] | None = None,
        on_lifecycle: Callable[[Lifecycle], object] | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        logger: Any = None,
    ) -> None:
        self._is_async = is_async(client)
        self._url = with_base(str(url), client.base_url)
        check_prepare(prepare, is_async=self._is_async)
        check_plain(until=until, on_comment=on_comment, on_lifecycle=on_lifecycle)
        request = repeatable_request(
            method,
            url,
            headers=headers,
            params=params,
            json=json,
            data=data,
            content=content,
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            trusted_origins=trusted_origins,
            compress=compress,
        )
        transports, settings = Transports(client), ClientSettings.of(client)
        asked = replace(request, position="")  # the ID is checked by itself
        check(asked, settings, transports, is_async=self._is_async)
        check_plain(on_gap=on_gap)
        speaks = dialect_of(dialect)
        durability = durability_of(
            store, name, lease, commits, is_async=self._is_async, dialect=speaks
        )
        self._clock = clocks.CLOCK
        idle, timeouts = timeouts_of(connect_timeout, header_timeout, idle_timeout)
        self._session = StreamSession(
            one_policy(policy, wait=wait, stop=stop, retry=retry),
            url=self._url,
            method=method,
            last_event_id=initial_position(last_event_id, request, client, speaks),
            on_end=end_of(on_end),
            resend=resend,
            has_until=until is not None or speaks.is_end is not None,
            max_event_bytes=event_bytes_of(max_event_bytes),
            hears_comments=on_comment is not None,
            passes_over=passes_over(too_large),
            dialect=speaks,
            watches_gaps=on_gap is not None or dialect is not None,
            idle=idle,
            durable_name=name,
        )
        signal = AbortSignal()
        attempts = Attempts(
            client=client,
            transports=transports,
            request=request,
            content_types=content_types_of(content_types),
            dialect=speaks,
            prepare=prepare,
            url=self._url,
            timeout=timeouts.as_extension(),
            logger=log.logger_of(logger),
            signal=signal,
            listeners=[
                hear for hear in (on_lifecycle, on_gap and heard_by(on_gap)) if hear
            ],
            on_comment=on_comment,
        )
        self._effects = (
            AsyncEffects(attempts) if self._is_async else SyncEffects(attempts)
        )
        checks = Checks(until, speaks.is_end, speaks.is_gap, speaks.position)
        parts = (self._session, self._effects, signal, checks)
        self._subscription = (
            Subscription(*parts)
            if durability is None
            else DurableSubscription(*parts, Holding(durability))
        )
        done = partial(self._subscription.end, "done")
        self._documents = JSONDocuments("event", done)

    # ------------------------------------------------------------------ iterating

    def __iter__(self) -> Iterator[ServerSentEvent]:
        return self.iter_sse()

    def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        return self.aiter_sse()

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """The events; iterating again, or another iterator, goes on after the last.

        Raises:
            TypeError: The client is an ``AsyncClient``.
            SSEError: When iterated: the subscription is over, and why.
            RuntimeError: When iterated: another thread is reading already.
        """
        self._check_face(is_async=False, instead="async for, or aiter_sse()")
        return Events(self._subscription)

    def aiter_sse(self) -> AsyncIterator[ServerSentEvent]:
        """As ``iter_sse``, on the async face."""
        self._check_face(is_async=True, instead="for, or iter_sse()")
        return AsyncEvents(self._subscription)

    def batches(
        self, *, max_events: int = 500, max_seconds: float = 0.0
    ) -> Iterator[list[ServerSentEvent]]:
        """Lists of the events that have arrived, in order; with a store done as one.

        Args:
            max_events: How many a list has at most.
            max_seconds: How long is waited for more, once one has come.

        Raises:
            TypeError: The client is an ``AsyncClient``.
            ValueError: A number has no meaning, or commits are manual.
        """
        self._check_face(is_async=False, instead="abatches()")
        self._gather(max_events, max_seconds)
        return Batches(self._subscription, max_events)

    def abatches(
        self, *, max_events: int = 500, max_seconds: float = 0.0
    ) -> AsyncIterator[list[ServerSentEvent]]:
        """As ``batches``, on the async face."""
        self._check_face(is_async=True, instead="batches()")
        self._gather(max_events, max_seconds)
        return AsyncBatches(self._subscription, max_events)

    def _gather(self, max_events: int, max_seconds: float) -> None:
        if not max_events >= 1:
            raise ValueError(f"max_events= is a number, from 1, not {max_events}")
        if not max_seconds >= 0:  # nor NaN
            raise ValueError(f"max_seconds= is seconds, not {max_seconds}")
        self._subscription.check_batches()
        if max_seconds:
            self._effects.linger(Lingering(max_events, max_seconds))

    def iter_json(self) -> Iterator[Any]:
        """Each event's data as JSON; ``[DONE]`` ends the subscription.

        Raises:
            json.JSONDecodeError: When iterated: data is not JSON; it says which.
        """
        self._check_face(is_async=False, instead="aiter_json()")
        return JSONIterator(Events(self._subscription), self._documents)

    def aiter_json(self) -> AsyncIterator[Any]:
        """As ``iter_json``, on the async face."""
        self._check_face(is_async=True, instead="iter_json()")
        return AsyncJSONIterator(AsyncEvents(self._subscription), self._documents)

    def _check_face(self, *, is_async: bool, instead: str) -> None:
        if self._is_async is not is_async:
            kind = "AsyncClient" if self._is_async else "Client"
            raise TypeError(f"the client is an httpxr.{kind}: use {instead}")

    # ------------------------------------------------------------------ committing

    def commit(self, event: ServerSentEvent) -> None:
        """Say that an event is done; its position is recorded with the next commit.

        In manual mode from any thread, in any order: committed is the last position
        before the first event that is not done. In auto mode for the event in hand.

        Raises:
            ValueError: It was committed already, or is none of this source's.
            ClaimLost: Another process has taken over.
            TypeError: There is no store.
        """
        self._subscription.commit(event)

    def transaction(self) -> Any:
        """The effects of the event in hand and its position, in one transaction.

        ``with source.transaction() as connection:`` (``async with`` on the async face)
        in the loop's body: what is written on ``connection`` is committed together with
        the position, or neither is. One for each event or batch; ``connection`` is the
        store's own kind, and only the end of the block commits it. An exception in the
        block rolls all back.

        Raises:
            RuntimeError: Outside a loop's body, within another one, or a second time
                for the same event.
            ClaimLost: Another process has taken over: all is rolled back.
            StoreUnavailable: The store failed, and it is rolled back.
            TypeError: There is no store.
        """
        return self._subscription.transaction()

    # ------------------------------------------------------------------ stopping

    def close(self) -> None:
        """End the subscription; whoever is blocked in it is released within 100 ms.

        Takes no lock, logs nothing, and may be called on either face, from any thread
        or signal handler, any number of times.
        """
        self._subscription.end("closed")

    async def aclose(self) -> None:
        """As ``close()``, and wait until the socket is gone.

        While another thread reads it is what ``close()`` is: what is his he frees.
        """
        await self._leave(is_clean=True)

    async def _leave(self, *, is_clean: bool) -> None:
        if is_clean:
            self._subscription.ended_well()
        await self._subscription.aleave()
        await self._subscription.apart(is_clean=is_clean)

    def __enter__(self) -> Self:
        self._check_face(is_async=False, instead="async with")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._subscription.ended_well()
        self._subscription.leave()
        self._subscription.part(is_clean=kind is None)

    async def __aenter__(self) -> Self:
        self._check_face(is_async=True, instead="with")
        current_task()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._leave(is_clean=kind is None)

    def reconnect(self) -> None:
        """Give up this connection and open the next at once, from the cursor.

        No error and no wait; events already decoded are handed over first. May be
        called from any thread or signal handler, also while waiting for an attempt.
        """
        self._subscription.orders.renew()

    # ------------------------------------------------------------------ being seen

    @property
    def state(self) -> State:
        """``connecting``, ``open``, ``waiting`` or ``closed``."""
        return State.CLOSED if self._subscription.orders.stop else self._session.state

    @property
    def last_event_id(self) -> str:
        """The last event ID, of what was handed over."""
        return self._session.last_event_id

    @property
    def position(self) -> str:
        """What the next attempt resumes after: the last event ID, or the dialect's."""
        return self._session.position

    @property
    def retry(self) -> int | None:
        """The server's last valid ``retry`` in milliseconds, or None."""
        return self._session.retry_ms

    @property
    def response(self) -> httpxr.Response | None:
        """The last attempt's response, or None before the first."""
        return self._effects.response

    @property
    def stats(self) -> StreamStats:
        """What happened so far: a snapshot."""
        counters = self._session.counters
        last = counters.last_byte_at
        return StreamStats(
            connections=counters.connections,
            reconnects=dict(counters.reconnects),
            events=counters.events - self._subscription.queue.withheld,
            bytes=counters.bytes,
            last_byte_age=None if last is None else self._clock.now() - last,
            normal_silence=self._session.silences.normal,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {redacted(self._url)} {self.state}>"


def subscription_of(source: ReconnectingEventSource) -> Subscription:
    """What a worker works on; nobody else needs more than the source itself."""
    found: Subscription = vars(source)["_subscription"]
    return found
