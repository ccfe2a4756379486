"""Dead letters, and the keys of events, as rows of a database have them.

A key holds a position, and may be longer than what an index takes: rows are found by
its digest. A letter may hold what some databases cannot keep in a text, since that is
often why it could not be handled: such texts are kept as JSON.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = ("key", "position", "event", "data", "id", "reason")
"""The texts of a letter, and their columns."""

COLUMNS = ("name", *TEXTS, "attempts", "is_replayed")
"""All that a row tells, but for the time at which the letter was buried."""

_ESCAPED = "json:"
_ODD = re.compile(f"[\0\ud800-\udfff]|\\A{_ESCAPED}")


def digest(key: str) -> str:
    """What a row is found by."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def keyed(name: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of keys."""
    return [{"name": name, "digest": digest(k), "key": kept(k)} for k in keys]


def kept(text: str) -> str:
    """A text that any database can keep."""
    return _ESCAPED + json.dumps(text) if _ODD.search(text) else text


def told(text: str) -> str:
    """The text that was kept."""
    if text.startswith(_ESCAPED):
        return str(json.loads(text.removeprefix(_ESCAPED)))
    return text


def row_of(name: str, letter: DeadLetter) -> dict[str, Any]:
    """A letter's row, under the claim's name."""
    texts = {each: kept(getattr(letter, each)) for each in TEXTS}
    rest = {"attempts": letter.attempts, "is_replayed": letter.is_replayed}
    return {"name": name, "digest": digest(letter.key), **texts, **rest}


def letter_of(row: Sequence[Any]) -> DeadLetter:
    """The letter of a row, given as ``COLUMNS`` and the age."""
    name, *texts, attempts, is_replayed, age = row
    return DeadLetter(
        name=name,
        **dict(zip(TEXTS, map(told, texts), strict=True)),
        attempts=attempts,
        is_replayed=bool(is_replayed),
        age=age,
    )
