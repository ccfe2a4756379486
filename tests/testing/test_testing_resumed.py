"""Which positions connections went on from, and what is told when it was others."""

from __future__ import annotations

import httpxr
import pytest

from reconnecting_sse import Dialect, ReconnectingEventSource, ReconnectPolicy
from reconnecting_sse.dialects import by_query
from reconnecting_sse.testing import Answer, NumberedFeed, RandomFaults, ScriptedServer

QUICK = ReconnectPolicy(initial_delay=0.01, max_delay=0.02)


def read(url, **options):
    with httpxr.Client() as client:
        source = ReconnectingEventSource(client, "GET", url, policy=QUICK, **options)
        assert list(source)


def feed():
    faults = RandomFaults(1, limit=2, kinds=["cut"], reach=200)
    return ScriptedServer(NumberedFeed(5, then="stop", faults=faults))


def test_a_feed_with_drops():
    with feed() as server:
        read(server.url)
        first, *others, last = [r.header("last-event-id") for r in server.requests]
        server.assert_resumed_from([first, *others, last])
        assert (first, last) == (None, "5")


def test_others_are_told_without_credentials():
    with feed() as server:
        read(f"{server.url}/feed?token=secret", headers={"Authorization": "secret"})
        with pytest.raises(AssertionError, match="resumed from") as caught:
            server.assert_resumed_from(["7"])
    told = str(caught.value)
    assert "1. GET /feed from None" in told
    assert "secret" not in told


def test_the_position_may_travel_in_the_query():
    script = [Answer(body="id: 1\ndata: a\n\n"), Answer(204)]
    with ScriptedServer(script) as server:
        read(server.url, dialect=Dialect(resume=by_query("since")))
        server.assert_resumed_from([None, "1"], by=lambda r: r.query("since"))
