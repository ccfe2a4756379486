"""Header fields: what HTTP allows in them, and how they are merged and read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Fields = list[tuple[bytes, bytes]]

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110, section 5.6.2: what a field's name, or a method, is made of."""

# RFC 9110, section 5.5: no control character but TAB.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

HTTPXR_CODINGS = b"gzip, deflate, br, zstd"

# What every httpxr client sends unasked: nobody's choice.
_HTTPXR_DEFAULTS = frozenset(
    {
        (b"accept", b"*/*"),
        (b"accept-encoding", HTTPXR_CODINGS),
        (b"connection", b"keep-alive"),
    }
)
_HTTPXR_AGENT = b"python-httpxr/"


def has_control(value: bytes | str) -> bool:
    """Whether a field's value must not have this in it."""
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return _FORBIDDEN.search(raw) is not None


def is_token(text: str) -> bool:
    """Whether it can be a field's name, or a method."""
    return TOKEN.fullmatch(text.encode()) is not None


def is_httpxr_default(name: bytes, value: bytes) -> bool:
    """Whether a client sends the field unless it is told otherwise."""
    return (name.lower(), value) in _HTTPXR_DEFAULTS


def is_httpxr_agent(value: bytes) -> bool:
    """Whether this is the name that httpxr gives itself."""
    return value.startswith(_HTTPXR_AGENT)


def header_text(value: bytes) -> str:
    """A field's value as text: UTF-8 as httpxr sends it, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def named(fields: Iterable[tuple[bytes, bytes]], name: bytes) -> Fields:
    """The fields of that name, in whatever letter case."""
    return [field for field in fields if field[0].lower() == name.lower()]


def without(fields: Iterable[tuple[bytes, bytes]], name: bytes) -> Fields:
    """The fields of any other name."""
    return [field for field in fields if field[0].lower() != name.lower()]


def merged(*layers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The layers as one: a later layer replaces an earlier one's fields by name."""
    result: Fields = []
    for layer in layers:
        fields = list(layer)
        names = {name.lower() for name, _ in fields}
        result = [pair for pair in result if pair[0].lower() not in names] + fields
    return result
