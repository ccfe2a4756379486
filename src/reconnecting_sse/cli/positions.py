"""``positions``: what a store keeps, and how to change it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconnecting_sse import StoreError
from reconnecting_sse.cli.output import Output
from reconnecting_sse.cli.saying import say
from reconnecting_sse.cli.table import lines_of, seconds
from reconnecting_sse.core.cursor import checked_id
from reconnecting_sse.core.errors import printable

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Place
    from reconnecting_sse.stores import Store

FAILED = 1
_COLUMNS = ("NAME", "POSITION", "AGE", "OWNER", "LEASE")


def positions(
    store: Store, *, given: tuple[str, str] | None, forget: str | None, yes: bool
) -> int:
    """List, set or forget; the exit status."""
    if given and forget is not None:
        raise click.UsageError("--set and --forget do not go together")
    try:
        if given:
            name, position = given
            return _change(store, name, _checked(position), yes=yes)
        if forget is not None:
            return _change(store, forget, None, yes=yes)
        _show(store.places())
    except StoreError as error:
        say(f"error: {error}")
        return FAILED
    finally:
        store.close()
    return 0


def _checked(position: str) -> str:
    try:
        return checked_id(position)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--set'") from error


def _change(store: Store, name: str, position: str | None, *, yes: bool) -> int:
    places: list[Place] = store.places()
    found = next((place for place in places if place.name == name), None)
    if found is None and position is None:
        say(f"error: there is no {name!r}")
        return FAILED
    before = "none" if found is None else _shown(found.position)
    what = "forget it" if position is None else f"set it to {_shown(position)}"
    held = f", held by {found.owner}," if found is not None and found.owner else ""
    question = f"The position of {name!r}{held} is {before}: {what}?"
    if not (yes or click.confirm(printable(question), err=True)):
        return FAILED
    store.put(name, position)
    return 0


def _show(places: list[Place]) -> None:
    output = Output()
    for line in lines_of([_COLUMNS, *map(_row, places)]):
        output.line(line)


def _row(place: Place) -> tuple[str, ...]:
    age = "-" if place.age is None else seconds(place.age)
    lease = "-" if place.lease is None else seconds(max(place.lease, 0.0))
    owner = printable(place.owner) or "-"
    return printable(place.name), _shown(place.position), age, owner, lease


def _shown(position: str | None) -> str:
    if position is None:
        return "none"
    return printable(position) if position else '""'
