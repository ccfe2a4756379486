"""Every test of a durable subscription is run on both faces."""

from __future__ import annotations

import gc
import threading

import pytest

from tests.durable.playing import PLAYERS, SECONDS


@pytest.fixture(params=PLAYERS, ids=["sync", "async"])
def play(request):
    """Makes players of one face, and ends them."""
    players = []

    def make(url, store, **options):
        players.append(request.param(url, store, **options))
        return players[-1]

    yield make
    for player in players:
        player.end()
    players.clear()
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "reconnecting_sse.keeper":
            thread.join(SECONDS)
            assert not thread.is_alive()
