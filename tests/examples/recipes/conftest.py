"""Recipes wait for nothing in their tests."""

from __future__ import annotations

import pytest

from reconnecting_sse import (
    ReconnectingEventSource,
)


@pytest.fixture(autouse=True)
def _without_waits(monkeypatch):
    """What is waited between attempts is the server's to say; here it says nothing."""
    made = ReconnectingEventSource.__init__

    def quick(self, *args, **options):
        options = options if "policy" in options else {"wait": lambda _: 0, **options}
        made(self, *args, **options)

    monkeypatch.setattr(ReconnectingEventSource, "__init__", quick)
