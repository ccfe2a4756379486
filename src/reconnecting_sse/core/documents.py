"""JSON documents from a stream: one an event, or one a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.errors import EventTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from httpxr.sse import ServerSentEvent

DONE = "[DONE]"
"""What ends a stream of JSON documents, by OpenAI's convention."""

LINES = frozenset(
    {
        "application/json-lines",
        "application/jsonl",
        "application/jsonlines",
        "application/ndjson",
        "application/stream+json",
        "application/x-json-lines",
        "application/x-jsonl",
        "application/x-jsonlines",
        "application/x-ndjson",
    }
)
"""Content types whose bodies are one JSON document a line."""


class LineDecoder:
    """Bytes to lines: NDJSON ends its lines with LF, and may leave out the last one."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._held: list[bytes] = []  # joined once per line, or it were quadratic
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that ``chunk`` completes.

        Raises:
            EventTooLarge: A line is longer than the limit. The lines before it in the
                same chunk are returned first, and the next call raises.
        """
        if self._size + len(chunk) <= self._limit:
            return self._lines(chunk)
        *complete, rest = chunk.split(b"\n")
        lines: list[str] = []
        try:
            for part in complete:
                self._hold(part)
                lines.append(self.end())
            self._hold(rest)
        except EventTooLarge:
            if not lines:
                raise
        return lines

    def _lines(self, chunk: bytes) -> list[str]:
        """The same, where no line can be too long: blank ones cost little together."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._hold(chunk)
            return []
        self._held.append(chunk[:end])
        text = b"".join(self._held).decode("utf-8", "replace")
        self._held, self._size = [chunk[end:]], len(chunk) - end
        return text.replace("\r\n", "\n").removesuffix("\n").split("\n")

    def end(self) -> str:
        """The line held so far: at the end of the body, the last one."""
        line = b"".join(self._held)
        self._held, self._size = [], 0
        return line.decode("utf-8", "replace").removesuffix("\r")

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._held = []
            raise EventTooLarge(f"one line is larger than {self._limit} bytes")
        self._held.append(part)


class JSONDocuments:
    """Parses the texts of a stream one by one, counting them for its errors."""

    def __init__(self, unit: str, on_done: Callable[[], object] = lambda: None) -> None:
        self._unit = unit
        self._on_done = on_done
        self._count = 0
        self.is_done: bool = False

    def parse(self, item: ServerSentEvent | str) -> tuple[Any, ...]:
        """The document in a tuple; an empty one for a blank text or at the end.

        Raises:
            json.JSONDecodeError: It is no JSON; the message says where in the stream.
        """
        text = item if isinstance(item, str) else item.data
        self._count += 1
        if not text or text.isspace():
            return ()
        if text.strip() == DONE:
            self.is_done = True
            self._on_done()
            return ()
        where = f"{self._unit} {self._count} of the stream is not JSON"
        try:
            return (json.loads(text),)
        except RecursionError:
            message = f"{where}: it is nested too deep"
            raise json.JSONDecodeError(message, text, 0) from None
        except json.JSONDecodeError as error:
            message = f"{where}: {error.msg}"
            raise json.JSONDecodeError(message, text, error.pos) from None
        except ValueError as error:  # a number with more digits than Python reads
            raise json.JSONDecodeError(f"{where}: {error}", text, 0) from None


class JSONIterator:
    """The documents of a stream; iterating again goes on where it stopped."""

    def __init__(self, items: Iterator[Any], documents: JSONDocuments) -> None:
        self._items = items
        self._documents = documents

    def __iter__(self) -> JSONIterator:
        return self

    def __next__(self) -> Any:
        while not self._documents.is_done:
            for document in self._documents.parse(next(self._items)):
                return document
        raise StopIteration


class AsyncJSONIterator:
    """The same on the async face."""

    def __init__(self, items: AsyncIterator[Any], documents: JSONDocuments) -> None:
        self._items = items
        self._documents = documents

    def __aiter__(self) -> AsyncJSONIterator:
        return self

    async def __anext__(self) -> Any:
        while not self._documents.is_done:
            for document in self._documents.parse(await anext(self._items)):
                return document
        raise StopAsyncIteration
