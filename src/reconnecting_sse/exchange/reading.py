"""Reads one response: its bytes through a decoder, item by item, on either face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.answer import EVENTS, mismatch
from reconnecting_sse.core.decoder import MAX_EVENT_BYTES, EventStreamDecoder
from reconnecting_sse.core.documents import LINES, LineDecoder
from reconnecting_sse.core.errors import UnexpectedContentType, redacted
from reconnecting_sse.exchange.answers import answer_of
from reconnecting_sse.exchange.bodies import async_body_of, body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpxr

    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody

EVENTS_OR_LINES = EVENTS | LINES


class Reader:
    """A response being read; all state is here, so that iterators can be dropped."""

    def __init__(self, response: httpxr.Response) -> None:
        self.pending: Iterator[Any] = iter(())
        self._response = response
        self._content_type = ""
        self._decoder: EventStreamDecoder | LineDecoder | None = None
        self._body: LiveBody | None = None
        self._async_body: AsyncLiveBody | None = None

    def body(self, wanted: frozenset[str]) -> LiveBody:
        """The sync body, once the response is known to be what is ``wanted``."""
        self._check(wanted)
        if self._body is None:
            self._body = body_of(self._response)
        return self._body

    def async_body(self, wanted: frozenset[str]) -> AsyncLiveBody:
        """As ``body``, on the async face."""
        self._check(wanted)
        if self._async_body is None:
            self._async_body = async_body_of(self._response)
        return self._async_body

    def take(self, chunk: bytes) -> bool:
        """Decode a chunk; False at the end, once nothing is left."""
        decoder = self._decoder
        assert decoder is not None
        # At the end, too: an event too large may have to be told of yet.
        items: list[Any] = list(decoder.feed(chunk))
        if not chunk and isinstance(decoder, LineDecoder) and (line := decoder.end()):
            items.append(line)
        self.pending = iter(items)
        return bool(chunk or items)

    def _check(self, wanted: frozenset[str]) -> None:
        if self._content_type in wanted:
            return
        answer = answer_of(self._response)
        if answer.content_type not in wanted or answer.content_encoding:
            raise _unexpected(answer, wanted)
        self._content_type = answer.content_type
        if answer.content_type in LINES:
            self._decoder = LineDecoder(MAX_EVENT_BYTES)
        else:
            self._decoder = EventStreamDecoder()


def _unexpected(answer: Answer, wanted: frozenset[str]) -> UnexpectedContentType:
    where = redacted(answer.url) or "the server"
    return UnexpectedContentType(
        f"{where} answered {answer.status} {mismatch(answer, wanted)}",
        url=answer.url,
        status=answer.status,
        headers=answer.headers,
    )


class Items:
    """The items of a reader on the sync face."""

    __slots__ = ("_reader", "_wanted")

    def __init__(self, reader: Reader, wanted: frozenset[str]) -> None:
        self._reader = reader
        self._wanted = wanted

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> Any:
        reader = self._reader
        while True:
            for item in reader.pending:
                return item
            if not reader.take(reader.body(self._wanted).read()):
                raise StopIteration


class AsyncItems:
    """The same on the async face."""

    __slots__ = ("_reader", "_wanted")

    def __init__(self, reader: Reader, wanted: frozenset[str]) -> None:
        self._reader = reader
        self._wanted = wanted

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> Any:
        reader = self._reader
        while True:
            for item in reader.pending:
                return item
            body = reader.async_body(self._wanted)
            if not reader.take(body.read_nowait() or await body.read()):
                raise StopAsyncIteration
