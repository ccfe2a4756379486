"""The members of a fleet in every store: whose time runs, by the store's clock."""

from __future__ import annotations


def beat(harness, member, lease=10.0, fleet="feeds", store=None):
    return harness.call((store or harness.store).beat, fleet, member, lease)


def test_all_members_are_told_sorted(harness):
    assert beat(harness, "b") == ["b"]
    assert beat(harness, "c") == ["b", "c"]
    assert beat(harness, "a", store=harness.another()) == ["a", "b", "c"]
    assert beat(harness, "b") == ["a", "b", "c"]


def test_names_of_members_are_each_their_own(harness):
    for member in ("Host:1", "host:1", "hôst:1"):
        found = beat(harness, member)
    assert found == ["Host:1", "host:1", "hôst:1"]


def test_who_does_not_beat_in_time_is_none(harness):
    beat(harness, "a")
    beat(harness, "b", lease=30.0)
    harness.shift(11)
    assert beat(harness, "c") == ["b", "c"]
    assert beat(harness, "a") == ["a", "b", "c"]
    harness.shift(100)
    assert beat(harness, "b") == ["b"]


def test_who_beats_lives_on(harness):
    beat(harness, "a")
    for _ in range(3):
        harness.shift(8)
        assert beat(harness, "a") == ["a"]


def test_who_leaves_is_none_at_once(harness):
    beat(harness, "a")
    beat(harness, "b")
    assert beat(harness, "a", lease=None) == ["b"]
    assert beat(harness, "stranger", lease=None) == ["b"]
    assert beat(harness, "b", lease=None) == []


def test_a_lease_of_nothing_has_ended(harness):
    assert beat(harness, "a", lease=0.0) == []


def test_fleets_are_apart(harness):
    beat(harness, "a", fleet="one")
    assert beat(harness, "b", fleet="two") == ["b"]
    harness.shift(11)
    assert beat(harness, "b", fleet="two") == ["b"]
    assert beat(harness, "c", fleet="one") == ["c"]
