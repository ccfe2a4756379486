"""Writing to stdout, for as long as somebody reads it."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

import click

from reconnecting_sse.cli.saying import say

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator


class ReaderGoneError(click.exceptions.Exit):
    """Nobody reads stdout any longer; no reason to say anything."""


class OutputError(click.ClickException):
    """What was to be written to stdout is lost."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Say so as every other failure is said."""
        del file
        say(f"error: {self.message}")


@contextmanager
def writing() -> Iterator[None]:
    """A block that writes to stdout, and does nothing else with the system.

    Raises:
        ReaderGoneError: It reached nobody.
        OutputError: It could not be written.
    """
    try:
        yield
    except BrokenPipeError:
        discard()
        raise ReaderGoneError(1) from None
    except OSError as error:
        discard()
        raise OutputError(
            f"standard output cannot be written: {error.strerror}"
        ) from error


def discard() -> None:
    """Let what is still in stdout's buffer go nowhere, now and when Python exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class Output:
    """Lines to stdout, each flushed.

    Raises:
        OutputError: There is no stdout.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        # A character that the terminal's encoding lacks must not end the program.
        cast("io.TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
        self._stream: TextIO = sys.stdout

    @property
    def has_colour(self) -> bool:
        """Whether colour is wanted (https://no-color.org)."""
        return self._stream.isatty() and not os.environ.get("NO_COLOR")

    def line(self, text: str) -> None:
        """Write a line.

        Raises:
            ReaderGoneError: It reached nobody.
            OutputError: It could not be written.
        """
        self.text(f"{text}\n")

    def text(self, text: str) -> None:
        """Write a part of a line; errors as those of a line."""
        with writing():
            self._stream.write(text)
            self._stream.flush()

    def watch(self, gone: Callable[[], object]) -> None:
        """Call ``gone`` as soon as stdout is a pipe that nobody reads.

        A write would tell as well, but on a quiet feed the next one may be hours away.
        """
        try:
            descriptor = self._stream.fileno()
        except OSError:  # not a real file
            return
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            threading.Thread(
                target=_await_end, args=(descriptor, gone), daemon=True
            ).start()


def _await_end(descriptor: int, gone: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are reported unasked
    poll.poll()
    gone()
