"""What a file of feeds says; or what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed, with all that it has from the defaults.

    Attributes:
        name: The durable name.
        line: Where it is written.
        method: None is what follows from ``data``.
        idle_timeout: Seconds; 0 is never.
        worker: The worker's keywords, as far as they are given.
    """

    name: str
    url: str
    line: int
    handler: Callable[..., Any]
    headers: Mapping[str, str] = field(repr=False)  # there may be secrets
    params: Mapping[str, str] = field(repr=False)
    method: str | None = None
    data: str | None = field(repr=False, default=None)
    idle_timeout: float = 300.0
    worker: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedsFile:
    """What a file says.

    Attributes:
        feeds: One at least, in the order of the file.
        lease: Seconds, or None where it does not say.
        max_feeds: How many feeds a process serves at most, or None.
    """

    feeds: tuple[Feed, ...]
    lease: float | None = None
    max_feeds: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and in which line."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


class FeedsFileError(ValueError):
    """The file cannot be used.

    Attributes:
        mistakes: All that were found, by line.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: list[Mistake] = sorted(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
