"""What a ``RedisStore`` tells of dead letters, and of what a last life has left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import DeadLetter, Recalled
from reconnecting_sse.stores import redis_scripts as scripts
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.redis_faces import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.claims import Claim
    from reconnecting_sse.stores.redis_faces import Steps

    Script = Callable[..., Any]


def recall(script: Script, claim: Claim) -> Steps:
    """What the last life has left beside the position."""
    ids, keys = yield script(scripts.RECALL, claim.name)
    recent = json.loads(as_text(ids or "[]"))
    return Recalled(frozenset(map(as_text, keys)), tuple(recent))


def replays(script: Script, claims: Sequence[Claim]) -> Steps:
    """Those that are to be handed over once more."""
    names = [each.name for each in claims]
    return _sorted((yield script(scripts.LETTERS + scripts.REPLAYED, *names)))


def letters(script: Script, name: str | None) -> Steps:
    """All, or those of a name, oldest first."""
    names = [] if name is None else [name]
    return _sorted((yield script(scripts.LETTERS + scripts.ALL, *names)))


def replay(script: Script, name: str, keys: Sequence[str]) -> Steps:
    """Have some handed over once more; how many there were."""
    texts.check(name, *keys)
    return (yield script(scripts.REPLAY, name, *dict.fromkeys(keys)))


def drop(script: Script, name: str, keys: Sequence[str]) -> Steps:
    """Delete some; how many there were."""
    texts.check(name, *keys)
    return (yield script(scripts.DROP, name, *keys))


def _sorted(rows: list[Any]) -> list[DeadLetter]:
    return sorted(map(_letter, rows), key=lambda letter: -letter.age)


def _letter(row: list[Any]) -> DeadLetter:
    name, kept, is_replayed, age = row
    return DeadLetter(
        name=as_text(name),
        **json.loads(as_text(kept)),
        age=float(as_text(age)),
        is_replayed=bool(is_replayed),
    )
