"""What each call of a ``RedisStore`` does: one script, and what its answer means."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import StoreRefused
from reconnecting_sse.stores import redis_scripts as scripts
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.redis_faces import as_text, as_text_or_none
from reconnecting_sse.stores.redis_marks import as_json, commands
from reconnecting_sse.stores.redis_transaction import lost
from reconnecting_sse.stores.takeovers import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.claims import Mark
    from reconnecting_sse.stores.redis_faces import Steps

    Script = Callable[..., Any]

VERSION = 1
"""The schema's; a newer one is refused. A key more does not make it newer."""


def claim(script: Script, name: str, lease: float | None, owner: str) -> Steps:
    """Take the name over, unless another's lease runs."""
    texts.check(name)
    nonce, limit = secrets.token_hex(8), _seconds(lease)
    answer = yield script(
        scripts.CLAIM, name, nonce, limit, owner, str(WINDOW), str(VERSION)
    )
    kind, *values = answer
    if as_text(kind) == "newer":
        raise StoreRefused(
            "the keys were made by a newer version of this package (their schema is"
            f" {as_text(values[0])}, and this one knows {VERSION}): update it"
        )
    if as_text(kind) == "held":
        return Held(float(as_text(values[0])), as_text(values[1]))
    token, position, takeovers, starts, hand, begun = values
    return Claim(
        name,
        int(token),
        nonce,
        as_text_or_none(position),
        int(takeovers),
        int(as_text(starts or b"0")),
        as_text_or_none(hand),
        int(as_text(begun or b"0")),
    )


def renew(script: Script, claims: Sequence[Claim], lease: float) -> Steps:
    """Let the leases run on; the claims that are lost."""
    values = [v for c in claims for v in (c.name, c.token, c.nonce)]
    gone = yield script(scripts.RENEW, str(lease), *values)
    return [claims[int(n) - 1] for n in gone]


def commit(
    script: Script,
    marks: Sequence[tuple[Claim, Mark]],
    key_of: Callable[[str, str], str],
) -> Steps:
    """Record marks; the claims that are lost."""
    texts.check_marks(mark for _, mark in marks)
    values: list[Any] = []
    for each, mark in marks:
        seq = "" if mark.position is None else mark.seq
        made = as_json(list(commands(mark, partial(key_of, each.name))))
        values += [each.name, each.token, each.nonce, seq, made]
    gone = yield script(scripts.COMMIT, *values)
    return [marks[int(n) - 1][0] for n in gone]


def release(script: Script, claim: Claim) -> Steps:
    """Leave the name to the next."""
    yield script(scripts.RELEASE, claim.name, claim.token, claim.nonce)


def recover(script: Script, claim: Claim) -> Steps:
    """Bump the token; the new claim, and the ``seq``."""
    answer = yield script(scripts.RECOVER, claim.name, claim.nonce)
    if not answer:
        raise lost(claim)
    token, seq, *position = answer
    found = as_text_or_none(position[0]) if position else None
    return Claim(claim.name, int(token), claim.nonce, found), int(as_text(seq))


def beat(script: Script, fleet: str, member: str, lease: float | None) -> Steps:
    """Be a member for a while, or no more; all that are."""
    texts.check(fleet, member)
    living = yield script(scripts.BEAT, fleet, member, _seconds(lease))
    return sorted(map(as_text, living))


def places(script: Script) -> Steps:
    """All names."""
    rows = yield script(scripts.PLACES)
    return sorted(map(_place, rows), key=lambda place: place.name)


def put(script: Script, name: str, position: str | None) -> Steps:
    """Set or forget a position; whoever held a claim has lost it."""
    texts.check(name, position)
    has = "0" if position is None else "1"
    yield script(scripts.PUT, name, secrets.token_hex(8), has, position or "")


def _place(row: list[Any]) -> Place:
    name, position, age, owner, lease, token = map(as_text_or_none, row)
    return Place(
        name or "",
        position,
        float(age) if age else None,
        owner or "",
        float(lease) if lease else None,
        int(token or 0),
    )


def _seconds(lease: float | None) -> str:
    return "" if lease is None else str(lease)
