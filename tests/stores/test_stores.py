"""What every store promises: one list of scenarios, held to each of them."""

from __future__ import annotations

import pytest

from reconnecting_sse import ClaimLost, StoreError, StoreRefused, StoreUnavailable
from reconnecting_sse.core.claims import Beside, Claim, Held, Mark
from tests.stores.calling import begun, claimed, committed, letter, place, position
from tests.stores.harness import HARNESSES

# ---------------------------------------------------------------- claims


def test_a_first_claim_has_no_position(harness):
    claim = claimed(harness)
    assert claim.position is None
    assert claim.takeovers == 0
    assert claim.nonce


def test_no_position_is_not_the_empty_position(harness):
    assert committed(harness, claimed(harness), 1, "") == []
    assert claimed(harness).position == ""


def test_a_claim_gives_the_committed_position_and_a_greater_token(harness):
    first = claimed(harness)
    committed(harness, first, 1, "41é\u2028")
    second = claimed(harness)
    assert second.position == "41é\u2028"
    assert second.token > first.token
    assert second.nonce != first.nonce


def test_who_claims_later_wins_and_the_other_commits_nothing(harness):
    first = claimed(harness)
    second = claimed(harness)
    assert committed(harness, first, 1, "old") == [first]
    assert committed(harness, second, 1, "new") == []
    assert position(harness) == "new"


def test_of_two_with_one_token_only_the_right_nonce_counts(harness):
    claim = claimed(harness)
    forged = Claim(claim.name, claim.token, "of a backup")
    assert committed(harness, forged, 1, "forged") == [forged]
    assert position(harness) is None


def test_an_old_seq_does_nothing_and_is_not_lost(harness):
    claim = claimed(harness)
    committed(harness, claim, 2, "two")
    assert committed(harness, claim, 1, "one") == []
    assert committed(harness, claim, 2, "again") == []
    assert position(harness) == "two"


def test_a_name_that_nobody_has_claimed_is_lost(harness):
    claim = Claim("nobody's", 1, "nonce")
    assert committed(harness, claim, 1, "1") == [claim]
    assert harness.call(harness.store.renew, [claim], 10.0) == [claim]


def test_names_are_each_their_own(harness):
    names = ["prices", "Prices", "a:b", "émis"]
    for number, name in enumerate(names, 1):
        committed(harness, claimed(harness, name), 1, str(number))
    places = harness.call(harness.store.places)
    assert {p.name: p.position for p in places} == {
        name: str(number) for number, name in enumerate(names, 1)
    }


def test_one_call_commits_for_many_and_says_who_is_lost(harness):
    ours, lost, other = (claimed(harness, name) for name in ("a", "b", "c"))
    claimed(harness, "b")
    marks = [(claim, Mark(1, "1")) for claim in (ours, lost, other)]
    assert harness.call(harness.store.commit, marks) == [lost]
    assert [p.position for p in harness.call(harness.store.places)] == ["1", None, "1"]


# ---------------------------------------------------------------- leases


@pytest.mark.parametrize("lease", [None, 10.0])
def test_while_a_lease_runs_nobody_else_has_the_name(harness, lease):
    claimed(harness, lease=10.0, owner="first")
    held = harness.call(harness.store.claim, "prices", lease, "second")
    assert isinstance(held, Held)
    assert 5 < held.seconds <= 10
    assert held.owner == "first"


def test_an_ended_lease_is_taken_over(harness):
    first = claimed(harness, lease=10.0)
    harness.shift(10.1)
    second = claimed(harness, lease=10.0, owner="second")
    assert second.takeovers == 1
    assert harness.call(harness.store.renew, [first], 10.0) == [first]
    assert place(harness).owner == "second"


def test_a_renewed_lease_runs_on(harness):
    claims = [claimed(harness, name, lease=10.0) for name in ("a", "b")]
    harness.shift(8)
    assert harness.call(harness.store.renew, claims, 10.0) == []
    harness.shift(8)
    assert isinstance(harness.call(harness.store.claim, "a", None, "me"), Held)
    assert isinstance(harness.call(harness.store.claim, "b", None, "me"), Held)


def test_a_renewal_after_the_end_stands_if_nobody_has_taken_over(harness):
    claim = claimed(harness, lease=10.0)
    harness.shift(60)
    assert harness.call(harness.store.renew, [claim], 10.0) == []
    assert isinstance(harness.call(harness.store.claim, "prices", 1.0, "me"), Held)


