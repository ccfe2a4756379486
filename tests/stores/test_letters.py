"""Dead letters in every store: buried, listed, handed over once more, and gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stores.calling import begun, claimed, committed, keys, letter


def buried(harness, *letters, name="prices"):
    claim = claimed(harness, name)
    assert committed(harness, claim, 0, None, buried=letters) == []
    return claim


def listed(harness, name=None):
    return harness.call(harness.store.letters, name)


def replays(harness, *claims):
    return harness.call(harness.store.replays, claims)


def replayed(harness, *which, name="prices"):
    return harness.call(harness.store.replay, name, which)


def dropped(harness, *which, name="prices"):
    return harness.call(harness.store.drop, name, which)


def test_a_letter_is_told_as_it_was_buried_but_for_its_age(harness):
    given = letter("41é.0", data="línea\n{}\u2028", event="trade", attempts=3)
    buried(harness, given)
    (found,) = listed(harness)
    assert replace(found, age=0.0) == given
    assert -0.1 < found.age < 60


@pytest.mark.parametrize(
    "odd",
    ["a\0b", "json:1", "\U0001f600", "\\u0000", "a" * 300_000, "", 'it\'s "%s" :x {}'],
    ids=["NUL", "JSON", "emoji", "escape", "long", "empty", "quotes"],
)
def test_a_letter_may_hold_any_text(harness, odd):
    """Many a letter is dead because a database cannot keep what it holds."""
    given = letter("1.0", data=odd, event=odd, reason=odd, id=odd)
    buried(harness, given)
    (found,) = listed(harness)
    assert replace(found, age=0.0) == given


def test_a_reason_may_hold_what_is_no_text(harness):
    given = letter("1.0", reason="no such file: caf\udce9")
    buried(harness, given)
    assert listed(harness)[0].reason == given.reason


def test_letters_come_oldest_first_with_their_age_by_the_stores_clock(harness):
    for key in ("3.0", "1.0", "2.0"):
        buried(harness, letter(key))
        harness.shift(100)
    found = listed(harness)
    assert [each.key for each in found] == ["3.0", "1.0", "2.0"]
    ages = [each.age for each in found]
    assert all(
        at <= age < at + 60 for at, age in zip((300, 200, 100), ages, strict=True)
    )


def test_letters_are_listed_by_name_or_all(harness):
    for name in ("b", "a", "A"):
        buried(harness, letter(f"of {name}", name=name), name=name)
        harness.shift(1)
    assert keys(harness) == ["of b", "of a", "of A"]
    assert [each.name for each in listed(harness, "a")] == ["a"]
    assert listed(harness, "nobody") == []


def test_one_key_has_one_letter_the_last(harness):
    claim = buried(harness, letter("1.0", reason="first"), letter("2.0"))
    replayed(harness, "1.0")
    harness.shift(100)
    committed(
        harness, claim, 1, "1", buried=(letter("1.0", reason="last", attempts=9),)
    )
    assert keys(harness) == ["2.0", "1.0"]
    found = listed(harness)[1]
    assert (found.reason, found.attempts, found.is_replayed) == ("last", 9, False)
    assert found.age < 60


def test_keys_may_be_long_and_differ_in_the_end_only(harness):
    long = "p" * 20_000
    buried(harness, letter(f"{long}.0"), letter(f"{long}.1"), letter(f"{long}.É"))
    assert len(listed(harness)) == 3
    assert dropped(harness, f"{long}.1") == 1
    assert set(keys(harness)) == {f"{long}.0", f"{long}.É"}


def test_what_is_to_be_handed_over_once_more_is_told_by_name(harness):
    claims = [buried(harness, letter(n, name=n), name=n) for n in ("a", "b", "c")]
    assert replays(harness, *claims) == []
    for name in ("a", "b"):
        assert replayed(harness, name, name=name) == 1
    assert {each.key for each in replays(harness, *claims)} == {"a", "b"}
    (found,) = replays(harness, claims[1], claims[2])
    assert replace(found, age=0.0) == letter("b", name="b", is_replayed=True)
    assert [e.is_replayed for e in listed(harness, "a") + listed(harness, "c")] == [
        1,
        0,
    ]


def test_replays_come_oldest_first(harness):
    for key in ("2.0", "3.0", "1.0"):
        claim = buried(harness, letter(key))
        harness.shift(10)
    replayed(harness, "1.0", "2.0", "3.0")
    assert [each.key for each in replays(harness, claim)] == ["2.0", "3.0", "1.0"]


def test_it_is_counted_how_many_there_were(harness):
    buried(harness, letter("1.0"), letter("2.0"), letter("3.0"))
    assert replayed(harness, "1.0", "1.0", "2.0", "unknown") == 2
    assert replayed(harness, "1.0") == 1
    assert replayed(harness, "1.0", name="other") == 0
    assert replayed(harness) == 0
    assert dropped(harness, "1.0", "1.0", "3.0", "unknown") == 2
    assert dropped(harness, "1.0") == 0
    assert dropped(harness, "2.0", name="other") == 0
    assert dropped(harness) == 0
    assert keys(harness) == ["2.0"]


def test_many_may_be_named_at_once(harness):
    many = [f"{number}.0" for number in range(1200)]
    claim = buried(harness, *map(letter, many))
    assert replayed(harness, *many) == len(many)
    assert len(replays(harness, claim)) == len(many)
    assert dropped(harness, *many[1:]) == len(many) - 1
    assert keys(harness) == many[:1]


def test_what_is_settled_is_gone(harness):
    claim = buried(harness, letter("1.0"), letter("2.0"), letter("3.0"))
    replayed(harness, "1.0", "2.0")
    assert committed(harness, claim, 0, None, settled=("1.0", "unknown")) == []
    assert [each.key for each in replays(harness, claim)] == ["2.0"]
    committed(harness, claim, 1, "1", settled=("2.0",), buried=(letter("4.0"),))
    assert replays(harness, claim) == []
    assert set(keys(harness)) == {"3.0", "4.0"}


def test_what_was_dropped_and_is_buried_again_is_not_replayed(harness):
    claim = buried(harness, letter("1.0"))
    replayed(harness, "1.0")
    dropped(harness, "1.0")
    committed(harness, claim, 0, None, buried=(letter("1.0"),))
    assert replays(harness, claim) == []
    assert keys(harness) == ["1.0"]


def test_a_letter_may_be_buried_to_be_replayed(harness):
    claim = buried(harness, letter("1.0", is_replayed=True))
    assert [each.key for each in replays(harness, claim)] == ["1.0"]


def test_another_store_replays_and_drops(harness):
    claim = buried(harness, letter("1.0"), letter("2.0"))
    another = harness.another()
    assert harness.call(another.replay, "prices", ["1.0"]) == 1
    assert harness.call(another.drop, "prices", ["2.0"]) == 1
    assert [each.key for each in replays(harness, claim)] == ["1.0"]


def test_a_store_that_is_new_has_no_letters(harness):
    assert listed(harness) == []
    assert replayed(harness, "1.0") == dropped(harness, "1.0") == 0


def test_an_open_transaction_shuts_no_reader_out(transactional):
    harness = transactional
    claim = buried(harness, letter("1.0"))
    replayed(harness, "1.0")
    another = harness.another()
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    (found,) = harness.call(another.letters)
    assert harness.call(another.letters, "prices")[0].key == found.key == "1.0"
    assert harness.call(another.replays, [claim])[0].key == "1.0"
    harness.call(harness.store.abort, transaction)
