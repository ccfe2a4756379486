"""Which takeovers a row remembers."""

from __future__ import annotations

from reconnecting_sse.stores.takeovers import with_takeover


def test_those_of_the_last_minute_are_kept():
    kept = with_takeover(with_takeover("", 1000.0), 1050.0)
    assert kept == "1000.000 1050.000"
    assert with_takeover(kept, 1070.0) == "1050.000 1070.000"


def test_after_the_clock_was_put_back_those_of_before_are_forgotten():
    kept = with_takeover(with_takeover("", 9000.0), 9001.0)
    assert with_takeover(kept, 1000.0) == "1000.000"


def test_a_clock_that_is_put_back_a_little_forgets_none():
    assert with_takeover("1000.000", 999.9) == "1000.000 999.900"
