"""Writing to stdout, for as long as somebody reads it."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from typing import TYPE_CHECKING, TextIO, cast

import click

if TYPE_CHECKING:
    import io
    from collections.abc import Callable


class ReaderGoneError(Exception):
    """Nobody reads stdout any longer."""


class Output:
    """Lines to stdout, each flushed.

    Raises:
        click.ClickException: There is no stdout.
    """

    def __init__(self) -> None:
        if sys.stdout is None:
            raise click.ClickException("standard output is closed")
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
            click.ClickException: It could not be written.
        """
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except BrokenPipeError:
            self.discard()
            raise ReaderGoneError from None
        except OSError as error:
            self.discard()
            raise click.ClickException(
                f"standard output cannot be written: {error.strerror}"
            ) from error

    def discard(self) -> None:
        """Let what is still in the buffer go nowhere, now and when Python exits."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

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
