"""What a live response body is, on either face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

import httpxr

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.core.answer import Answer

LIVE = "reconnecting_sse.live"
"""Where a request's ``extensions`` say that its response is read as it arrives."""

READ_SIZE = 65536
"""Bytes read at a time at the most: a decoder's memory is a multiple of that."""


def reads_live(request: httpxr.Request, answer: Answer) -> bool:
    """Whether the answer's body is to be read as it arrives, or whole at once.

    A sync client tells nobody whether it was asked for a response or for a stream, and
    does not read what it is given as a stream: so ours are marked, and what others ask
    for is live if its kind says so.
    """
    # httpxr's stubs do not know the attribute.
    is_ours = cast("Any", request).extensions.get(LIVE)
    return bool(is_ours) or answer.may_be_endless


class LiveBody(ABC):
    """A body read as it arrives: an object, so that no exception can exhaust it.

    Attributes:
        read_timeout: The longest silence in seconds; None is for ever. May be changed
            between reads.
    """

    read_timeout: float | None

    @abstractmethod
    def read(self) -> bytes:
        """What has arrived, at least one byte; ``b""`` only at the body's proper end.

        Raises:
            httpxr.ReadTimeout: Nothing came for ``read_timeout``.
            httpxr.TransportError: The body was cut, or closed under the reader.
        """

    def wait(self, seconds: float) -> bool:  # noqa: ARG002
        """Whether a read has something, within so long; false if nobody can say."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Free the connection. Idempotent."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk = self.read()
        if not chunk:
            raise StopIteration
        return chunk


class AsyncLiveBody(ABC):
    """The same for asyncio; every method belongs to the loop's own thread."""

    read_timeout: float | None

    @abstractmethod
    async def read(self) -> bytes:
        """As ``LiveBody.read``; cancelling it loses no byte that had arrived."""

    @abstractmethod
    def read_nowait(self) -> bytes:
        """What has arrived already; ``b""`` says only that one has to wait."""

    async def wait(self, seconds: float) -> bool:  # noqa: ARG002
        """As ``LiveBody.wait``."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Free the connection, without waiting for it. Idempotent."""

    @abstractmethod
    async def aclose(self) -> None:
        """Free the connection and wait until its socket is gone. Idempotent."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read()
        if not chunk:
            raise StopAsyncIteration
        return chunk


async def content_of(request: httpxr.Request) -> bytes:
    """The request's body, gathered where it is a stream."""
    try:
        return request.content
    except httpxr.RequestNotRead:
        stream = request.stream
    if hasattr(stream, "__aiter__"):
        return b"".join([chunk async for chunk in stream])
    return b"".join(stream)
