"""``connect_sse``, ``aconnect_sse`` and ``EventSource``: ``httpxr.sse``, live."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading

import httpxr
import httpxr.sse
import pytest
import trustme

import reconnecting_sse
from reconnecting_sse import (
    EventSource,
    EventTooLarge,
    SSEError,
    UnexpectedContentType,
    aconnect_sse,
    connect_sse,
)
from reconnecting_sse.testing import Answer, PartOfChunk, Pause, ScriptedServer
from tests.faces import (
    ASYNC,
    SSE,
    SYNC,
    FakeStream,
    FakeTransport,
    asked,
    on_both_faces,
    reply,
)

URL = "http://feed.test/events"
EVENTS = "data: 1\n\ndata: 2\n\ndata: 3\n\n"


# ------------------------------------------------------------------ the surface


def test_the_surface_is_that_of_httpxr_sse():
    assert issubclass(EventSource, httpxr.sse.EventSource)
    for name in httpxr.sse.__all__:
        assert hasattr(reconnecting_sse, name)
    assert reconnecting_sse.ServerSentEvent is httpxr.sse.ServerSentEvent
    assert reconnecting_sse.SSEError is httpxr.sse.SSEError


@on_both_faces
def test_the_response_is_there_before_the_first_event(face):
    answer = Answer(headers=[*SSE, ("X-Feed", "a")], end="hang")
    with face.streamed(answer) as connected:
        assert isinstance(connected.source, EventSource)
        assert connected.response.status_code == 200
        assert connected.response.headers["x-feed"] == "a"


@on_both_faces
def test_an_event_has_all_its_fields(face):
    body = "event: update\nid: 7\nretry: 50\ndata: a\ndata: é\n\n"
    with face.streamed(Answer(body=body)) as connected:
        (event,) = connected.events()
    fields = (event.event, event.id, event.retry, event.data)
    assert fields == ("update", "7", 50, "a\né")


@on_both_faces
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_an_event_is_there_before_the_next_byte(face, framing, encoding):
    gate = threading.Event()
    answer = Answer(
        body=["data: 1\n\n", gate, "data: 2\n\n"],
        framing=framing,
        encoding=encoding,
        declared_length=1000,
        end="hang",
    )
    headers = {"Accept-Encoding": encoding or "identity"}
    with face.streamed(answer, headers=headers) as connected:
        events = connected.events()
        assert next(events).data == "1"
        gate.set()
        assert next(events).data == "2"


@on_both_faces
def test_an_event_within_a_chunk_that_never_ends_is_delivered(face):
    answer = Answer(body=[PartOfChunk("data: 1\n\nda", size=100)], end="hang")
    with face.streamed(answer) as connected:
        assert next(connected.events()).data == "1"


@on_both_faces
def test_breaking_out_and_iterating_again_loses_nothing(face):
    with face.streamed(Answer(body=[EVENTS, "data: 4\n\n"])) as connected:
        for event in connected.events():
            assert event.data == "1"
            break
        assert next(connected.events()).data == "2"
        assert connected.data() == ["3", "4"]
        assert connected.data() == []


def test_a_source_is_an_iterable_itself():
    body = [EVENTS.encode()]
    response = httpxr.Response(200, headers=dict(SSE), stream=FakeStream(body))
    assert [event.data for event in EventSource(response)] == ["1", "2", "3"]

    async def scenario():
        stream = FakeStream(body)
        response = httpxr.Response(200, headers=dict(SSE), stream=stream)
        return [event.data async for event in EventSource(response)]

    assert asyncio.run(scenario()) == ["1", "2", "3"]


@on_both_faces
def test_an_unfinished_event_at_the_end_is_dropped(face):
    with face.streamed(Answer(body="data: 1\n\ndata: 2\n")) as connected:
        assert connected.data() == ["1"]


@on_both_faces
def test_a_refusal_right_after_a_long_id_says_that_it_may_be_that(face):
    headers = {"Last-Event-ID": "7" * 5000}
    page = Answer(400, headers=[("Content-Type", "text/html")], framing="length")
    with face.streamed(page, headers=headers) as connected:
        with pytest.raises(UnexpectedContentType) as caught:
            connected.data()
        assert "Last-Event-ID of 5000 bytes may be too long" in str(caught.value)


# ------------------------------------------------------------------ wrong faces


def test_an_async_client_is_sent_to_aconnect_sse():
    with pytest.raises(TypeError, match="use aconnect_sse"):
        connect_sse(httpxr.AsyncClient(), "GET", URL).__enter__()


def test_a_sync_client_is_sent_to_connect_sse():
    async def scenario():
        async with aconnect_sse(httpxr.Client(), "GET", URL):
            raise AssertionError("never entered")

    with pytest.raises(TypeError, match="use connect_sse"):
        asyncio.run(scenario())


def test_what_is_no_client_is_refused():
    with pytest.raises(TypeError, match="not Session"):
        connect_sse(type("Session", (), {})(), "GET", URL).__enter__()


@on_both_faces
def test_an_unknown_keyword_is_refused_before_anything_is_sent(face):
    transport = FakeTransport()
    with pytest.raises(TypeError, match="stream_options"):
        face.ask(face.client(transport=transport), "GET", URL, stream_options={})
    assert not transport.requests


def test_an_async_body_needs_the_async_face():
    async def pieces():
        yield b"a"
        yield b"b"

    (request,) = asked(ASYNC, URL, "POST", content=pieces())
    assert request.content == b"ab"
    with pytest.raises(TypeError, match=r"asynchronous iterable.*AsyncClient"):
        asked(SYNC, URL, "POST", content=pieces())


# ------------------------------------------------------------------ any response


@on_both_faces
@pytest.mark.parametrize(
    "body",
    [
        lambda: {"content": EVENTS.encode()},
        lambda: {"stream": [EVENTS[:9].encode(), b"", EVENTS[9:].encode()]},
        lambda: {"stream": (bytes([byte]) for byte in EVENTS.encode())},
        lambda: {"stream": FakeStream([EVENTS.encode()])},
    ],
    ids=["buffered", "list", "generator", "object"],
)
def test_any_httpxr_response_can_be_read(face, body):
    response = httpxr.Response(200, headers=dict(SSE), **body())
    with face.source(response) as connected:
        assert connected.data() == ["1", "2", "3"]


@on_both_faces
def test_a_response_that_was_read_already_can_be_read(face):
    response = httpxr.Response(200, headers=dict(SSE), stream=iter([EVENTS.encode()]))
    response.read()
    with face.source(response) as connected:
        assert connected.data() == ["1", "2", "3"]


@on_both_faces
def test_a_buffered_response_has_been_decoded_whatever_its_headers_say(face):
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    packed = gzip.compress(EVENTS.encode())
    with face.source(httpxr.Response(200, headers=headers, content=packed)) as it:
        assert it.data() == ["1", "2", "3"]


@on_both_faces
@pytest.mark.parametrize("status", [201, 500])
def test_the_status_is_the_callers_to_judge(face, status):
    with face.streamed(Answer(status, body=EVENTS)) as connected:
        assert connected.response.status_code == status
        assert connected.data() == ["1", "2", "3"]


def test_a_response_of_the_other_face_says_which_method_to_use():
    with SYNC.streamed(Answer(end="hang")) as connected:
        response = connected.response
        with (
            ASYNC.source(response) as wrong,
            pytest.raises(TypeError, match="iter_sse"),
        ):
            next(wrong.events())
    with ASYNC.streamed(Answer(end="hang")) as connected:
        events = connected.source.iter_sse()
        with pytest.raises(TypeError, match="aiter_sse"):
            next(events)


# ------------------------------------------------------------------ wrong content


@on_both_faces
@pytest.mark.parametrize(
    "kind",
    ["text/event-stream; charset=latin-1", "TEXT/Event-Stream", "text/event-stream ;x"],
)
def test_the_content_type_is_compared_by_essence_and_the_data_is_utf8(face, kind):
    answer = Answer(headers=[("Content-Type", kind)], body="data: é\n\n")
    with face.streamed(answer) as connected:
        assert connected.data() == ["é"]


@on_both_faces
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([("Content-Type", "text/html; charset=utf-8")], "with 'text/html', expected"),
        ([("Content-Type", "text/event-streams")], "with 'text/event-streams', exp"),
        ([("Content-Type", "application/x-ndjson")], "with 'application/x-ndjson', "),
        ([], "with no content type, expected 'text/event-stream'; is this the stream"),
        (
            [*SSE, ("Content-Encoding", "compress")],
            "in the encoding 'compress', which cannot be decoded here; have",
        ),
    ],
)
def test_what_is_no_event_stream_raises_when_iterated_and_not_before(
    face, headers, said
):
    answer = Answer(headers=headers, body="data: 1\n\n", end="hang")
    with face.streamed(answer) as connected:
        events = connected.events()
        for _ in range(2):
            with pytest.raises(SSEError, match=r"127.* answered 200 ") as caught:
                next(events)
        assert said in str(caught.value)
        assert isinstance(caught.value, UnexpectedContentType)
        assert caught.value.status == 200
        assert caught.value.url == str(connected.response.request.url)
        assert dict(caught.value.headers).get("connection") == "close"


@on_both_faces
def test_json_is_read_from_either_kind_of_stream_and_no_other(face):
    answer = Answer(headers=[("Content-Type", "text/plain")], body="1\n")
    with face.streamed(answer) as connected:
        documents = connected.documents()
        expected = "with 'text/plain', expected 'text/event-stream' or lines of JSON;"
        with pytest.raises(SSEError, match=expected):
            next(documents)


@on_both_faces
def test_lines_are_no_events_even_once_they_are_being_read(face):
    answer = Answer(headers=[("Content-Type", "application/jsonl")], body="1\n2\n")
    with face.streamed(answer) as connected:
        assert next(connected.documents()) == 1
        assert list(connected.documents()) == [2]
        with pytest.raises(SSEError, match="expected 'text/event-stream';"):
            next(connected.events())


@on_both_faces
def test_the_answer_to_a_bad_request_says_its_status_and_may_be_read(face):
    headers = [("Content-Type", "application/json")]
    answer = Answer(401, headers=headers, body='{"error": "expired"}', framing="length")
    with face.streamed(answer) as connected:
        with pytest.raises(SSEError, match=r"answered 401 .*credentials") as caught:
            next(connected.documents())
        assert caught.value.status == 401
        assert connected.read() == b'{"error": "expired"}'


@on_both_faces
def test_events_and_documents_may_be_read_in_turn(face):
    with face.streamed(Answer(body=EVENTS)) as connected:
        assert next(connected.events()).data == "1"
        assert next(connected.documents()) == 2
        assert connected.data() == ["3"]


# ------------------------------------------------------------------ cuts


@on_both_faces
@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_cut_raises_and_never_looks_like_an_end_afterwards(face, end):
    with face.streamed(Answer(body=[EVENTS, "data: 4"], end=end)) as connected:
        events = connected.events()
        assert [next(events).data for _ in range(3)] == ["1", "2", "3"]
        for _ in range(2):
            with pytest.raises(httpxr.TransportError):
                next(events)
        with pytest.raises(httpxr.TransportError):
            next(connected.events())


@on_both_faces
def test_an_exception_in_a_read_is_a_cut_for_every_later_iterator(face):
    def broken():
        yield b"data: 1\n\n"
        raise OSError("unplugged")

    response = httpxr.Response(200, headers=dict(SSE), stream=broken())
    with face.source(response) as connected:
        assert next(connected.events()).data == "1"
        for _ in range(2):
            with pytest.raises(httpxr.ReadError):
                next(connected.events())


def test_a_cancelled_read_loses_no_event_on_our_own_wire():
    gate = threading.Event()
    script = [Answer(body=["data: 1\n\n", gate, "data: 2\n\n"])]

    async def scenario(url):
        async with aconnect_sse(httpxr.AsyncClient(), "GET", url) as source:
            events = source.aiter_sse()
            assert (await anext(events)).data == "1"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.01)
            gate.set()
            return [event.data async for event in source.aiter_sse()]

    with ScriptedServer(script) as server:
        assert asyncio.run(scenario(server.url)) == ["2"]


@on_both_faces
def test_an_event_too_large_is_told_of_even_in_the_last_chunk(face):
    body = b"data: 1\n\ndata: " + b"x" * (16 * 1024 * 1024 + 1) + b"\n\n"
    response = httpxr.Response(200, headers=dict(SSE), stream=[body])
    with face.source(response) as connected:
        events = connected.events()
        assert next(events).data == "1"
        for _ in range(2):
            with pytest.raises(EventTooLarge):
                next(events)


# ------------------------------------------------------------------ timeouts


@on_both_faces
@pytest.mark.parametrize("of", ["request", "client"])
@pytest.mark.parametrize(
    "timeout", [httpxr.Timeout(0.05), httpxr.Timeout(5, read=0.05)]
)
def test_a_silence_longer_than_the_read_timeout_is_a_read_timeout(face, of, timeout):
    answer = Answer(body="data: 1\n\n", end="hang")
    options = {"timeout": timeout}
    with ScriptedServer([answer]) as server:
        client = face.client(**(options if of == "client" else {}))
        request = options if of == "request" else {}
        with face.connect(client, "GET", server.url, **request) as connected:
            events = connected.events()
            assert next(events).data == "1"
            with pytest.raises(httpxr.ReadTimeout):
                next(events)


@on_both_faces
def test_a_silence_before_the_headers_is_a_read_timeout(face):
    with ScriptedServer([Answer(before=5)]) as server:
        client = face.client()
        with pytest.raises(httpxr.ReadTimeout):
            face.ask(client, "GET", server.url, timeout=0.05)


@on_both_faces
def test_a_timeout_is_never_one_of_the_whole(face):
    body = [piece for _ in range(6) for piece in ("data: x\n\n", Pause(0.1))]
    with face.streamed(Answer(body=body), timeout=0.4) as connected:
        assert connected.data() == ["x"] * 6


def timeouts(face, *, client=(), **request):
    (recorded,) = asked(face, URL, client=client, **request)
    given = recorded.extensions["timeout"]
    return given["connect"], given["headers"], given["read"]


@on_both_faces
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (3, (3, 3, 3)),
        ((1, 2, 3, 4), (1, 2, 2)),
        (httpxr.Timeout(5, read=7), (5, 7, 7)),
        ({"connect": 1, "read": 2}, (1, 2, 2)),
        (None, (None, None, None)),
    ],
    ids=["number", "tuple", "Timeout", "mapping", "None"],
)
def test_the_requests_timeout_has_httpxs_meaning(face, given, meant):
    client = {"timeout": httpxr.Timeout(9)}
    assert timeouts(face, client=client, timeout=given) == meant


@on_both_faces
def test_without_a_timeout_the_clients_counts_and_else_the_defaults(face):
    client = {"timeout": httpxr.Timeout(9, read=8)}
    assert timeouts(face, client=client) == (9, 8, 8)
    assert timeouts(face) == (10.0, 30.0, None)
    # An AsyncClient's number cannot be read back.
    meant = (4, 4, 4) if face is SYNC else (10.0, 30.0, None)
    assert timeouts(face, client={"timeout": 4}) == meant


@on_both_faces
def test_an_extension_of_the_callers_counts_more(face):
    extensions = {"timeout": {"connect": 1, "read": 2, "headers": 3}}
    assert timeouts(face, timeout=9, extensions=extensions) == (1, 3, 2)


# ------------------------------------------------------------------ leaving


def unread(face, leave):
    """Whether the server sees the connection close when ``leave`` is called."""
    with ScriptedServer([Answer(body=EVENTS, end="hang")]) as server:
        with face.connect(face.client(), "GET", server.url) as connected:
            leave(connected)
        return server.requests[0].closed_by_client.wait(5)


@on_both_faces
def test_leaving_the_block_frees_the_socket_at_once(face):
    kept = []
    assert unread(face, lambda connected: None)
    assert unread(face, lambda connected: next(connected.events()))
    # Not even a response that is kept holds it.
    assert unread(face, lambda connected: kept.append(connected.response))


@on_both_faces
def test_an_exception_in_the_block_frees_the_socket_and_passes_through(face):
    with ScriptedServer([Answer(body=EVENTS, end="hang")]) as server:
        with (
            pytest.raises(LookupError, match="mine") as kept,
            face.connect(face.client(), "GET", server.url),
        ):
            raise LookupError("mine")
        assert server.requests[0].closed_by_client.wait(5)
    assert kept.value.__context__ is None


@on_both_faces
def test_after_the_block_reading_raises_rather_than_ending(face):
    with ScriptedServer([Answer(body=EVENTS, end="hang")]) as server:
        with SYNC.connect(httpxr.Client(), "GET", server.url) as connected:
            pass
        with pytest.raises(httpxr.ReadError):
            connected.data()


@pytest.mark.parametrize("where", ["headers", "body"])
def test_cancelling_a_task_frees_the_socket_at_once(where):
    step = Answer(before=60) if where == "headers" else Answer(end="hang")

    async def read(url, entered):
        async with aconnect_sse(httpxr.AsyncClient(), "GET", url) as source:
            entered.set()
            async for _ in source.aiter_sse():
                raise AssertionError("there is no event")

    async def scenario(server):
        entered = asyncio.Event()
        task = asyncio.create_task(read(server.url, entered))
        await asyncio.to_thread(server.wait_for_requests, 1)
        if where == "body":
            await entered.wait()
            await asyncio.sleep(0)  # one turn of the loop: into the read
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gone = server.requests[0].closed_by_client
        assert await asyncio.to_thread(gone.wait, 5)

    with ScriptedServer([step]) as server:
        asyncio.run(scenario(server))


@on_both_faces
def test_a_foreign_transports_stream_is_closed_as_well(face):
    transport = FakeTransport(reply(body=[b"data: 1\n\n"]))
    client = face.client(transport=transport)
    with face.connect(client, "GET", URL) as connected:
        assert next(connected.events()).data == "1"
        assert not transport.streams[0].closed
    assert transport.streams[0].closed


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secure_server(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedServer([Answer(body=EVENTS)] * 2, ssl_context=context) as server:
        yield server


@on_both_faces
def test_a_tls_failure_on_a_plain_client_says_that_its_verify_was_not_used(
    face, secure_server
):
    with pytest.raises(httpxr.ConnectError, match="cannot be read back") as caught:
        face.ask(face.client(verify=False), "GET", secure_server.url)
    assert isinstance(caught.value.__cause__, httpxr.ConnectError)


@on_both_faces
def test_a_tls_failure_on_a_transport_of_the_callers_is_his_own(face, secure_server):
    with pytest.raises(httpxr.ConnectError) as caught:
        face.ask(face.client(transport=face.transport()), "GET", secure_server.url)
    assert "cannot be read back" not in str(caught.value)


@on_both_faces
def test_a_client_with_a_transport_of_ours_is_verified_as_that_says(
    face, authority, secure_server
):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = face.client(transport=face.transport(verify=context))
    with face.connect(client, "GET", secure_server.url) as connected:
        assert connected.data() == ["1", "2", "3"]


@on_both_faces
def test_a_refused_connection_is_a_connect_error(face):
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(httpxr.ConnectError) as caught:
        face.ask(face.client(), "GET", url)
    assert caught.value.__cause__ is not None
