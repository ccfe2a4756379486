"""What may be written in a file of feeds, key by key.

Each check gives a value as it is used, or raises a ``ValueError`` that says what is
wrong with it. No message repeats a header's or a parameter's value: it may be a secret.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from reconnecting_sse.cli import arguments
from reconnecting_sse.cli.named import function_named
from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.core.headers import has_control, is_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any], Any]

_VARIABLE = re.compile(r"(?P<escape>\$?)\$\{(?P<name>[^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS = {
    bool: "a boolean",
    str: "a string",
    int: "a whole number",
    float: "a number",
    list: "an array",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """What it is, in TOML's words."""
    return _KINDS.get(type(value), "a date or time")


def _is(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise ValueError(f"it is {kind_of(value)}; write {_KINDS[kinds[0]]}")
    return value


def text(value: Any) -> str:
    """A string."""
    found: str = _is(value, str)
    return found


def flag(value: Any) -> bool:
    """A boolean."""
    found: bool = _is(value, bool)
    return found


def number(least: int) -> Callable[[Any], int]:
    """A whole number that is not smaller."""

    def check(value: Any) -> int:
        found: int = _is(value, int)
        if found < least:
            raise ValueError(f"it is {found}; write a number from {least}")
        return found

    return check


def seconds(value: Any) -> float:
    """A number that one can wait for."""
    found = float(_is(value, float, int))
    if math.isnan(found) or found < 0:
        raise ValueError(f"it is {found}; write seconds")
    return found


def some_seconds(value: Any) -> float:
    """More than none."""
    found = seconds(value)
    if not 0 < found < math.inf:
        raise ValueError(f"it is {found}; write seconds, more than none")
    return found


def name(value: Any) -> str:
    """A durable name."""
    found = text(value)
    if not found or found != found.strip() or not found.isprintable():
        raise ValueError(f"{found!r} is no name: write some text without blanks around")
    return found


def url(value: Any) -> str:
    """An absolute http or https URL."""
    found = text(value)
    if "${" in found:
        raise ValueError("variables are put into headers and params only")
    return _argument(arguments.url, found)


def method(value: Any) -> str:
    """A request's method."""
    return _argument(arguments.method, text(value))


def _argument(check: Callable[[str], str], value: str) -> str:
    """As the command line has it."""
    try:
        return check(value)
    except click.BadParameter as error:
        raise ValueError(error.message) from error


def function(value: Any) -> Callable[..., Any]:
    """A function by its name, imported."""
    found = _imported(text(value))
    if isinstance(found, ValueError):
        raise found
    return found


@cache  # most feeds have the same, and what fails may take its time
def _imported(name: str) -> Callable[..., Any] | ValueError:
    """The function; or what is wrong."""
    try:
        return function_named(name)
    except ValueError as error:
        return error


def handler(value: Any) -> Callable[..., Any]:
    """A coroutine function."""
    found = function(value)
    if not is_coroutine_function(found):
        raise ValueError(f"{value!r} is a plain function: write it with async def")
    return found


def key(value: Any) -> Callable[..., Any]:
    """A plain function."""
    found = function(value)
    if is_coroutine_function(found):
        raise ValueError(f"{value!r} is a coroutine function, and is never awaited")
    return found


# ---------------------------------------------------------------- may hold a secret


def header(name: str, value: Any, environment: Mapping[str, str]) -> str:
    """A header's value."""
    if not is_token(name):
        raise ValueError(f"{name!r} cannot be a header's name")
    found = _sendable(expanded(text(value), environment))
    if has_control(found):
        raise ValueError("there is a control character in its value")
    return found


def parameter(_name: str, value: Any, environment: Mapping[str, str]) -> str:
    """A parameter of the query, as text."""
    found = _is(value, str, int, float, bool)
    if isinstance(found, bool):
        return str(found).lower()
    return _sendable(expanded(str(found), environment))


def _sendable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a variable in it is not UTF-8") from None
    return value


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """The text with ``${NAME}`` replaced by the variable; ``$${`` is a plain ``${``."""

    def value(found: re.Match[str]) -> str:
        if found["escape"]:
            return found[0][1:]
        name = found["name"]
        if not (_NAME.fullmatch(name) and found[0].endswith("}")):
            raise ValueError("what follows ${ is no variable's name, closed by }")
        if name not in environment:
            raise ValueError(f"the variable {name} is not set")
        return environment[name]

    return _VARIABLE.sub(value, text)


FLEET: dict[str, Check] = {"lease": some_seconds, "max_feeds": number(1)}
"""The keys of ``[fleet]``."""

DEFAULTS: dict[str, Check] = {
    # the request
    "method": method,
    "data": text,
    "idle_timeout": seconds,
    # the worker
    "handler": handler,
    "transactional": flag,
    "batch": number(1),
    "concurrency": number(1),
    "key": key,
    "window": number(1),
    "dead_letters": flag,
    "max_deliveries": number(1),
    "deduplicate": number(0),
    "on_gap": function,
    "drain_timeout": seconds,
    "stalled_after": seconds,
}
"""The keys of ``[defaults]``, and of each feed."""

FEED: dict[str, Check] = {"name": name, "url": url, **DEFAULTS}
"""The keys of a ``[[feed]]``."""

TABLES: dict[str, Callable[[str, Any, Mapping[str, str]], str]] = {
    "headers": header,
    "params": parameter,
}
"""What else each feed has: tables, whose keys anybody may choose."""
