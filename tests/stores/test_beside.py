"""What every store records beside a position: in one with it, or without any."""

from __future__ import annotations

import pytest

from reconnecting_sse import ClaimLost
from reconnecting_sse.core.claims import Beside, Claim, Mark, Recalled
from tests.stores.calling import (
    ahead,
    begun,
    claimed,
    committed,
    ended,
    keys,
    letter,
    place,
    position,
    recalled,
)
from tests.stores.harness import HARNESSES

EVERYTHING = {
    "is_start": True,
    "hand": "2.0",
    "begun": 3,
    "ahead": ("3.0",),
    "buried": (letter("9.0"),),
    "recent": ("a", "b"),
}


def life(claim):
    return claim.starts, claim.hand, claim.begun


# ---------------------------------------------------------------- without a position


def test_a_mark_without_a_position_moves_nothing_and_records_what_is_beside(harness):
    claim = claimed(harness)
    committed(harness, claim, 1, "1")
    assert committed(harness, claim, 2, None, **EVERYTHING) == []
    assert recalled(harness, claim) == Recalled(frozenset({"3.0"}), ("a", "b"))
    assert keys(harness) == ["9.0"]
    _, seq = harness.call(harness.store.recover, claim)
    assert seq == 1
    following = claimed(harness)
    assert following.position == "1"
    assert life(following) == (2, "2.0", 3)


def test_without_a_position_the_seq_says_nothing(harness):
    claim = claimed(harness)
    committed(harness, claim, 5, "5")
    for seq in (0, 5, 4):
        assert committed(harness, claim, seq, None, ahead=(f"{seq}",)) == []
    assert ahead(harness, claim) == {"0", "5", "4"}
    assert committed(harness, claim, 6, "6") == []


def test_a_mark_of_a_lost_claim_records_nothing_beside_either(harness):
    lost, claim = claimed(harness), claimed(harness)
    before = life(claim)
    for where in (None, "9"):
        assert committed(harness, lost, 9, where, **EVERYTHING) == [lost]
        assert committed(harness, lost, 9, where) == [lost]
    assert recalled(harness, claim) == Recalled()
    assert keys(harness) == []
    assert life(claimed(harness)) == before


def test_a_mark_with_nothing_at_all_says_whether_the_claim_stands(harness):
    lost, claim = claimed(harness), claimed(harness)
    forged = Claim(claim.name, claim.token, "of a backup")
    for mark in (Mark(1, None), Mark(1, None, Beside())):
        marks = [(lost, mark), (claim, mark), (forged, mark)]
        assert harness.call(harness.store.commit, marks) == [lost, forged]
    assert place(harness).age is None


def test_what_is_beside_is_recorded_for_those_who_are_not_lost(harness):
    ours, lost, other = (claimed(harness, name) for name in ("a", "b", "c"))
    claimed(harness, "b")
    marks = [(each, Mark(1, None, Beside(ahead=("1",)))) for each in (ours, lost)]
    marks += [(other, Mark(1, "1", Beside(ahead=("2",))))]
    assert harness.call(harness.store.commit, marks) == [lost]
    assert [ahead(harness, each) for each in (ours, lost, other)] == [
        {"1"},
        set(),
        {"2"},
    ]


# ---------------------------------------------------------------- with a position


def test_an_old_seq_does_nothing_at_all(harness):
    claim = claimed(harness)
    committed(harness, claim, 2, "2")
    for seq in (1, 2):
        assert committed(harness, claim, seq, "old", **EVERYTHING) == []
    assert recalled(harness, claim) == Recalled()
    assert keys(harness) == []
    assert life(claimed(harness)) == (1, None, 0)


def test_what_moves_the_position_forgets_starts_and_hand(harness):
    claim = claimed(harness)
    for _ in range(3):
        committed(harness, claim, 0, None, is_start=True, hand="1.0", begun=2)
    assert life(claimed(harness)) == (3, "1.0", 2)
    committed(harness, claimed(harness), 1, "1")
    assert life(claimed(harness)) == (1, None, 0)


def test_that_comes_before_what_is_beside(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, is_start=True, hand="1.0", begun=2)
    committed(harness, claim, 1, "1", is_start=True, hand="2.0", begun=1)
    assert life(claimed(harness)) == (2, "2.0", 1)


def test_starts_are_counted_and_leave_what_is_in_hand(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, hand="1.0", begun=1)
    for count in (1, 2):
        committed(harness, claim, 0, None, is_start=True)
        assert life(claimed(harness)) == (count, "1.0", 1)
        claim = claimed(harness)


