"""The public names as users write them. Never run: mypy and pyright check it."""
# pyright: strict

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, assert_never, assert_type

import httpxr
from tenacity import (
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_fixed,
    wait_random,
)

from reconnecting_sse import (
    AsyncStreamingTransport,
    ConnectionFailed,
    EventSource,
    EventStreamDecoder,
    Lifecycle,
    ReconnectingEventSource,
    ReconnectionExhausted,
    ReconnectPolicy,
    ReconnectState,
    ServerSentEvent,
    SSEError,
    State,
    StreamError,
    StreamingTransport,
    StreamInterrupted,
    StreamStats,
    UnexpectedStatus,
    aconnect_sse,
    connect_sse,
    lifecycle,
)
from reconnecting_sse.testing import (
    Answer,
    NumberedFeed,
    RandomFaults,
    RecordedRequest,
    ScriptedServer,
    Step,
)

URL = "https://example.com/feed"


def subscribes() -> None:
    with (
        httpxr.Client(transport=StreamingTransport()) as client,
        ReconnectingEventSource(client, "GET", URL) as source,
    ):
        assert_type(source, ReconnectingEventSource)
        assert_type(source.iter_sse(), Iterator[ServerSentEvent])
        for event in source.iter_sse():
            assert_type(event, ServerSentEvent)
            assert_type(event.event, str)
            assert_type(event.data, str)
        for event in source:
            assert_type(event, ServerSentEvent)
        for document in source.iter_json():
            assert_type(document, Any)


async def subscribes_with_asyncio() -> None:
    async with (
        httpxr.AsyncClient(transport=AsyncStreamingTransport()) as client,
        ReconnectingEventSource(client, "GET", URL) as source,
    ):
        assert_type(source, ReconnectingEventSource)
        assert_type(source.aiter_sse(), AsyncIterator[ServerSentEvent])
        async for event in source.aiter_sse():
            assert_type(event, ServerSentEvent)
        async for event in source:
            assert_type(event, ServerSentEvent)
        async for document in source.aiter_json():
            assert_type(document, Any)
        await source.aclose()


def is_seen(source: ReconnectingEventSource) -> None:
    assert_type(source.state, State)
    assert_type(source.last_event_id, str)
    assert_type(source.retry, int | None)
    assert_type(source.response, httpxr.Response | None)
    assert_type(source.stats, StreamStats)
    assert_type(source.stats.reconnects, Mapping[str, int])
    assert_type(source.stats.last_byte_age, float | None)
    assert_type(source.stats.normal_silence, float | None)
    source.close()


def watches(fact: Lifecycle) -> str:
    assert_type(fact.name, str)
    assert_type(fact.url, str)
    match fact:
        case lifecycle.Connecting() | lifecycle.Opened() | lifecycle.Waiting():
            return fact.level
        case lifecycle.Dropped(cause=cause):
            return cause
        case lifecycle.Recovered(last_event_id=cursor):
            return cursor
        case lifecycle.StandingBy() | lifecycle.Claimed(token=int()):
            return fact.durable_name
        case lifecycle.Paused() | lifecycle.Resumed() | lifecycle.Unplaced():
            return fact.durable_name
        case lifecycle.Gap() | lifecycle.Closed():
            return fact.reason
        case _:
            assert_never(fact)


def asks(client: httpxr.Client) -> None:
    ReconnectingEventSource(
        client,
        "POST",
        URL,
        headers={"X-Feed": "prices"},
        params={"since": "yesterday"},
        json={"topics": ["a", "b"]},
        cookies={"session": "1"},
        auth=("user", "password"),
        follow_redirects=False,
        trusted_origins=["https://eu.feed.test"],
        compress=True,
        content_types=["text/event-stream", "text/plain"],
        last_event_id="41",
        until=lambda event: event.data == "[DONE]",
        on_end="reconnect",
        resend=True,
        connect_timeout=None,
        header_timeout=5,
        idle_timeout=45.0,
        max_event_bytes=None,
    )


def waits(client: httpxr.Client) -> None:
    def patient(state: RetryCallState) -> float:
        return 2.0 * state.attempt_number

    def informed(state: RetryCallState) -> bool:
        assert isinstance(state, ReconnectState)
        assert_type(state.error, StreamError)
        assert_type(state.reconnection_time, float)
        assert_type(state.retry_after, float | None)
        return state.was_open

    ReconnectingEventSource(client, "GET", URL, wait=patient, retry=informed)
    ReconnectingEventSource(
        client,
        "GET",
        URL,
        wait=wait_fixed(1) + wait_random(0, 1),
        stop=stop_after_attempt(5) | stop_after_delay(60),
        retry=retry_if_exception_type((ConnectionFailed, StreamInterrupted)),
    )
    policy = ReconnectPolicy(wait=wait_exponential(max=60), unexpected="retry")
    ReconnectingEventSource(client, "GET", URL, policy=policy)
    assert_type(ReconnectPolicy.standard(), ReconnectPolicy)


def fails(source: ReconnectingEventSource) -> None:
    try:
        next(source.iter_sse())
    except UnexpectedStatus as error:
        assert_type(error.status, int | None)
        assert_type(error.url, str)
        assert_type(error.headers, tuple[tuple[str, str], ...])
        assert_type(error.body, bytes)
    except ReconnectionExhausted as error:
        assert_type(error.attempts, int)
    except SSEError:
        raise


def connects_once(client: httpxr.Client) -> None:
    with connect_sse(client, "POST", URL, json={}, timeout=5.0) as source:
        assert_type(source, EventSource)
        assert_type(source.response, httpxr.Response)
        for event in source:
            assert_type(event, ServerSentEvent)


async def connects_once_with_asyncio(client: httpxr.AsyncClient) -> None:
    async with aconnect_sse(client, "GET", URL) as source:
        assert_type(source, EventSource)
        async for event in source:
            assert_type(event, ServerSentEvent)


def trusts() -> None:
    StreamingTransport(verify=False)
    StreamingTransport(verify="authority.pem", trust_env=True)
    StreamingTransport(server_hostname="feed.test")
    AsyncStreamingTransport(verify=Path("authority.pem"))
    AsyncStreamingTransport(verify=ssl.create_default_context())


def decodes() -> None:
    decoder = EventStreamDecoder("41", max_event_bytes=None, on_comment=print)
    assert_type(decoder.feed(b"data: a\n\n"), list[ServerSentEvent])
    assert_type(decoder.last_event_id, str)
    assert_type(decoder.retry_ms, int | None)


def tests_against_a_server() -> None:
    def answer(request: RecordedRequest) -> Step:
        return Answer(body=f"data: {request.header('last-event-id')}\n\n")

    with ScriptedServer([answer, Answer(204)]) as server:
        assert_type(server.url, str)
        assert_type(server.requests, list[RecordedRequest])
    with ScriptedServer(NumberedFeed(3, faults=RandomFaults(1))) as server:
        assert_type(server.wait_for_requests(1), list[RecordedRequest])
