"""What is recorded beside positions in Redis: texts for its scripts, and from them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import DeadLetter, Recalled

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Beside

_OF_THE_STORE = ("age", "is_replayed")


def text_of(value: bytes | str) -> str:
    """An answer, whether the client decodes it or not."""
    return value.decode() if isinstance(value, bytes) else str(value)


def dumped(beside: Beside | None) -> str:
    """As ``record`` of the scripts takes it; empty for nothing."""
    if beside is None:
        return ""
    values: dict[str, Any] = {
        "start": beside.is_start,
        "ahead": beside.ahead,
        "passed": beside.passed,
        "buried": [(letter.key, _dumped(letter)) for letter in beside.buried],
        "settled": beside.settled,
    }
    if beside.hand is not None:
        values |= {"hand": beside.hand, "begun": beside.begun}
    if beside.recent is not None:
        values["recent"] = json.dumps(beside.recent)
    return json.dumps(values)


def _dumped(letter: DeadLetter) -> str:
    kept = {k: v for k, v in asdict(letter).items() if k not in _OF_THE_STORE}
    return json.dumps(kept)


def recalled(answer: list[Any]) -> Recalled:
    """What the last life has left."""
    ahead, *recent = answer
    ids = text_of(recent[0]) if recent and recent[0] is not None else "[]"
    return Recalled(frozenset(map(text_of, ahead)), tuple(json.loads(ids)))


def letters_of(answer: list[Any]) -> list[DeadLetter]:
    """Letters, oldest first."""
    found = [
        replace(
            DeadLetter(**json.loads(text_of(values))),
            age=float(text_of(age)),
            is_replayed=bool(is_replayed),
        )
        for age, values, is_replayed in answer
    ]
    return sorted(found, key=lambda letter: -letter.age)