def test_a_released_name_is_free_at_once(harness):
    claim = claimed(harness, lease=10.0)
    committed(harness, claim, 1, "1")
    harness.call(harness.store.release, claim)
    assert place(harness).owner == ""
    assert place(harness).lease is None
    following = claimed(harness, lease=10.0)
    assert following.position == "1"
    assert following.takeovers == 0


def test_a_lost_claim_releases_nothing(harness):
    first = claimed(harness, lease=10.0)
    harness.shift(11)
    claimed(harness, lease=10.0, owner="second")
    harness.call(harness.store.release, first)
    assert place(harness).owner == "second"


def test_takeovers_are_counted(harness):
    counts = [claimed(harness).takeovers for _ in range(4)]
    assert counts == [0, 1, 2, 3]


# ---------------------------------------------------------------- recovering


def test_recovering_bumps_the_token_and_tells_the_seq(harness):
    claim = claimed(harness)
    committed(harness, claim, 7, "seven")
    recovered, seq = harness.call(harness.store.recover, claim)
    assert seq == 7
    assert recovered.token > claim.token
    assert committed(harness, claim, 8, "late") == [claim]
    assert committed(harness, recovered, 8, "eight") == []
    assert position(harness) == "eight"


def test_recovering_can_be_tried_again_where_its_answer_was_lost(harness):
    claim = claimed(harness)
    harness.call(harness.store.recover, claim)
    recovered, _ = harness.call(harness.store.recover, claim)
    assert committed(harness, recovered, 1, "1") == []


def test_a_lost_claim_is_not_recovered(harness):
    claim = claimed(harness)
    claimed(harness)
    with pytest.raises(ClaimLost):
        harness.call(harness.store.recover, claim)


# ---------------------------------------------------------------- for people


def test_a_position_can_be_set_and_whoever_runs_is_told(harness):
    claim = claimed(harness, lease=10.0)
    committed(harness, claim, 1, "1")
    harness.call(harness.store.put, "prices", "5")
    assert committed(harness, claim, 2, "2") == [claim]
    assert claimed(harness).position == "5"


def test_a_forgotten_position_leaves_the_row_and_its_token(harness):
    claim = claimed(harness)
    committed(harness, claim, 1, "1")
    harness.call(harness.store.put, "prices", None)
    assert position(harness) is None
    following = claimed(harness)
    assert following.position is None
    assert following.token > claim.token


def test_setting_begins_the_count_of_lives_anew(harness):
    committed(harness, claimed(harness), 1, "1")
    _hold_in_hand(harness)
    harness.call(harness.store.put, "prices", "5")
    following = claimed(harness)
    assert (following.starts, following.hand, following.begun) == (0, None, 0)


def _hold_in_hand(harness):
    if hasattr(harness.raw, "hset"):
        harness.raw.hset("sse:prices:row", mapping={"hand": "2", "begun": 3})
    elif harness.raw is not None:
        harness.raw("UPDATE sse_positions SET hand = '2', begun = 3")


def test_a_position_can_be_set_before_anybody_claims(harness):
    harness.call(harness.store.put, "new", "9")
    assert claimed(harness, "new").position == "9"


def test_a_place_tells_age_owner_and_lease(harness):
    committed(harness, claimed(harness, lease=100.0, owner="me"), 1, "1")
    found = place(harness)
    assert 0 <= found.age < 60
    assert found.owner == "me"
    assert 50 < found.lease <= 100
    assert place(harness).token == 1


def test_another_store_sees_the_same(harness):
    committed(harness, claimed(harness), 1, "1")
    assert claimed(harness, store=harness.another()).position == "1"


def test_a_closed_store_opens_again(harness):
    committed(harness, claimed(harness), 1, "1")
    harness.call(harness.store.close)
    assert claimed(harness).position == "1"


# ---------------------------------------------------------------- transactions


def test_effects_and_position_are_one(transactional):
    harness = transactional
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    assert harness.written() == []
    harness.call(harness.store.end, transaction, Mark(1, "1"))
    assert harness.written() == ["one"]
    assert position(harness) == "1"


def test_what_is_aborted_leaves_nothing(transactional):
    harness = transactional
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    harness.call(harness.store.abort, transaction)
    assert harness.written() == []
    assert position(harness) is None
    assert committed(harness, claim, 1, "1") == []


