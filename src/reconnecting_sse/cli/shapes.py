"""In which shape ``tail`` prints events."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import click

from reconnecting_sse.cli.events import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse.cli.output import Output

DONE = "[DONE]"

_INDEX = re.compile("[0-9]{1,18}")  # int() refuses endless digits


class ErrorEvent(click.ClickException):
    """The server says in an event that it has failed."""


class Shape(ABC):
    """What becomes of each event.

    Attributes:
        output: Where it is written to.
    """

    def __init__(self, output: Output) -> None:
        self.output: Output = output

    @abstractmethod
    def show(self, event: ServerSentEvent) -> bool:
        """Print an event; whether more may follow."""

    def end(self) -> None:  # noqa: B027  (lines are whole)
        """Nothing more comes."""


class Lines(Shape):
    """One line or more for each event."""

    def __init__(
        self, output: Output, formatted: Callable[[ServerSentEvent], str]
    ) -> None:
        super().__init__(output)
        self._formatted = formatted

    def show(self, event: ServerSentEvent) -> bool:
        self.output.line(self._formatted(event))
        return True


class Text(Shape):
    """The text at one place of each event's JSON, as it comes, and nothing between.

    An event that has none there is passed over. ``[DONE]`` is the end.
    """

    def __init__(self, output: Output, path: Iterable[str]) -> None:
        super().__init__(output)
        self._path = tuple(path)
        self._last = "\n"

    def show(self, event: ServerSentEvent) -> bool:
        if event.data.strip() == DONE:
            return False
        document = _document(event.data)
        text = _text_at(self._path, document)
        if text:
            shown = "\n".join(map(escaped, text.split("\n")))
            # What a signal breaks off, as nobody takes it, is not ended either.
            self._last = "\n"
            self.output.text(shown)
            self._last = shown[-1]
        elif message := _failure(event, document):
            raise ErrorEvent(f"the server says: {message}")
        return True

    def end(self) -> None:
        if self._last != "\n":
            self.output.line("")


def _document(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _text_at(path: tuple[str, ...], document: Any) -> str | None:
    for step in path:
        match document:
            case dict():
                document = document.get(step)
            case list() if _INDEX.fullmatch(step) and int(step) < len(document):
                document = document[int(step)]
            case _:
                return None
    return document if isinstance(document, str) else None


def _failure(event: ServerSentEvent, document: Any) -> str | None:
    """What an event of errors says, as servers of language models write it."""
    error = document.get("error") if isinstance(document, dict) else None
    if error is None and event.event != "error":
        return None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else event.data
