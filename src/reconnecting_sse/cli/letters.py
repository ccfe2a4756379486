"""``dead-letters``: what could not be handled, and what is to become of it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from reconnecting_sse import StoreError
from reconnecting_sse.cli.output import Output
from reconnecting_sse.cli.report import counted
from reconnecting_sse.cli.saying import say
from reconnecting_sse.cli.table import lines_of, seconds
from reconnecting_sse.core.errors import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconnecting_sse import DeadLetter
    from reconnecting_sse.stores import Store

FAILED = 1
_COLUMNS = ("NAME", "POSITION", "KEY", "AGE", "ATTEMPTS", "REASON")
_REASON = 60


def as_table(store: Store, name: str | None, positions: Sequence[str]) -> int:
    """List them; the exit status."""
    with _found(store, name, positions) as letters:
        output = Output()
        for line in lines_of([_COLUMNS, *map(_row, letters)] if letters else []):
            output.line(line)
    return _status(letters, positions)


def as_objects(store: Store, name: str | None, positions: Sequence[str]) -> int:
    """Show each as a JSON object on a line of its own, data and all."""
    with _found(store, name, positions) as letters:
        output = Output()
        for letter in letters:
            output.line(json.dumps(asdict(letter)))
    return _status(letters, positions)


def replay(store: Store, name: str | None, positions: Sequence[str]) -> int:
    """Have them handed over once more, by the worker that runs, or the next."""
    with _found(store, name, positions) as letters:
        count = _of_each_name(letters, store.replay)
        if letters:
            say(f"{counted(count, 'dead letter')} to be replayed")
    return _status(letters, positions)


def drop(store: Store, name: str | None, positions: Sequence[str], *, yes: bool) -> int:
    """Delete them."""
    with _found(store, name, positions) as letters:
        question = f"Delete {counted(len(letters), 'dead letter')} for good?"
        if letters and not (yes or click.confirm(question, err=True)):
            return FAILED
        count = _of_each_name(letters, store.drop)
        if letters:
            say(f"{counted(count, 'dead letter')} deleted")
    return _status(letters, positions)


@contextmanager
def _found(
    store: Store, name: str | None, positions: Sequence[str]
) -> Iterator[list[DeadLetter]]:
    letters: list[DeadLetter] = []
    try:
        wanted = set(positions)
        letters += [
            letter
            for letter in store.letters(name)
            if not wanted or {letter.position, letter.key} & wanted
        ]
        yield letters
    except StoreError as error:
        say(f"error: {error}")
        raise click.exceptions.Exit(FAILED) from error
    finally:
        store.close()


def _of_each_name(
    letters: list[DeadLetter], change: Callable[[str, list[str]], int]
) -> int:
    """Have the store change them; how many it had still."""
    by_name = attrgetter("name")
    return sum(
        change(name, [letter.key for letter in run])
        for name, run in groupby(sorted(letters, key=by_name), by_name)
    )


def _status(letters: list[DeadLetter], positions: Sequence[str]) -> int:
    if letters or not positions:
        if not letters:
            say("there are no dead letters")
        return 0
    say("error: there is no such dead letter")
    return FAILED


def _row(letter: DeadLetter) -> tuple[str, ...]:
    marks = " (to be replayed)" * letter.is_replayed
    return (
        printable(letter.name),
        printable(letter.position) or '""',
        printable(letter.key),
        seconds(letter.age),
        str(letter.attempts),
        printable(shortened(letter.reason, _REASON)) + marks,
    )
