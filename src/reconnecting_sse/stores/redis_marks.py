"""What a ``RedisStore`` records: positions, and what is beside them, as commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconnecting_sse.stores.letters import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconnecting_sse.core.claims import Beside, DeadLetter, Mark

    Key = Callable[[str], str]

Command = tuple[str | None, ...]
"""Its words; None stands for the time by the server's clock."""

_AT_ONCE = 1000
"""How many words a command has at the most: Lua's stack limits that."""


def commands(mark: Mark, key: Key) -> Iterator[Command]:
    """What a mark does, where the claim stands and a position's ``seq`` is new.

    Args:
        mark: The mark.
        key: Gives the name's key of a kind.
    """
    row = key("row")
    if mark.position is not None:
        place = ("position", mark.position, "seq", str(mark.seq))
        yield ("HSET", row, *place, "starts", "1", "begun", "0")
        yield ("HDEL", row, "hand")
        yield ("HSET", row, "committed_at", None)
    if mark.beside is not None:
        yield from _of_the_row(mark.beside, row)
        yield from _many("SADD", key("ahead"), mark.beside.ahead)
        yield from _many("SREM", key("ahead"), mark.beside.passed)
        for letter in mark.beside.buried:
            yield from _burial(letter, key)
        yield from _many("HDEL", key("letters"), mark.beside.settled)
        yield from _many("HDEL", key("buried"), mark.beside.settled)
        yield from _many("SREM", key("replayed"), mark.beside.settled)


def _of_the_row(beside: Beside, row: str) -> Iterator[Command]:
    if beside.is_start:
        yield ("HINCRBY", row, "starts", "1")
    if beside.hand is not None:
        yield ("HSET", row, "hand", beside.hand, "begun", str(beside.begun))
        if not beside.begun:
            yield ("HDEL", row, "hand")
    if beside.recent is not None:
        yield ("HSET", row, "recent", json.dumps(beside.recent))


def _burial(letter: DeadLetter, key: Key) -> Iterator[Command]:
    kept: dict[str, Any] = {each: getattr(letter, each) for each in TEXTS}
    kept["attempts"] = letter.attempts
    yield ("HSET", key("letters"), letter.key, json.dumps(kept))
    yield ("HSET", key("buried"), letter.key, None)
    yield ("SADD" if letter.is_replayed else "SREM", key("replayed"), letter.key)


def _many(word: str, key: str, members: Sequence[str]) -> Iterator[Command]:
    for n in range(0, len(members), _AT_ONCE):
        yield (word, key, *members[n : n + _AT_ONCE])


def as_json(made: list[Command]) -> str:
    """Commands for a script."""
    return json.dumps(made, ensure_ascii=False)