def test_a_transaction_of_a_lost_claim_leaves_nothing(transactional):
    harness = transactional
    claim = claimed(harness)
    harness.call(harness.store.put, "prices", "set")

    def transact():
        transaction = begun(harness, claim)
        harness.write(transaction.connection, "one")
        harness.call(harness.store.end, transaction, Mark(1, "1"))

    with pytest.raises(ClaimLost):
        transact()
    assert harness.written() == []
    assert position(harness) == "set"


def test_a_transaction_with_an_old_seq_leaves_nothing(transactional):
    harness = transactional
    claim = claimed(harness)
    committed(harness, claim, 2, "two")
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    with pytest.raises(ClaimLost):
        harness.call(harness.store.end, transaction, Mark(2, "again"))
    assert harness.written() == []
    assert position(harness) == "two"


def test_one_transaction_follows_another(transactional):
    harness = transactional
    claim = claimed(harness)
    for number in range(1, 4):
        transaction = begun(harness, claim)
        harness.write(transaction.connection, str(number))
        harness.call(harness.store.end, transaction, Mark(number, str(number)))
    assert harness.written() == ["1", "2", "3"]
    assert position(harness) == "3"


def ends_of(connection):
    """The ways in which a caller might end it."""
    names = ["execute"] if hasattr(connection, "watch") else ["commit", "rollback"]
    return [getattr(connection, name) for name in names]


@pytest.mark.parametrize("which", [0, 1])
def test_the_caller_cannot_end_it(transactional, which):
    harness = transactional
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    ends = ends_of(transaction.connection)
    with pytest.raises(Exception) as refusal:
        harness.call(ends[which % len(ends)])
    assert not isinstance(refusal.value, StoreError)
    assert harness.written() == []
    harness.call(harness.store.abort, transaction)
    assert harness.written() == []
    assert position(harness) is None


def test_a_memory_store_has_no_transactions():
    store = HARNESSES["memory"]
    with store(None, None) as harness:
        claim = claimed(harness)
        for call in (harness.store.begin, harness.store.end, harness.store.abort):
            with pytest.raises(StoreRefused, match="no transactions"):
                call(claim)


# ---------------------------------------------------------------- refusals


def test_a_newer_schema_is_refused(transactional):
    harness = transactional
    claimed(harness)
    if hasattr(harness.raw, "set"):
        harness.raw.set("sse:schema", 99)
    else:
        harness.raw("UPDATE sse_schema SET version = 99")
    with pytest.raises(StoreRefused, match="newer version of this package"):
        claimed(harness, store=harness.another())


HALF = "half of a pair: \ud800"
HALVES = [
    Beside(hand=HALF, begun=1),
    Beside(ahead=("1.0", HALF)),
    Beside(passed=(HALF,)),
    Beside(settled=(HALF,)),
    Beside(buried=(letter(HALF),)),
]


def test_half_a_surrogate_pair_is_refused(harness):
    claim = claimed(harness)
    store = harness.store
    for call, *given in (
        (store.claim, HALF, None, "me"),
        (store.commit, [(claim, Mark(1, HALF))]),
        (store.put, HALF, "1"),
        (store.put, "prices", HALF),
        (store.replay, "prices", ["1.0", HALF]),
        (store.drop, "prices", [HALF]),
        (store.beat, "feeds", HALF, 1.0),
        *((store.commit, [(claim, Mark(1, None, beside))]) for beside in HALVES),
    ):
        with pytest.raises(StoreRefused, match="half a surrogate pair"):
            harness.call(call, *given)
    assert committed(harness, claim, 1, "1") == []
    assert [p.name for p in harness.call(store.places)] == ["prices"]


def test_half_a_surrogate_pair_ends_no_transaction_well(transactional):
    harness = transactional
    claim = claimed(harness)
    transaction = begun(harness, claim)
    harness.write(transaction.connection, "one")
    with pytest.raises(StoreRefused, match="half a surrogate pair"):
        harness.call(harness.store.end, transaction, Mark(1, HALF))
    assert harness.written() == []
    assert committed(harness, claim, 1, "1") == []


def test_errors_are_ours(harness):
    assert issubclass(StoreRefused, StoreError)
    assert issubclass(StoreUnavailable, StoreError)
