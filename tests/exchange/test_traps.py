"""The traps that streaming clients fall into, each with a server that lays it."""

from __future__ import annotations

import gc
import threading

import pytest
from tenacity import retry_always, stop_after_attempt, wait_fixed, wait_none

from reconnecting_sse import ConnectionFailed, ReconnectionExhausted
from reconnecting_sse.testing import (
    Answer,
    Close,
    PartOfChunk,
    Raw,
    Reset,
    ScriptedServer,
)
from reconnecting_sse.transports.codings.codings import offered_codings
from tests.connection_harness import (
    FACES,
    LIMIT,
    PROMPT,
    Consumer,
    Log,
    data_of,
    new_client,
    new_source,
    reader_for,
)

ONE, TWO, THREE = (f"id: {n}\ndata: {n}\n\n" for n in (1, 2, 3))
LAST = Answer(body=["id: 9\ndata: end\n\n"], end="hang")
AT_ONCE = wait_fixed(0.001)

pytestmark = pytest.mark.parametrize("face", FACES)


# ------------------------------------------------- several events in one chunk


def test_breaking_after_the_first_of_three_events_leaves_the_others_for_later(face):
    step = Answer(body=[ONE + TWO + THREE], end="cut")
    with ScriptedServer([step, LAST]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=AT_ONCE)
        assert data_of(reader.take(source, 1)) == ["1"]
        assert source.last_event_id == "1"
        assert source.stats.events == 1
        assert data_of(reader.take(source, 2)) == ["2", "3"]
        assert source.last_event_id == "3"
        assert data_of(reader.take(source, 1)) == ["end"]
        assert server.requests[1].header("last-event-id") == "3"
        reader.leave(source)


def test_who_broke_off_after_the_first_of_three_events_resumes_after_it(face):
    steps = [Answer(body=[ONE + TWO + THREE], end="hang"), LAST]
    with ScriptedServer(steps) as server, reader_for(face) as reader:
        left = new_source(face, server.url)
        assert data_of(reader.take(left, 1)) == ["1"]
        reader.leave(left)
        source = new_source(face, server.url, last_event_id=left.last_event_id)
        assert data_of(reader.take(source, 1)) == ["end"]
        assert server.requests[1].header("last-event-id") == "1"
        reader.leave(source)


def test_a_drop_after_a_break_resumes_after_what_was_handed_over(face):
    step = Answer(body=[ONE + "id: 2\ndata: not ended"], end="cut")
    with ScriptedServer([step, LAST]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=AT_ONCE)
        assert data_of(reader.take(source, 1)) == ["1"]
        assert data_of(reader.take(source, 1)) == ["end"]
        assert server.requests[1].header("last-event-id") == "1"
        reader.leave(source)


def test_an_id_without_an_event_counts_once_the_events_before_it_were_taken(face):
    step = Answer(body=[ONE + TWO + "id: 3\n\n"], end="cut")
    with ScriptedServer([step, LAST]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=AT_ONCE)
        assert data_of(reader.take(source, 1)) == ["1"]
        assert source.last_event_id == "1"
        assert data_of(reader.take(source, 2)) == ["2", "end"]
        assert server.requests[1].header("last-event-id") == "3"
        reader.leave(source)


# ------------------------------------------------- an event in a larger chunk


def test_a_whole_event_in_a_chunk_that_is_never_finished_is_delivered(face):
    step = Answer(body=[PartOfChunk(ONE, size=1000)], end="hang")
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url)
        assert data_of(reader.take(source, 1)) == ["1"]
        reader.leave(source)


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_whole_event_in_a_chunk_that_is_cut_is_not_lost(face, end):
    step = Answer(body=[PartOfChunk(ONE + "data: half", size=1000)], end=end)
    with ScriptedServer([step, LAST]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=AT_ONCE)
        assert data_of(reader.take(source, 2)) == ["1", "end"]
        assert server.requests[1].header("last-event-id") == "1"
        reader.leave(source)


# ------------------------------------------------- one connection per attempt


