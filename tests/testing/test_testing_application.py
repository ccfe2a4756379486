"""An ASGI application in process: live, on both faces, and nothing is left of it."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import warnings
from contextlib import asynccontextmanager, suppress
from itertools import islice

import httpxr
import pytest
from fastapi import FastAPI
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from reconnecting_sse import (
    ReconnectingEventSource,
    ReconnectPolicy,
    ServerSentEvent,
    SSEError,
    aconnect_sse,
    encode,
)
from reconnecting_sse.testing import ServedApplication

QUICK = ReconnectPolicy(initial_delay=0.01, max_delay=0.02)
SSE = [(b"content-type", b"text/event-stream")]
START = {"type": "http.response.start", "status": 200, "headers": SSE}


def event(n):
    return encode(ServerSentEvent(id=str(n), data=f"n{n}"))


def part(data, *, more=True):
    return {"type": "http.response.body", "body": data, "more_body": more}


class Face:
    """Subscribes to an application, on one face."""

    def __init__(self, *, is_async):
        self.is_async = is_async
        self.run = asyncio.run

    def ids(self, app, count=None, served=None, **options):
        """The IDs of the first events, or of all."""
        options = {"policy": QUICK, **options}
        served = served or ServedApplication(app)
        if self.is_async:
            return self.run(self._aids(served, count, options))
        with served:
            source = ReconnectingEventSource(served.client(), "GET", "/feed", **options)
            with source:
                return [each.id for each in islice(source, count)]

    async def _aids(self, served, count, options):
        async with served:
            client = served.async_client()
            source = ReconnectingEventSource(client, "GET", "/feed", **options)
            async with source:
                found = []
                async for each in source:
                    found.append(each.id)
                    if len(found) == count:
                        break
                return found


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def face(request):
    before = set(threading.enumerate())
    yield Face(is_async=request.param)
    assert set(threading.enumerate()) <= before


class Feed:
    """Sends two events a connection, and then is cut, until there are no more."""

    def __init__(self, count, end="raise"):
        self.count, self.end, self.left = count, end, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        known = dict(scope["headers"]).get(b"last-event-id", b"0")
        if int(known) >= self.count:
            await send({"type": "http.response.start", "status": 204})
            return await send(part(b"", more=False))
        await send(START)
        for n in range(int(known) + 1, int(known) + 3):
            await send(part(event(n)))
        if self.end == "raise":
            raise KeyError("the database is gone")
        if self.end == "finish":
            await send(part(b"", more=False))
        if self.end == "hang":
            await receive()
            assert (await receive())["type"] == "http.disconnect"
            self.left += 1
        return None


def test_an_application_that_raises_is_a_stream_that_is_cut(face):
    served = ServedApplication(Feed(4))
    with pytest.raises(KeyError, match="database"):
        face.ids(None, served=served)
    assert [str(error) for error in served.errors] == ["'the database is gone'"] * 2
    served.assert_resumed_from([None, "2", "4"])


def test_one_that_does_not_end_its_response_is_told(face):
    served = ServedApplication(Feed(2, end="return"))
    with pytest.raises(RuntimeError, match="did not end its response"):
        face.ids(None, served=served)
    served.assert_resumed_from([None, "2"])


def test_a_feed_that_ends_is_resumed(face):
    assert face.ids(Feed(6, end="finish")) == list("123456")


def test_an_application_hears_when_its_client_leaves(face):
    app = Feed(2, end="hang")
    assert face.ids(app, count=2) == ["1", "2"]
    assert app.left == 1


def test_silence_is_noticed(face):
    served = ServedApplication(Feed(4, end="hang"))
    ids = face.ids(None, served=served, count=4, idle_timeout=0.05)
    assert ids == list("1234")
    served.assert_resumed_from([None, "2"])


def test_headers_that_do_not_come_are_noticed(face):
    with pytest.raises(Exception, match="did not answer within"):
        face.ids(
            silent, header_timeout=0.02, policy=ReconnectPolicy(stop=lambda _: True)
        )


def test_an_application_that_raises_before_it_answers_is_a_500(face):
    async def app(scope, receive, send):
        raise ValueError("no")

    served = ServedApplication(app)
    with pytest.raises(Exception, match="500") as caught:
        face.ids(None, served=served, policy=ReconnectPolicy(stop=lambda _: True))
    assert "The application failed too: ValueError('no')" in caught.value.__notes__


def test_an_event_is_there_before_the_next_is_sent(face):
    seen = threading.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send(START)
            await send(part(event(1)))
            await asyncio.to_thread(seen.wait, 5)
            await send(part(event(2)))
            await send(part(event(3), more=False))

    ids = face.ids(app, until=lambda e: seen.set() or e.id == "3")
    assert ids == ["1", "2", "3"]


def test_an_application_waits_for_a_client_that_does_not_read():
    sent = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send(START)
            for n in range(40):
                await send(part(event(n)))
                sent.append(n)

    with pytest.raises(RuntimeError), ServedApplication(app) as served:
        request = httpxr.Request("GET", "http://application.test/feed")
        body = served.transport().handle_request(request).stream
        while len(sent) < 15:  # the next one waits
            time.sleep(0)
        read = body.read()
        assert len(sent) < 20
        while b"n39" not in read:
            read += body.read()
        body.close()
        with pytest.raises(httpxr.ReadError, match="closed"):
            body.read()


def test_a_coded_stream_is_decoded(face):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            headers = [*SSE, (b"content-encoding", b"gzip")]
            await send({**START, "headers": headers})
            coded = gzip.compress(event(1) + b"data: %b\n\n" % (b"x" * 1_000_000))
            await send(part(coded[:5]))
            await send(part(coded[5:], more=False))

    assert face.ids(app, count=2, compress=True) == ["1", "1"]


async def silent(scope, receive, send):
    if scope["type"] == "http":
        await asyncio.Event().wait()


def test_close_ends_a_wait_for_headers():
    with ServedApplication(silent) as served:
        source = ReconnectingEventSource(served.client(), "GET", "/feed")
        closing = threading.Timer(0.01, source.close)
        closing.start()
        assert list(source) == []
        closing.join()


def test_a_cancellation_ends_a_wait_for_headers():
    async def main():
        async with ServedApplication(silent) as served:
            client = served.async_client()
            source = ReconnectingEventSource(client, "GET", "/feed")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(aiter(source))

    asyncio.run(main())


def test_one_stream_is_read_and_left():
    async def main():
        async with ServedApplication(Feed(2, end="hang")) as served:
            client = served.async_client()
            async with aconnect_sse(client, "GET", "/feed") as source:
                assert (await anext(source.aiter_sse())).id == "1"

    asyncio.run(main())


def test_close_from_another_thread_ends_a_wait():
    served = ServedApplication(Feed(2, end="hang"))
    with served, ReconnectingEventSource(served.client(), "GET", "/feed") as source:
        events = iter(source)
        next(events), next(events)
        closing = threading.Timer(0.01, source.close)
        closing.start()
        assert next(events, None) is None
        closing.join()


@asynccontextmanager
async def lifespan(app):
    app.state.words = ["started"]
    yield
    app.state.words.append("ended")


def starlette_app():
    async def feed(request):
        known = int(request.headers.get("last-event-id", 0))

        async def events():
            for n in range(known + 1, known + 3):
                yield event(n)
            try:
                await asyncio.Event().wait()
            finally:
                request.app.state.words.append("left")

        return StreamingResponse(events(), media_type="text/event-stream")

    async def echo(request):
        return JSONResponse(
            [request.method, request.url.path, request.query_params["q"]]
        )

    routes = [Route("/feed", feed), Route("/echo é", echo, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)


def test_starlette_runs_its_lifespan_and_hears_a_disconnect(face):
    app = starlette_app()
    assert face.ids(app, count=2) == ["1", "2"]
    assert app.state.words == ["started", "left", "ended"]


def test_what_is_no_stream_is_read_whole():
    with ServedApplication(starlette_app()) as served:
        answer = served.client().post("/echo é", params={"q": "a b"}, content=b"x")
        assert answer.json() == ["POST", "/echo é", "a b"]
        assert served.requests[0].body == b"x"
        assert served.requests[0].query("q") == "a b"
        assert served.requests[0].query("r") is None

    async def main():
        async with ServedApplication(starlette_app()) as served:
            answer = await served.async_client().post("/echo é?q=1")
            assert answer.json() == ["POST", "/echo é", "1"]

    asyncio.run(main())


def test_fastapi_with_sse_starlette(face):
    app = FastAPI()

    @app.get("/feed")
    async def feed():
        async def events():
            for n in range(1, 4):
                yield {"id": str(n), "data": f"n{n}"}
            await asyncio.Event().wait()

        return EventSourceResponse(events())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert face.ids(app, count=3) == ["1", "2", "3"]


def test_a_startup_that_fails_is_raised(face):
    @asynccontextmanager
    async def broken(app):
        raise ValueError("no database")
        yield

    with pytest.raises(RuntimeError, match=r"(?s)startup failed.*no database"):
        face.ids(Starlette(lifespan=broken), count=1)


def test_a_sync_client_wants_a_thread():
    async def main():
        async with ServedApplication(Feed(2)) as served:
            with pytest.raises(RuntimeError, match="needs `with`"):
                served.client()

    asyncio.run(main())


def test_an_application_that_does_not_listen_is_cancelled(face):
    ended = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send(START)
            await send(part(event(1)))
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

    assert face.ids(app, count=1) == ["1"]
    assert ended == [True]


@pytest.mark.parametrize("error", [SystemExit(3), pytest.fail.Exception("no")])
def test_what_is_no_ordinary_exception_is_told_too(face, error):
    async def app(scope, receive, send):
        raise error

    served = ServedApplication(app)
    with pytest.raises(Exception, match="500"):
        face.ids(None, served=served, policy=ReconnectPolicy(stop=lambda _: True))
    assert served.errors == [error]


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_an_interrupt_is_left_to_the_loop(kind):
    async def app(scope, receive, send):
        if scope["type"] == kind:
            raise KeyboardInterrupt

    async def main():
        async with ServedApplication(app) as served:
            await served.async_client().get("/")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())


@pytest.mark.parametrize(
    "messages",
    [[part(b"")], [START, START], [START, part(b"", more=False), part(b"")]],
    ids=["no start", "two starts", "after the end"],
)
def test_a_message_out_of_turn_is_told(face, messages):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    served = ServedApplication(app)
    with pytest.raises((SSEError, RuntimeError)):  # a 500, or what it raised
        face.ids(None, served=served, policy=ReconnectPolicy(stop=lambda _: True))
    assert "may be sent" in str(served.errors[0])


class Lifespan:
    """An application of which only the lifespan matters."""

    def __init__(self, *, says=None, error=None, leaves=0.0):
        self.says, self.error, self.leaves = says, error, leaves
        self.is_over = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if self.says is not None:
                await send({"type": f"lifespan.shutdown.{self.says}"})
            await asyncio.sleep(self.leaves)
            self.is_over = True
            if self.error is not None:
                raise self.error


def served_once(face, app):
    served = ServedApplication(app)
    if not face.is_async:
        with served:
            return

    async def main():
        async with served:
            pass

    asyncio.run(main())


@pytest.mark.parametrize("error", [ValueError("late"), SystemExit("late")])
def test_a_shutdown_that_raises_is_told(face, error):
    with pytest.raises(RuntimeError, match=r"shutdown failed.*late") as caught:
        served_once(face, Lifespan(error=error))
    assert caught.value.__cause__ is error


def test_a_shutdown_that_fails_leaves_no_thread(face):
    with pytest.raises(RuntimeError, match="shutdown failed"):
        served_once(face, Lifespan(says="failed"))


def test_a_shutdown_may_say_nothing(face):
    served_once(face, Lifespan())


def test_a_shutdown_is_let_finish(face):
    app = Lifespan(says="complete", leaves=0.01)
    served_once(face, app)
    assert app.is_over


def test_requests_have_the_state_of_the_lifespan(face):
    @asynccontextmanager
    async def stateful(app):
        yield {"first": 7}

    async def feed(request):
        async def events():
            yield event(request.state.first)
            request.state.first = 8  # its own copy

        return StreamingResponse(events(), media_type="text/event-stream")

    app = Starlette(routes=[Route("/feed", feed)], lifespan=stateful)
    assert face.ids(app, count=2) == ["7", "7"]


def test_what_it_left_on_the_loop_is_cancelled(face):
    ended = []

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def app(scope, receive, send):
        if scope["type"] == "http":
            app.task = asyncio.create_task(forever())
            await send(START)
            await send(part(event(1), more=False))

    assert face.ids(app, count=1) == ["1"]
    assert ended == [True]


def test_one_that_outlives_its_cancellation_is_told(face, virtual_time):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send(START)
            await send(part(event(1)))
            for _ in range(2):
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    face.run = virtual_time.run
    with pytest.raises(RuntimeError, match="goes on, 5 s after it was cancelled"):
        face.ids(app, count=1)
    assert virtual_time.now >= 5


def test_an_async_client_wants_the_loop_of_the_test():
    served = ServedApplication(Feed(2))
    with pytest.raises(RuntimeError, match="needs `async with`"):
        served.async_client()
    with served, pytest.raises(RuntimeError, match="needs `async with`"):
        served.async_client()
