"""What each call of a ``SqlStore`` does within its transaction."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exc, text

from reconnecting_sse.core.claims import Claim, Held, Place
from reconnecting_sse.core.errors import ClaimLost
from reconnecting_sse.stores import texts
from reconnecting_sse.stores.rows import MINE, key
from reconnecting_sse.stores.sql_schema import ahead, recent
from reconnecting_sse.stores.takeovers import with_takeover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from reconnecting_sse.stores.sql_dialects import Dialect

_NEW_ROW = text(
    "INSERT INTO sse_positions (name, seq, token, nonce, owner, takeovers, starts,"
    " begun) VALUES (:name, 0, 0, '', '', '', 0, 0)"
)
_TAKE = text(
    "UPDATE sse_positions SET token = :token, nonce = :nonce, seq = 0, owner = :owner,"
    " lease_until = :until, takeovers = :taken WHERE name = :name"
)
_RELEASE = text(
    f"UPDATE sse_positions SET owner = '', lease_until = NULL, starts = 0 WHERE {MINE}"
)
# Whatever the token: an earlier try may have come through, and its answer not.
_OURS = "FROM sse_positions WHERE name = :name AND nonce = :nonce"
_BUMP = text("UPDATE sse_positions SET token = :token WHERE name = :name")


def claim(
    db: Connection, dialect: Dialect, *, name: str, lease: float | None, owner: str
) -> Claim | Held:
    """Take the name over, unless another's lease runs."""
    texts.check(name)
    row = _locked_row(db, dialect, name)
    left = 0.0 if row.lease_until is None else row.lease_until - row.now
    if row.owner and left > 0:
        return Held(left, row.owner)
    taken = with_takeover(row.takeovers, row.now) if row.owner else ""
    made = Claim(
        name,
        row.token + 1,
        secrets.token_hex(8),
        row.position,
        len(taken.split()),
        row.starts,
        row.hand,
        row.begun,
    )
    until = None if lease is None else row.now + lease
    values = {"owner": owner, "until": until, "taken": taken}
    db.execute(_TAKE, {**key(made), **values})
    return made


def _locked_row(db: Connection, dialect: Dialect, name: str) -> Any:
    query = text(
        "SELECT position, token, nonce, owner, lease_until, takeovers, starts, hand,"
        f" begun, {dialect.now} AS now FROM sse_positions WHERE name = :name"
    )
    last = db.execute(query, {"name": name}).first()
    if last is None:
        with suppress(exc.IntegrityError), db.begin_nested():
            db.execute(_NEW_ROW, {"name": name})
    elif last.owner and (last.lease_until or 0) <= last.now:
        # Whoever is frozen within a transaction may hold locks that we need.
        dialect.end_marked(db, last.nonce)
    locked = text(query.text + dialect.for_update)
    return db.execute(locked, {"name": name}).one()


def renew(
    db: Connection, dialect: Dialect, *, claims: Sequence[Claim], lease: float
) -> list[Claim]:
    """Let the leases run on, in one statement; the claims that are lost."""
    which = " OR ".join(
        f"(name = :name{n} AND token = :token{n} AND nonce = :nonce{n})"
        for n in range(len(claims))
    )
    values: dict[str, Any] = {"lease": lease}
    for n, each in enumerate(claims):
        values |= {f"{part}{n}": value for part, value in key(each).items()}
    renewal = text(
        f"UPDATE sse_positions SET lease_until = {dialect.now} + :lease WHERE {which}"
    )
    if db.execute(renewal, values).rowcount == len(claims):
        return []
    return [each for each in claims if not is_held(db, each)]


def release(db: Connection, _dialect: Dialect, *, claim: Claim) -> None:
    """Leave the name to the next."""
    db.execute(_RELEASE, key(claim))


def recover(db: Connection, dialect: Dialect, *, claim: Claim) -> tuple[Claim, int]:
    """Bump the token; the new claim, and the ``seq``."""
    dialect.end_marked(db, claim.nonce)
    query = text(f"SELECT token, position, seq {_OURS}{dialect.for_update}")
    row = db.execute(query, key(claim)).first()
    if row is None:
        raise lost(claim)
    bumped = Claim(claim.name, row.token + 1, claim.nonce, row.position)
    db.execute(_BUMP, key(bumped))
    return bumped, row.seq


def places(db: Connection, dialect: Dialect) -> list[Place]:
    """All names."""
    rows = db.execute(
        text(
            f"SELECT name, position, {dialect.now} - committed_at, owner,"
            f" lease_until - {dialect.now}, token FROM sse_positions ORDER BY name"
        )
    )
    return [Place(*row) for row in rows]


def put(db: Connection, dialect: Dialect, *, name: str, position: str | None) -> None:
    """Set or forget a position; whoever held a claim has lost it."""
    texts.check(name, position)
    _locked_row(db, dialect, name)
    statement = text(
        "UPDATE sse_positions SET token = token + 1, nonce = :nonce, seq = 0,"
        " position = :position, owner = '', lease_until = NULL, starts = 0,"
        f" hand = NULL, begun = 0, committed_at = {dialect.now} WHERE name = :name"
    )
    nonce = secrets.token_hex(8)
    db.execute(statement, {"name": name, "nonce": nonce, "position": position})
    for table in (ahead, recent):
        db.execute(delete(table).where(table.c.name == name))


def lost(claim: Claim) -> ClaimLost:
    """The error for a claim, or a ``seq``, that counts no more."""
    return ClaimLost(
        f"another process has taken over {claim.name!r}, or this was recorded before:"
        " the transaction is rolled back"
    )


def is_held(db: Connection, claim: Claim) -> bool:
    """Whether the claim stands."""
    query = text(f"SELECT 1 FROM sse_positions WHERE {MINE}")
    return db.execute(query, key(claim)).first() is not None
