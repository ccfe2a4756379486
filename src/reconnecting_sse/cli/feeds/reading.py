"""A file of feeds, read: every mistake in it is found, with its line.

Of three hundred feeds nobody wants to hear of one mistake a run.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from reconnecting_sse.cli.feeds import checks
from reconnecting_sse.cli.feeds.lines import TOMLLines
from reconnecting_sse.cli.feeds.values import Feed, FeedsFile, FeedsFileError, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path as File

    from reconnecting_sse.cli.feeds.lines import Path

_SECTIONS = ("fleet", "defaults", "feed")
_NEEDED = ("name", "url", "handler")
_OF_A_FEED = ("handler", "method", "data", "idle_timeout")  # the rest is its worker's
_AT_LINE = re.compile(r" \(at (?:line ([0-9]+), .*|end of document)\)$")


def read_feeds(file: File, environment: Mapping[str, str]) -> FeedsFile:
    """What the file says, its variables replaced and its functions imported.

    Raises:
        FeedsFileError: There are mistakes in it.
        OSError: It cannot be read.
    """
    raw = file.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FeedsFileError([Mistake(line, "it is not UTF-8")]) from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FeedsFileError([_of_syntax(str(error), text)]) from None
    reading = _Reading(TOMLLines(text), environment, document)
    found = reading.file()
    if reading.mistakes:
        raise FeedsFileError(reading.mistakes)
    return found


def _of_syntax(said: str, text: str) -> Mistake:
    """What the parser found; it finds one."""
    place = _AT_LINE.search(said)
    last = text.rstrip().count("\n") + 1
    line = int(place[1]) if place and place[1] else last
    return Mistake(line, f"it is not TOML: {_AT_LINE.sub('', said)}")


class _Reading:
    """Goes through a document, and notes what is wrong with it."""

    def __init__(
        self,
        lines: TOMLLines,
        environment: Mapping[str, str],
        document: Mapping[str, Any],
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._lines = lines
        self._environment = environment
        self._document = document
        self._defaults: dict[str, Any] = {}

    def file(self) -> FeedsFile:
        """All of it; of no worth if there are mistakes."""
        for key in self._document.keys() - set(_SECTIONS):
            self._unknown((key,), "the file", key, _SECTIONS)
        fleet = self._section("fleet", checks.FLEET)
        self._defaults = self._section("defaults", checks.DEFAULTS, checks.TABLES)
        tables = self._document.get("feed")
        if not isinstance(tables, list) or not tables:
            self._wrong(("feed",), "there is no feed: write [[feed]], and its keys")
            tables = []
        feeds = [self._feed(number, table) for number, table in enumerate(tables)]
        self._tell_twins(tables)
        return FeedsFile(feeds=tuple(filter(None, feeds)), **fleet)

    def _section(
        self,
        section: str,
        known: Mapping[str, checks.Check],
        tables: Iterable[str] = (),
    ) -> dict[str, Any]:
        found = self._document.get(section, {})
        if isinstance(found, dict):
            return self._checked((section,), f"[{section}]", found, known, tables)
        self._wrong((section,), f"{_is_no_table(found)} write [{section}]")
        return {}

    def _feed(self, number: int, table: Any) -> Feed | None:
        """The feed, if it can be made."""
        path = ("feed", number)
        if not isinstance(table, dict):
            self._wrong(path, f"{_is_no_table(table)} write [[feed]]")
            return None
        name = table.get("name")
        who = f"feed {name!r}" if isinstance(name, str) else f"feed {number + 1}"
        found = self._checked(path, who, table, checks.FEED, checks.TABLES)
        for key in _NEEDED:
            if key not in table and key not in self._defaulted:
                self._wrong(path, f"{who} has no {key}")
        is_whole = {*_NEEDED} <= found.keys() | self._defaults.keys()
        return self._made(path, found) if is_whole else None

    @property
    def _defaulted(self) -> Iterable[str]:
        """The keys that are given for all feeds, right or wrong."""
        found = self._document.get("defaults")
        return found if isinstance(found, dict) else ()

    def _made(self, path: Path, own: dict[str, Any]) -> Feed:
        """The feed, with what it has from the defaults."""
        every = {**self._defaults, **own}
        headers = _over(self._defaults.get("headers", {}), own.get("headers", {}))
        params = {**self._defaults.get("params", {}), **own.get("params", {})}
        worker = every.keys() - {"name", "url", *_OF_A_FEED, *checks.TABLES}
        return Feed(
            name=own["name"],
            url=own["url"],
            line=self._lines.line_of(path),
            headers=headers,
            params=params,
            worker={key: every[key] for key in sorted(worker)},
            **{key: every[key] for key in _OF_A_FEED if key in every},
        )

    def _tell_twins(self, tables: Iterable[Any]) -> None:
        """Of each name only the first may be there."""
        lines: dict[str, int] = {}
        for number, table in enumerate(tables):
            name = table.get("name") if isinstance(table, dict) else None
            if isinstance(name, str):
                path = ("feed", number, "name")
                if name in lines:
                    self._wrong(path, f"feed {name!r} is in line {lines[name]} already")
                lines.setdefault(name, self._lines.line_of(path))

    # ------------------------------------------------------------------ the keys

    def _checked(
        self,
        path: Path,
        who: str,
        table: Mapping[str, Any],
        known: Mapping[str, checks.Check],
        tables: Iterable[str],
    ) -> dict[str, Any]:
        """The values that are right."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            here = (*path, key)
            if key in tables:
                found[key] = self._table(here, f"{who}: {key}", key, value)
            elif key in known:
                with self._noting(here, f"{who}: {key}"):
                    found[key] = known[key](value)
            else:
                self._unknown(here, who, key, [*known, *tables])
        return found

    def _table(self, path: Path, what: str, key: str, table: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        if not isinstance(table, dict):
            self._wrong(path, f"{what}: {_is_no_table(table)} write a table")
            return found
        for name, value in table.items():
            with self._noting((*path, name), f"{what}: {name}"):
                found[name] = checks.TABLES[key](name, value, self._environment)
        return found

    # ------------------------------------------------------------------ what is wrong

    @contextmanager
    def _noting(self, path: Path, what: str) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            self._wrong(path, f"{what}: {error}")

    def _unknown(self, path: Path, who: str, key: str, known: Iterable[str]) -> None:
        near = get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it may have {_all_of(known)}"
        self._wrong(path, f"{who} has an unknown key {key!r}; {hint}")

    def _wrong(self, path: Path, what: str) -> None:
        self.mistakes.append(Mistake(self._lines.line_of(path), what))


def _is_no_table(value: object) -> str:
    return f"it is {checks.kind_of(value)};"


def _all_of(words: Iterable[str]) -> str:
    return ", ".join(words)


def _over(below: Mapping[str, str], above: Mapping[str, str]) -> dict[str, str]:
    """Headers, those above instead of those of the same name, in any letter case."""
    taken = {name.lower() for name in above}
    return {n: v for n, v in below.items() if n.lower() not in taken} | dict(above)
