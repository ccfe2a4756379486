"""Every test of a durable subscription is run on both faces."""

from __future__ import annotations

import pytest

from tests.durable.playing import PLAYERS, no_thread_left


@pytest.fixture(params=PLAYERS, ids=["sync", "async"])
def play(request):
    """Makes players of one face, and ends them."""
    players = []

    def make(url, store, **options):
        players.append(request.param(url, store, **options))
        return players[-1]

    with no_thread_left():
        yield make
        for player in players:
            player.end()
        players.clear()
