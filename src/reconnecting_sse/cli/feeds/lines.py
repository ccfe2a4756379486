"""In which line of a TOML file something is written, which no parser tells.

For text that ``tomllib`` has accepted: so it need not be checked, only taken apart.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys, and the indices of tables in arrays: ``("feed", 0, "url")``."""

_STRING = r"""
    \"{3} (?:\\.|[^\\])*? \"{3,5}   # its last three may follow two of its own
  | '{3} .*? '{3,5}
  | \" (?:\\.|[^"\\\n])* \"
  | ' [^'\n]* '
"""
_MARK = re.compile(rf"{_STRING} | \#[^\n]* | [\[\]{{}}\n]", re.VERBOSE | re.DOTALL)
_PART = rf"(?: {_STRING} | [A-Za-z0-9_-]+ )"
_KEY = re.compile(
    rf"(?P<brackets> \[{{0,2}}) \s* (?P<key> {_PART} (?: \s*\.\s* {_PART} )*)",
    re.VERBOSE | re.DOTALL,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}


class TOMLLines:
    """Where the keys and tables of a text stand."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}  # of tables in an array
        table: Path = ()
        for line, statement in _statements(text):
            found = _KEY.match(statement)
            if found is None:  # a comment, or nothing
                continue
            keys = _keys_of(found["key"])
            if found["brackets"] == "[[":
                table = self._next_of(keys)
            elif found["brackets"]:
                table = self._absolute(keys)
            path = table if found["brackets"] else (*table, *keys)
            self._lines.setdefault(path, line)

    def line_of(self, path: Path) -> int:
        """The line where this is written, or what it is a part of."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _next_of(self, keys: Path) -> Path:
        array = (*self._absolute(keys[:-1]), keys[-1])
        self._counts[array] = number = self._counts.get(array, -1) + 1
        return (*array, number)

    def _absolute(self, keys: Path) -> Path:
        """A table's path: where it leads through an array, that is its last table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path])
        return path


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each key with its value, and each table's head, with the line it begins in."""
    start, line, depth = 0, 1, 0
    for mark in _MARK.finditer(f"{text}\n"):
        depth += _DEPTH.get(mark[0], 0)
        if mark[0] == "\n" and not depth:
            statement = text[start : mark.start()]
            yield line, statement.lstrip()
            start, line = mark.end(), line + statement.count("\n") + 1


def _keys_of(text: str) -> Path:
    """A dotted key's parts, without their quotes."""
    keys: list[str] = []
    found: Any = tomllib.loads(f"{text} = 0")
    while isinstance(found, dict):
        ((key, found),) = found.items()
        keys.append(key)
    return tuple(keys)
