"""What may be written on the command line, checked before anything is connected."""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Any

import click

from reconnecting_sse.core.headers import has_control, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.cli.connecting import ConnectTo

_SIZE = re.compile("([0-9]{1,15})([kmg]?)", re.IGNORECASE)


def checked(check: Callable[[str], Any]) -> Callable[..., Any]:
    """A callback for click that lets ``check`` see the text given, if any."""

    def text(got: str) -> Any:
        try:
            got.encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter(
                "it is not text in this locale's encoding"
            ) from error
        return check(got)

    def callback(context: click.Context, _parameter: click.Parameter, got: Any) -> Any:
        if context.resilient_parsing:  # a word is completed: nobody asks for the others
            return None
        if isinstance(got, tuple):
            return tuple(text(one) for one in got)
        return None if got is None else text(got)

    return callback


def store(context: click.Context, parameter: click.Parameter, got: Any) -> Any:
    """A store by its URL."""
    if got is None or context.resilient_parsing:
        return None
    from reconnecting_sse.core.errors import StoreRefused  # noqa: PLC0415  (for --help)
    from reconnecting_sse.stores import open_store  # noqa: PLC0415  (for --help)

    try:
        return open_store(got)
    except (StoreRefused, ValueError) as error:
        raise click.BadParameter(str(error), param=parameter) from error


def url(text: str) -> str:
    """An absolute http or https URL."""
    from reconnecting_sse.cli.urls import checked_url  # noqa: PLC0415  (for --help)

    return checked_url(text)


def header(text: str) -> tuple[str, str]:
    """A header field, written as for curl."""
    name, colon, value = text.partition(":")
    # The value may be a secret: no message repeats it.
    if not colon:
        raise click.BadParameter("there is no colon in it; write 'Name: value'")
    if not is_token(name):
        raise click.BadParameter(f"{name!r} cannot be a header's name")
    if has_control(value):
        raise click.BadParameter(f"the value of {name} has a control character")
    return name, value.strip()


def connect_to(text: str) -> ConnectTo:
    """A rule of ``--connect-to``."""
    from reconnecting_sse.cli.connecting import ConnectTo  # noqa: PLC0415  (for --help)

    try:
        return ConnectTo.of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def method(text: str) -> str:
    """A request's method."""
    if not is_token(text):
        raise click.BadParameter(f"{text!r} cannot be a method")
    return text


def body(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> bytes | None:
    """A callback for click: the bytes as they were typed, as curl sends them."""
    if len(given) > 1:
        raise click.BadParameter("give it once; several are not joined with '&'")
    return os.fsencode(given[0]) if given else None


def size(text: str) -> int:
    """A number of bytes, with curl's suffixes: powers of 1024."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise click.BadParameter("write a number of bytes, as in 4096, 500k, 16M or 1G")
    return int(found[1]) << 10 * " kmg".index(found[2].lower() or " ")


def path(text: str) -> tuple[str, ...]:
    """Where in a JSON document something is: keys and indexes."""
    steps = tuple(text.split("."))
    if not all(steps):
        raise click.BadParameter(
            "write keys and indexes with dots between, as in choices.0.delta.content"
        )
    return steps


def seconds(
    _context: click.Context, _parameter: click.Parameter, given: float
) -> float:
    """A callback for click: a number that one can wait for."""
    if given is not None and math.isnan(given):  # it lies in every range
        raise click.BadParameter("it is not a number")
    return given
