"""Foreign bodies of every kind, read as ours are."""

from __future__ import annotations

import asyncio

import httpxr
import pytest

from reconnecting_sse.exchange.bodies import async_body_of, body_of, is_whole
from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody
from tests.faces import ASYNC, SYNC, FakeStream, on_both_faces


class Body:
    """A body of either face, read by plain calls."""

    def __init__(self, face, stream):
        self._is_async = face is ASYNC
        make = async_body_of if self._is_async else body_of
        self.body = make(httpxr.Response(200, stream=stream))

    def read(self):
        if self._is_async:
            assert self.body.read_nowait() == b""
            return asyncio.run(self.body.read())
        return self.body.read()

    def close(self):
        if self._is_async:
            asyncio.run(self.body.aclose())
        self.body.close()


class Ours(LiveBody):
    read_timeout = None

    def read(self):
        return b""

    def close(self):
        """Nothing to free."""


class OursAsync(AsyncLiveBody):
    read_timeout = None

    async def read(self):
        return b""

    def read_nowait(self):
        return b""

    def close(self):
        """Nothing to free."""

    async def aclose(self):
        """Nothing to free."""


async def generated(chunks):
    for chunk in chunks:
        yield chunk


def test_our_own_bodies_are_used_as_they_are():
    ours, ours_async = Ours(), OursAsync()
    assert body_of(httpxr.Response(200, stream=ours)) is ours
    assert async_body_of(httpxr.Response(200, stream=ours_async)) is ours_async


def test_a_body_of_the_other_face_is_refused_by_the_name_of_the_right_method():
    with pytest.raises(TypeError, match="aiter_sse"):
        body_of(httpxr.Response(200, stream=OursAsync()))
    with pytest.raises(TypeError, match="use iter_sse"):
        async_body_of(httpxr.Response(200, stream=Ours()))


@on_both_faces
@pytest.mark.parametrize(
    "kind", [list, iter, lambda chunks: (chunk for chunk in chunks), FakeStream]
)
def test_any_iterable_is_read_chunk_by_chunk_without_empty_ones(face, kind):
    body = Body(face, kind([b"", b"a", b"", b"", b"b", b""]))
    assert [body.read() for _ in range(4)] == [b"a", b"b", b"", b""]


def test_an_async_iterable_is_read_the_same_way():
    async def scenario():
        response = httpxr.Response(200, stream=generated([b"", b"a", b"", b"b"]))
        body = async_body_of(response)
        return [await body.read() for _ in range(4)]

    assert asyncio.run(scenario()) == [b"a", b"b", b"", b""]


@on_both_faces
def test_a_buffered_body_is_read_too(face):
    make = async_body_of if face is ASYNC else body_of
    response = httpxr.Response(200, content=b"abc")
    body = make(response)
    chunk = asyncio.run(body.read()) if face is ASYNC else body.read()
    assert chunk == b"abc"
    assert is_whole(response)
    assert not is_whole(httpxr.Response(200, stream=iter([b"abc"])))


@on_both_faces
def test_an_exception_is_a_cut_and_the_end_never_looks_clean_after_it(face):
    def breaking():
        yield b"a"
        raise OSError("unplugged")

    body = Body(face, breaking())
    assert body.read() == b"a"
    with pytest.raises(httpxr.ReadError, match="OSError: unplugged") as caught:
        body.read()
    assert isinstance(caught.value.__cause__, OSError)
    for _ in range(2):
        with pytest.raises(httpxr.ReadError, match="cut off, or closed"):
            body.read()


@on_both_faces
def test_httpxrs_own_errors_keep_their_class(face):
    error = httpxr.ReadTimeout("silence")
    body = Body(face, FakeStream([error]))
    with pytest.raises(httpxr.ReadTimeout) as caught:
        body.read()
    assert caught.value is error
    with pytest.raises(httpxr.ReadError, match="cut off"):
        body.read()


@on_both_faces
def test_an_interrupted_read_is_a_cut_as_well(face):
    body = Body(face, FakeStream([KeyboardInterrupt(), b"never"]))
    with pytest.raises(KeyboardInterrupt):
        body.read()
    with pytest.raises(httpxr.ReadError, match="cut off"):
        body.read()


def test_a_cancelled_read_is_a_cut_as_well():
    async def scenario():
        body = async_body_of(httpxr.Response(200, stream=waiting()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(body.read(), 0.01)
        with pytest.raises(httpxr.ReadError, match="cut off"):
            await body.read()
        await body.aclose()

    async def waiting():
        await asyncio.Event().wait()
        yield b"never"

    asyncio.run(scenario())


@on_both_faces
def test_closing_frees_the_stream_and_ends_reading(face):
    stream = FakeStream([b"a", b"b"])
    body = Body(face, stream)
    assert body.read() == b"a"
    body.close()
    assert stream.closed
    with pytest.raises(httpxr.ReadError, match="closed"):
        body.read()
    body.close()


@on_both_faces
def test_a_stream_that_cannot_be_closed_is_let_go(face):
    body = Body(face, [b"a"])
    body.close()
    with pytest.raises(httpxr.ReadError, match="closed"):
        body.read()


def test_closing_runs_what_a_generator_has_to_do_last():
    done = []

    def chunks():
        try:
            yield b"a"
        finally:
            done.append("sync")

    async def async_chunks():
        try:
            yield b"a"
        finally:
            done.append("async")

    body = Body(SYNC, chunks())
    assert body.read() == b"a"
    body.close()

    async def scenario():
        body = async_body_of(httpxr.Response(200, stream=async_chunks()))
        assert await body.read() == b"a"
        await body.aclose()
        await body.aclose()

    asyncio.run(scenario())
    assert done == ["sync", "async"]


def test_closing_an_async_body_without_waiting_closes_what_can_be():
    stream = FakeStream([])
    body = Body(ASYNC, stream).body
    body.close()
    body.close()
    assert stream.closed == 1


def test_a_generator_that_is_being_read_cannot_be_closed_but_its_stream_is():
    class Stream(FakeStream):
        def __iter__(self):
            body.close()  # as from a signal handler, within the read
            yield b"a"

    stream = Stream([])

    def chunks():
        body.close()
        yield b"a"

    body = Body(SYNC, chunks()).body
    assert body.read() == b"a"
    body = Body(SYNC, stream).body
    assert body.read() == b"a"
    assert stream.closed


def test_closing_a_foreign_body_beside_its_reader_leaves_the_rest_to_him():
    async def main():
        waiting = asyncio.Event()

        async def pieces():
            waiting.set()
            await asyncio.Event().wait()
            yield b"never"

        response = httpxr.Response(200, stream=pieces())
        body = async_body_of(response)
        reading = asyncio.create_task(body.read())
        await waiting.wait()
        await body.aclose()
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()

    asyncio.run(main())


@on_both_faces
@pytest.mark.parametrize("error", [OSError(), httpxr.CloseError("gone"), LookupError()])
def test_a_body_that_cannot_be_closed_is_let_go_of(face, error):
    class Stubborn(FakeStream):
        def close(self):
            raise error

        async def aclose(self):
            raise error

    body = Body(face, Stubborn([b"a"]))
    assert body.read() == b"a"
    body.close()
    with pytest.raises(httpxr.ReadError, match="cut off, or closed"):
        body.read()
