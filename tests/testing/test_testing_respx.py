"""respx routes as servers: through a transport, and in place of ours."""

from __future__ import annotations

import asyncio
import gzip
import sys

import httpx
import httpxr
import pytest
import respx

from reconnecting_sse import ReconnectingEventSource, testing
from reconnecting_sse.testing import (
    Answer,
    AsyncRespxTransport,
    RespxMocker,
    RespxTransport,
    ScriptedServer,
)
from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport
from reconnecting_sse.transports.blocking import StreamingTransport

URL = "http://feed.test/events"
SSE = {"Content-Type": "text/event-stream"}

FACES = ["sync", "async"]


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A lazy body on either face; an exception among the chunks is raised."""

    def __init__(self, *chunks):
        self.chunks, self.was_closed = iter(chunks), 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def __aiter__(self):
        for chunk in self:
            yield chunk

    def close(self):
        self.was_closed += 1

    async def aclose(self):
        self.was_closed += 1


def answer(face, router, request=None):
    """The response of a route, and the chunks of its body up to an error, if any."""
    request = request or httpxr.Request("GET", URL)
    return (answer_sync if face == "sync" else answer_async)(router, request)


def answer_sync(router, request):
    response = RespxTransport(router).handle_request(request)
    chunks = []
    try:
        chunks.extend(response.stream)
    except Exception as error:
        return response, chunks, error
    return response, chunks, None


def answer_async(router, request):
    async def ask():
        response = await AsyncRespxTransport(router).handle_async_request(request)
        chunks = []
        try:
            async for chunk in response.stream:
                chunks.append(chunk)  # noqa: PERF401 - those before an error count
        except Exception as error:
            return response, chunks, error
        return response, chunks, None

    return asyncio.run(ask())


@pytest.mark.parametrize("face", FACES)
def test_a_route_answers_and_records_the_call(face):
    router = respx.Router()
    route = router.post(URL).respond(202, headers=SSE, content=b"data: a\n\n")
    request = httpxr.Request(
        "POST", URL + "?q=1", headers={"Last-Event-ID": "7"}, content=b"body"
    )
    request.extensions["timeout"] = 3
    response, chunks, _ = answer(face, router, request)
    assert (response.status_code, chunks) == (202, [b"data: a\n\n"])
    assert response.headers["content-type"] == "text/event-stream"
    called = route.calls.last.request
    assert (called.method, str(called.url)) == ("POST", URL + "?q=1")
    assert called.headers["last-event-id"] == "7"
    assert (called.content, called.extensions) == (b"body", {"timeout": 3})


@pytest.mark.parametrize("face", FACES)
def test_a_list_of_side_effects_is_a_script(face):
    router = respx.Router()
    router.get(URL).side_effect = [
        httpx.ConnectError("down"),
        httpx.ReadTimeout,
        httpx.Response(200, headers=SSE),
    ]
    with pytest.raises(httpxr.ConnectError, match="down") as caught:
        answer(face, router)
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    with pytest.raises(httpxr.ReadTimeout):
        answer(face, router)
    assert answer(face, router)[0].status_code == 200


@pytest.mark.parametrize("face", FACES)
def test_an_instance_of_httpxr_s_own_errors_is_raised_as_it_is(face):
    router = respx.Router()
    mine = httpxr.ConnectTimeout("slow")
    router.get(URL).mock(side_effect=mine)
    with pytest.raises(httpxr.ConnectTimeout) as caught:
        answer(face, router)
    assert caught.value is mine


@pytest.mark.parametrize("face", FACES)
def test_an_error_of_ones_own_becomes_that_of_the_nearest_base(face):
    class OddReadError(httpx.ReadError):
        pass

    router = respx.Router()
    router.get(URL).mock(side_effect=OddReadError("odd"))
    with pytest.raises(httpxr.ReadError, match="odd"):
        answer(face, router)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("given", "raised"),
    [(httpx.ReadError("cut"), httpxr.ReadError), (ValueError("mine"), ValueError)],
)
def test_a_body_can_break_off(face, given, raised):
    stream = Chunks(b"a", b"b", given)
    router = respx.Router()
    router.get(URL).respond(200, stream=stream)
    _, chunks, error = answer(face, router)
    assert chunks == [b"a", b"b"]
    assert type(error) is raised
    assert str(error) == str(given)
    assert stream.was_closed


@pytest.mark.parametrize("face", FACES)
def test_a_body_that_was_read_is_closed(face):
    stream = Chunks(b"a")
    router = respx.Router()
    router.get(URL).respond(200, stream=stream)
    assert answer(face, router)[1:] == ([b"a"], None)
    assert stream.was_closed


def test_a_body_is_read_no_further_than_asked():
    stream = Chunks(b"a", b"b")
    router = respx.Router()
    router.get(URL).respond(200, stream=stream)
    response = RespxTransport(router).handle_request(httpxr.Request("GET", URL))
    assert next(iter(response.stream)) == b"a"
    assert list(stream.chunks) == [b"b"]
    assert not stream.was_closed
    response.stream.close()
    assert stream.was_closed


@pytest.mark.parametrize("face", FACES)
def test_bodies_and_headers_are_handed_on_as_they_are(face):
    packed = gzip.compress(b"data: a\n\n")
    headers = [(b"Content-Encoding", b"gzip"), (b"X-Odd", b"\xff"), (b"X-Odd", b"2")]
    router = respx.Router()
    router.get(URL).mock(
        return_value=httpx.Response(200, headers=headers, content=packed)
    )
    response, chunks, _ = answer(face, router)
    assert b"".join(chunks) == packed
    assert {*headers} <= {*response.headers.raw}


def closable(chunks):
    class Closable(list):
        def close(self):
            self.clear()

    return Closable(chunks)


@pytest.mark.parametrize("face", FACES)
def test_any_iterable_is_a_body(face):
    router = respx.Router()
    given = closable([b"c"])
    router.get(URL).side_effect = [
        httpx.Response(200, stream=[b"a"]),
        httpx.Response(200, content=iter([b"b"])),
        httpx.Response(200, stream=given),
    ]
    assert [answer(face, router)[1] for _ in range(3)] == [[b"a"], [b"b"], [b"c"]]
    assert given == []


def test_an_async_body_is_for_async_clients():
    async def chunks():
        yield b"a"

    router = respx.Router()
    router.get(URL).mock(side_effect=lambda _: httpx.Response(200, content=chunks()))
    assert answer("async", router)[1] == [b"a"]
    with pytest.raises(TypeError, match="give it an iterator for a sync client"):
        answer("sync", router)


def test_side_effects_may_be_async():
    async def effect(request):
        await asyncio.sleep(0)
        return httpx.Response(200, text=request.url.path)

    router = respx.Router()
    router.get(URL).mock(side_effect=effect)
    assert answer("async", router)[1] == [b"/events"]


def test_request_bodies_may_be_iterators():
    async def chunks():
        yield b"12"

    router = respx.Router()
    route = router.post(URL).respond(200)
    answer("sync", router, httpxr.Request("POST", URL, content=iter([b"12"])))
    answer("async", router, httpxr.Request("POST", URL, content=iter([b"12"])))
    answer("async", router, httpxr.Request("POST", URL, content=chunks()))
    assert [call.request.content for call in route.calls] == [b"12"] * 3


# ---------------------------------------------------------------- in place of ours


def get_sync(url=URL, transport=StreamingTransport, **request):
    with httpxr.Client(transport=transport()) as client:
        response = client._transport.handle_request(
            httpxr.Request("GET", url, **request)
        )
        try:
            return b"".join(response.stream)
        finally:
            response.stream.close()


def get_async(url=URL, **request):
    async def ask():
        transport = AsyncStreamingTransport()
        response = await transport.handle_async_request(
            httpxr.Request("GET", url, **request)
        )
        try:
            return b"".join([chunk async for chunk in response.stream])
        finally:
            await response.stream.aclose()
            await transport.aclose()

    return asyncio.run(ask())


GETS = [get_sync, get_async]


@pytest.mark.parametrize("get", GETS)
@respx.mock(using="reconnecting_sse")
def test_our_transports_answer_from_routes(respx_mock, get):
    route = respx_mock.get(URL).respond(200, content=b"data: a\n\n")
    assert get(headers={"Last-Event-ID": "7"}, content=b"q") == b"data: a\n\n"
    called = route.calls.last.request
    assert (called.headers["last-event-id"], called.content) == ("7", b"q")


@pytest.mark.parametrize("is_compressed", [False, True])
@respx.mock(using="reconnecting_sse")
def test_ordinary_requests_are_answered_whole(respx_mock, is_compressed):
    content, headers = b'{"a": 1}', {"Content-Type": "application/json"}
    if is_compressed:
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
    respx_mock.get(URL).respond(200, headers=headers, content=content)
    with httpxr.Client(transport=StreamingTransport(), trust_env=False) as client:
        assert client.get(URL).json() == {"a": 1}

    async def ask():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        return (await client.get(URL)).json()

    assert asyncio.run(ask()) == {"a": 1}


@pytest.mark.parametrize("get", GETS)
def test_our_transports_raise_what_routes_raise(get):
    with respx.mock(using=RespxMocker.name) as router:
        router.get(URL).mock(side_effect=httpx.ConnectTimeout("slow"))
        with pytest.raises(httpxr.ConnectTimeout, match="slow"):
            get()
        router.get(URL).mock(
            return_value=httpx.Response(200, stream=Chunks(b"a", httpx.ReadError("x")))
        )
        with pytest.raises(httpxr.ReadError):
            get()
        with pytest.raises(AssertionError, match="not mocked"):
            get("http://other.test/")


@pytest.mark.parametrize("get", GETS)
def test_a_route_may_let_requests_through_to_the_real_server(get):
    with ScriptedServer([Answer(body="real")] * 2) as server:
        with respx.mock(using="reconnecting_sse") as router:
            router.get(server.url + "/").pass_through()
            assert get(server.url + "/") == b"real"
        assert get(server.url + "/") == b"real"


# ---------------------------------------------------------------- without respx


def test_without_respx_only_the_bridge_is_missing(monkeypatch):
    bridge = "reconnecting_sse.testing.respx"
    without = {name: None for name in sys.modules if name.split(".")[0] == "respx"}
    monkeypatch.delattr(testing, "respx", raising=False)
    monkeypatch.delitem(sys.modules, bridge)
    for name in without:
        monkeypatch.setitem(sys.modules, name, None)
    assert testing.ScriptedServer is ScriptedServer
    with pytest.raises(ImportError, match=r'pip install "reconnecting-sse\[testing\]"'):
        testing.RespxTransport  # noqa: B018 - looking it up imports it


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        testing.Nothing  # noqa: B018 - it is the looking up


def test_an_event_stream_of_a_route_is_live_on_the_async_face_too():
    url = "http://feed.test/"

    async def first():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        async with ReconnectingEventSource(client, "GET", url) as source:
            return (await anext(source.aiter_sse())).data

    headers = {"content-type": "text/event-stream"}
    with respx.mock(using="reconnecting_sse") as router:
        router.get(url).respond(200, headers=headers, text="data: a\n\n")
        assert asyncio.run(first()) == "a"
