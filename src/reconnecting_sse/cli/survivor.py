"""The consumer of the demo's second act, in a process of its own, to be killed."""

from __future__ import annotations

import logging
import sys

import httpxr

from reconnecting_sse import (
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
    stores,
)

TABLE = "CREATE TABLE IF NOT EXISTS received (id TEXT, data TEXT)"
INSERT = "INSERT INTO received VALUES (?, ?)"


def survive(url: str, database: str) -> None:
    """Write each event into the database, until the feed is over."""
    logging.disable(logging.WARNING)  # that it is taken over again and again
    policy = ReconnectPolicy(initial_delay=0.1, max_delay=1.0)
    with (
        httpxr.Client(transport=StreamingTransport(), trust_env=False) as client,
        ReconnectingEventSource(
            client,
            "GET",
            url,
            policy=policy,
            store=stores.SqliteStore(database),
            name="demo",
        ) as source,
    ):
        for event in source:
            with source.transaction() as connection:
                connection.execute(TABLE)
                connection.execute(INSERT, [event.id, event.data])


if __name__ == "__main__":  # pragma: no cover  (in a process of its own)
    survive(*sys.argv[1:])
