"""Lines on stderr, where it does not matter whether anybody reads them."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from reconnecting_sse.cli.events import escaped


def say(text: str) -> None:
    """One line on stderr; whether anybody reads it does not matter."""
    with suppress(OSError):
        click.echo(escaped(text), err=True)


def say_above(text: str) -> None:
    """The same, where a line that redraws itself may stand already."""
    with suppress(OSError):
        click.echo(
            f"\r\x1b[K{escaped(text)}" if sys.stderr.isatty() else text, err=True
        )