@pytest.mark.parametrize(
    "step",
    [
        Close(),
        Reset(),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev", end="cut"),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev", end="reset"),
        Answer(503),
        Answer(body=[": hello\n\n"], end="reset"),
    ],
    ids=["closed", "reset", "half-head", "head-reset", "busy", "body-reset"],
)
def test_each_attempt_makes_exactly_one_connection(face, step):
    log, attempts = Log(), 3
    with ScriptedServer([step] * 10) as server, reader_for(face) as reader:
        # By the table garbage would be raised the second time.
        options = {"retry": retry_always, "wait": wait_none(), "stop": _after(attempts)}
        source = new_source(face, server.url, logger=log, **options)
        with pytest.raises(ReconnectionExhausted):
            reader.take(source)
        assert log.names.count("stream.connecting") == attempts
        assert len(server.requests) == attempts


def test_what_is_not_http_is_asked_twice_over_one_connection_each(face):
    step = Raw(b"!!! this is not HTTP\r\n\r\n")
    with ScriptedServer([step] * 10) as server, reader_for(face) as reader:
        source = new_source(face, server.url, wait=wait_none())
        with pytest.raises(ConnectionFailed):
            reader.take(source)
        assert len(server.requests) == 2


def _after(attempts):
    return stop_after_attempt(attempts)


# ------------------------------------------------- redirects

HOPS, CHAINS = 10, 20


def _redirecting(request):
    """Ten hops, then a stream whose second event comes only when it is asked for."""
    hop = int(request.target.rpartition("/")[2])
    if hop == HOPS:
        return Answer(body=[ONE], end="hang")
    headers = [("Location", f"/{hop + 1}")]
    # Bodies that have not come yet are what a hop's destructor has to end.
    return Answer(302, headers=headers, body=["moved"], framing="length", end="hang")


def test_redirect_chains_under_load_never_shut_the_next_hop(face):
    logs = [Log() for _ in range(CHAINS)]
    with ScriptedServer(_redirecting) as server:
        url = f"{server.url}/0"
        sources = [new_source(face, url, logger=log) for log in logs]
        consumers = [Consumer(face, source) for source in sources]
        for consumer in consumers:
            consumer.wait_for_events(1)
        for source, consumer in zip(sources, consumers, strict=True):
            source.close()
            assert consumer.ended_within(LIMIT)
            assert consumer.error is None
        assert len(server.requests) == CHAINS * (HOPS + 1)
    for log in logs:
        assert log.names[:2] == ["stream.connecting", "stream.open"]
        assert "stream.dropped" not in log.names


def test_a_redirect_that_is_forgotten_late_leaves_the_stream_alone(face):
    more = threading.Event()
    steps = [
        Answer(302, headers=[("Location", "/feed")], body=["moved"], end="hang"),
        Answer(body=[ONE, more, TWO], end="hang"),
    ]
    seen = []

    def keep(response):
        seen.append(response)

    async def akeep(response):
        seen.append(response)

    hooks = {"response": [akeep if face == "async" else keep]}
    with ScriptedServer(steps) as server, reader_for(face) as reader:
        client = new_client(face, event_hooks=hooks)
        source = new_source(face, server.url, client=client)
        assert data_of(reader.take(source, 1)) == ["1"]
        assert [response.status_code for response in seen] == [302, 200]
        assert server.requests[0].closed_by_client.wait(PROMPT)
        seen.clear()
        gc.collect()
        more.set()
        assert data_of(reader.take(source, 1)) == ["2"]
        reader.leave(source)


# ------------------------------------------------- nothing more is waited for


@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_an_event_arrives_although_the_server_falls_silent_after_it(
    face, framing, encoding
):
    first, second = threading.Event(), threading.Event()
    step = Answer(
        body=[first, ONE, second, "data: 2\r\r"],
        framing=framing,
        encoding=encoding,
        declared_length=1000 if framing == "length" else None,
        end="hang",
    )
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, compress=bool(encoding))
        first.set()
        assert data_of(reader.take(source, 1)) == ["1"]
        second.set()
        assert data_of(reader.take(source, 1)) == ["2"]
        (request,) = server.requests
        offered = request.header("accept-encoding")
        assert offered == (", ".join(offered_codings()) if encoding else "identity")
        assert not request.closed_by_client.is_set()
        reader.leave(source)
