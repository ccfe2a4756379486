"""Handlers for the command line: ``reconnecting-sse work URL prices:handle …``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconnecting_sse import Reject

if TYPE_CHECKING:
    import sqlite3

    from reconnecting_sse import ServerSentEvent


def handle(event: ServerSentEvent) -> None:
    """Print the price; called again if it raises."""
    print(event.id, price_of(event), flush=True)


def store(event: ServerSentEvent, connection: sqlite3.Connection) -> None:
    """Keep the price, once: for ``--transactional`` with a store of SQLite's."""
    connection.execute("CREATE TABLE IF NOT EXISTS prices (id TEXT, price REAL)")
    values = (event.id, price_of(event))
    connection.execute("INSERT INTO prices VALUES (?, ?)", values)


def price_of(event: ServerSentEvent) -> float:
    """The price, if there is one; no other attempt would find it."""
    try:
        return float(json.loads(event.data)["price"])
    except (ValueError, TypeError, KeyError) as error:
        raise Reject("there is no price in it") from error
