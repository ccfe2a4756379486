"""Which texts a store can keep: each of them the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.claims import Beside
from reconnecting_sse.core.errors import StoreRefused, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.claims import Mark


def check(*texts: str | None) -> None:
    """Refuse what is no text: half a surrogate pair, as JSON can have it.

    Raises:
        StoreRefused: UTF-8 cannot encode it.
    """
    for text in texts:
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise StoreRefused(
                f"{shortened(str(text))!a} has half a surrogate pair, which no"
                " store can keep: give another name, or make the position of whole"
                " characters (dialect=Dialect(position=...))"
            ) from error


def check_marks(marks: Iterable[Mark]) -> None:
    """Refuse positions and keys that are no texts; letters may hold anything.

    Raises:
        StoreRefused: UTF-8 cannot encode one.
    """
    for mark in marks:
        beside = mark.beside or Beside()
        check(
            mark.position, beside.hand, *beside.ahead, *beside.passed, *beside.settled
        )
        for letter in beside.buried:
            check(letter.key, letter.position)