def test_what_was_begun_no_times_is_in_hand_no_more(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, is_start=True, hand="1.0", begun=4)
    committed(harness, claim, 0, None, hand="1.0", begun=0)
    assert life(claimed(harness)) == (1, None, 0)
    committed(harness, claimed(harness), 1, "1", hand="1.0", begun=0)
    assert life(claimed(harness)) == (1, None, 0)


def test_a_release_forgets_the_starts_and_leaves_what_is_in_hand(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, is_start=True, hand="1.0", begun=4)
    harness.call(harness.store.release, claim)
    assert life(claimed(harness)) == (0, "1.0", 4)


# ---------------------------------------------------------------- ahead and recent


def test_what_is_ahead_is_kept_once_and_forgotten_as_it_is_passed(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, ahead=("2.0", "4.0"))
    committed(harness, claim, 0, None, ahead=("2.0", "3.0", "Ü"))
    assert ahead(harness, claim) == {"2.0", "3.0", "4.0", "Ü"}
    committed(harness, claim, 1, "3", ahead=("5.0",), passed=("2.0", "3.0", "unknown"))
    assert ahead(harness, claim) == {"4.0", "5.0", "Ü"}


def test_a_key_may_be_of_any_length_and_kind(harness):
    claim = claimed(harness)
    long = "p" * 20_000
    found = {f"{long}.0", f"{long}.1", "É", "é", "e", "E", "e ", "", "json:1", "a:b\n"}
    committed(harness, claim, 0, None, ahead=tuple(found))
    assert ahead(harness, claim) == found
    committed(harness, claim, 0, None, passed=(f"{long}.0", "e"))
    assert ahead(harness, claim) == found - {f"{long}.0", "e"}


def test_many_may_be_ahead_at_once(harness):
    claim = claimed(harness)
    many = tuple(f"{number}.0" for number in range(2500))
    committed(harness, claim, 0, None, ahead=many)
    assert ahead(harness, claim) == set(many)
    committed(harness, claim, 1, "2498", passed=many[:-1])
    assert ahead(harness, claim) == {many[-1]}


def test_recent_ids_are_replaced_or_stay(harness):
    claim = claimed(harness)
    for given, expected in [
        (("a", "b"), ("a", "b")),
        (None, ("a", "b")),
        (("b", 'c"\u2028é'), ("b", 'c"\u2028é')),
        ((), ()),
    ]:
        committed(harness, claim, 0, None, recent=given, ahead=("1.0",))
        assert recalled(harness, claim).recent == expected


def test_names_have_each_what_is_beside_their_own_position(harness):
    names = ["prices", "Prices", "prices:x"]
    claims = [claimed(harness, name) for name in names]
    for claim in claims:
        committed(harness, claim, 0, None, ahead=(claim.name,), recent=(claim.name,))
    for claim in claims:
        found = Recalled(frozenset({claim.name}), (claim.name,))
        assert recalled(harness, claim) == found
    committed(harness, claims[0], 0, None, passed=("Prices",), recent=())
    assert recalled(harness, claims[1]) == Recalled(frozenset({"Prices"}), ("Prices",))


def test_the_next_life_recalls_it_and_recovering_leaves_it(harness):
    claim = claimed(harness)
    committed(harness, claim, 1, "1", ahead=("2.0",), recent=("a",))
    left = Recalled(frozenset({"2.0"}), ("a",))
    recovered, _ = harness.call(harness.store.recover, claim)
    assert recalled(harness, recovered) == left
    another = harness.another()
    following = claimed(harness, store=another)
    assert harness.call(another.recall, following) == left


def test_who_sets_a_position_forgets_all_but_the_dead_letters(harness):
    claim = claimed(harness)
    committed(harness, claim, 0, None, **EVERYTHING)
    harness.call(harness.store.put, "prices", "5")
    following = claimed(harness)
    assert life(following) == (0, None, 0)
    assert recalled(harness, following) == Recalled()
    assert keys(harness) == ["9.0"]


# ---------------------------------------------------------------- transactions


def test_effects_and_what_is_beside_are_one_without_a_position(transactional):
    harness = transactional
    claim = claimed(harness)
    committed(harness, claim, 3, "3")
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    ended(harness, transaction, 3, None, **EVERYTHING)
    assert harness.written() == ["one"]
    assert recalled(harness, claim) == Recalled(frozenset({"3.0"}), ("a", "b"))
    assert keys(harness) == ["9.0"]
    following = claimed(harness)
    assert following.position == "3"
    assert life(following) == (2, "2.0", 3)


