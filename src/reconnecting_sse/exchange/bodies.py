"""Bodies of any transport, read in one way.

The bodies of our own wires are used as they are; whatever else a transport gives, an
iterable or an asynchronous one, is read through an adapter that cannot be exhausted
by an exception: a generator that was broken off would look like a clean end.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE = type(httpxr.Response(200).stream)


def is_whole(response: httpxr.Response) -> bool:
    """Whether httpxr holds all of the body, decoded, in memory."""
    return isinstance(response.stream, _WHOLE)


def body_of(response: httpxr.Response) -> LiveBody:
    """The response's body on the sync face.

    Raises:
        TypeError: It can be read on the async face only.
    """
    stream: Any = response.stream
    if isinstance(stream, LiveBody):
        return stream
    if not hasattr(stream, "__iter__"):
        raise TypeError("this response's body is asynchronous; read it with aiter_sse")
    return IteratedBody(stream)


def async_body_of(response: httpxr.Response) -> AsyncLiveBody:
    """The response's body on the async face.

    Raises:
        TypeError: Reading it would block the loop.
    """
    stream: Any = response.stream
    if isinstance(stream, AsyncLiveBody):
        return stream
    if isinstance(stream, LiveBody):
        raise TypeError("this response came from an httpxr.Client; use iter_sse")
    return AsyncIteratedBody(stream)


class IteratedBody(LiveBody):
    """Reads any iterable of bytes; its transport decides about timeouts."""

    def __init__(self, stream: Any) -> None:
        self.read_timeout: float | None = None
        self._stream = stream
        self._iterator: Iterator[bytes] | None = iter(stream)

    def read(self) -> bytes:
        iterator, self._iterator = self._iterator, None
        if iterator is None:
            raise _unreadable()
        try:
            chunk = next(filter(None, iterator), b"")
        except httpxr.HTTPError:
            raise
        except Exception as error:
            raise _cut(error) from error
        self._iterator = iterator
        return chunk

    def close(self) -> None:
        parts, self._iterator = (self._iterator, self._stream), None
        for part in parts:
            close = getattr(part, "close", None)
            if close is not None:
                # A generator that is running right now cannot be closed: its reader
                # will let go of it. Else nobody wants the connection any more.
                with suppress(Exception):
                    close()


class AsyncIteratedBody(AsyncLiveBody):
    """The same for an asynchronous iterable, or a plain one on the async face."""

    def __init__(self, stream: Any) -> None:
        self.read_timeout: float | None = None
        self._stream = stream
        is_async = hasattr(stream, "__aiter__")
        self._iterator: Any = aiter(stream) if is_async else Awaited(iter(stream))
        # A generator is its own iterator; of others each is closed.
        is_own = self._iterator is stream
        self._parts: tuple[Any, ...] = (stream,) if is_own else (self._iterator, stream)

    async def read(self) -> bytes:
        iterator, self._iterator = self._iterator, None
        if iterator is None:
            raise _unreadable()
        chunk = b""
        try:
            while not chunk:
                chunk = await anext(iterator)
        except StopAsyncIteration:
            pass
        except httpxr.HTTPError:
            raise
        except Exception as error:
            raise _cut(error) from error
        self._iterator = iterator
        return chunk

    def read_nowait(self) -> bytes:
        return b""

    def close(self) -> None:
        # What has to be awaited is left to ``aclose``, or to the last reference.
        stream, self._stream, self._iterator = self._stream, (), None
        close = getattr(stream, "close", None)
        if close is not None:
            with suppress(Exception):
                close()

    async def aclose(self) -> None:
        parts, self._parts = self._parts, ()
        for part in parts:
            aclose = getattr(part, "aclose", None)
            if aclose is not None:
                with suppress(Exception):
                    await aclose()
        self.close()


class Awaited:
    """A plain iterator on the async face."""

    def __init__(self, iterator: Iterator[bytes]) -> None:
        self._iterator = iterator

    async def __anext__(self) -> bytes:
        for chunk in self._iterator:
            return chunk
        raise StopAsyncIteration


def _cut(error: Exception) -> httpxr.ReadError:
    said = shortened(str(error))
    return httpxr.ReadError(f"the body was cut off: {type(error).__name__}: {said}")


def _unreadable() -> httpxr.ReadError:
    return httpxr.ReadError("the body was cut off, or closed, before this read")