def test_effects_and_position_and_what_is_beside_are_one(transactional):
    harness = transactional
    claim = claimed(harness)
    committed(harness, claim, 1, "1", ahead=("2.0",))
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    beside = EVERYTHING | {"passed": ("2.0",), "begun": 0}
    ended(harness, transaction, 2, "2", **beside)
    assert harness.written() == ["one"]
    assert ahead(harness, claim) == {"3.0"}
    assert keys(harness) == ["9.0"]
    following = claimed(harness)
    assert following.position == "2"
    assert life(following) == (2, None, 0)


def test_a_transaction_that_is_aborted_leaves_nothing_beside(transactional):
    harness = transactional
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    harness.call(harness.store.abort, transaction)
    transaction = begun(harness, claim)
    ended(harness, transaction, 1, None)
    assert harness.written() == []
    assert recalled(harness, claim) == Recalled()
    assert position(harness) is None


@pytest.mark.parametrize("beside", [{}, {"ahead": ("1",)}, EVERYTHING])
def test_without_a_position_a_transaction_of_a_lost_claim_leaves_nothing(
    transactional, beside
):
    harness = transactional
    claim = claimed(harness)
    harness.call(harness.store.put, "prices", "set")

    def transact():
        transaction = begun(harness, claim)
        harness.write(transaction.connection, "one")
        ended(harness, transaction, 1, None, **beside)

    with pytest.raises(ClaimLost):
        transact()
    assert harness.written() == []
    assert recalled(harness, claim) == Recalled()
    assert keys(harness) == []
    assert life(claimed(harness)) == (0, None, 0)


def test_with_an_old_seq_a_transaction_leaves_nothing_beside(transactional):
    harness = transactional
    claim = claimed(harness)
    committed(harness, claim, 2, "two")
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    with pytest.raises(ClaimLost):
        ended(harness, transaction, 2, "again", **EVERYTHING)
    assert harness.written() == []
    assert recalled(harness, claim) == Recalled()
    assert keys(harness) == []
    assert life(claimed(harness)) == (1, None, 0)


# ---------------------------------------------------------------- several at once

AT_ONCE = 8
# Those of SQLite come one at a time.
FREE = [name for name in HARNESSES if not name.startswith(("memory", "sqlite"))]


@pytest.fixture(params=FREE)
def free(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as made:
        yield made


def test_several_transactions_of_a_claim_may_be_open_at_once(free):
    harness = free
    claim = claimed(harness)
    opened = [begun(harness, claim) for _ in range(AT_ONCE)]
    for number, transaction in enumerate(opened):
        harness.write(transaction.connection, str(number))
    # The claim's own plain calls come in between, and stay out of their way.
    assert harness.call(harness.store.renew, [claim], 10.0) == []
    for number, transaction in reversed(list(enumerate(opened))):
        ended(harness, transaction, 0, None, ahead=(f"{number}.0",))
        assert committed(harness, claim, AT_ONCE - number, str(number)) == []
    assert sorted(harness.written()) == [str(number) for number in range(AT_ONCE)]
    assert ahead(harness, claim) == {f"{number}.0" for number in range(AT_ONCE)}
    assert position(harness) == "0"


def test_one_that_fails_leaves_the_others_alone(free):
    harness = free
    claim = claimed(harness)
    opened = [begun(harness, claim) for _ in range(4)]
    for number, transaction in enumerate(opened):
        harness.write(transaction.connection, str(number))
    harness.call(harness.store.abort, opened[0])
    ended(harness, opened[1], 2, "2", ahead=("b",))
    with pytest.raises(ClaimLost):
        ended(harness, opened[2], 1, "1", ahead=("c",))
    ended(harness, opened[3], 0, None, ahead=("d",))
    assert sorted(harness.written()) == ["1", "3"]
    assert ahead(harness, claim) == {"b", "d"}
    assert position(harness) == "2"


def test_whoever_takes_over_makes_each_of_them_fail(free):
    harness = free
    claim = claimed(harness, lease=10.0)
    opened = [begun(harness, claim) for _ in range(4)]
    for number, transaction in enumerate(opened):
        harness.write(transaction.connection, str(number))
    ended(harness, opened[0], 0, None, ahead=("done",))
    harness.shift(11)
    following = claimed(harness, store=harness.another())
    for number, transaction in enumerate(opened[1:]):
        with pytest.raises(Exception) as raised:
            ended(harness, transaction, number, None, ahead=(f"{number}.0",))
        assert type(raised.value).__name__ in ("ClaimLost", "StoreUnavailable")
    assert harness.written() == ["0"]
    assert ahead(harness, following) == {"done"}
