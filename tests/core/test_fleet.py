"""Fleets: each decides for itself, and every feed is served once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.fleet import Member, Moves, Pulse, Seen, decide, shares
from tests.core.fleets import BEAT, LEASE, World

A, B, C = (Member(f"host:{n}") for n in (1, 2, 3))
SETTLED = 8 * LEASE

# ------------------------------------------------------------------ what one decides


def feeds(count):
    return [f"feed-{n:03}" for n in range(count)]


def seen(members=(A,), **values):
    return Seen(**{"members": members, "holders": {}, **values})


def test_who_is_alone_takes_all():
    moves = decide(A, feeds(5), seen())
    assert sorted(moves.take) == feeds(5)
    assert moves.shed == ()


def test_two_who_see_the_same_never_reach_for_the_same_feed():
    first, second = (decide(me, feeds(11), seen([A, B])) for me in (A, B))
    assert sorted(first.take + second.take) == feeds(11)
    assert {len(first.take), len(second.take)} == {5, 6}


def test_who_does_not_know_of_a_third_hardly_reaches_for_what_others_take():
    first = decide(A, feeds(300), seen([A, B]))
    second, third = (decide(me, feeds(300), seen([A, B, C])) for me in (B, C))
    assert len(set(first.take) & set(second.take)) < 15
    assert len(set(first.take) & set(third.take)) < 65  # half of C's, at the best


def test_what_another_holds_is_not_taken():
    holders = dict.fromkeys(feeds(3), B.name)
    moves = decide(A, feeds(5), seen([A, B], holders=holders))
    assert sorted(moves.take) == feeds(5)[3:]


def test_what_a_stranger_holds_counts_for_nobody():
    holders = dict.fromkeys(feeds(6), "a lone worker")
    moves = [decide(me, feeds(10), seen([A, B], holders=holders)) for me in (A, B)]
    assert [len(m.take) for m in moves] == [2, 2]


def test_the_excess_is_shed():
    holders = dict.fromkeys(feeds(10), A.name)
    moves = decide(A, feeds(10), seen([A, B], holders=holders, serving=feeds(10)))
    assert len(moves.shed) == 5
    assert moves.take == ()


def test_what_is_being_drained_is_not_shed_twice_nor_made_up_for():
    holders = dict.fromkeys(feeds(10), A.name)
    leaving = feeds(5)
    moves = decide(
        A,
        feeds(16),
        seen([A, B], holders=holders, serving=feeds(10)[5:], leaving=leaving),
    )
    assert moves == Moves()


def test_what_another_holds_is_let_go_of_even_by_the_cautious():
    holders = {"feed-000": B.name}
    moves = decide(
        A,
        feeds(2),
        seen([A, B], holders=holders, serving=feeds(2), is_cautious=True),
    )
    assert moves == Moves(shed=("feed-000",))


def test_the_cautious_take_nothing_and_shed_nothing_of_their_own():
    holders = dict.fromkeys(feeds(9), A.name)
    view = seen([A, B], holders=holders, serving=feeds(9), is_cautious=True)
    assert decide(A, feeds(10), view) == Moves()


def test_only_feeds_of_the_own_file_count():
    holders = {"somebody else's": A.name, "another": B.name}
    moves = decide(A, feeds(2), seen([A], holders=holders, serving=feeds(1)))
    assert moves.take == ("feed-001",)


def test_a_limit_is_kept_and_what_nobody_has_room_for_is_told():
    few = Member(A.name, 3)
    moves = decide(few, feeds(10), seen([few, Member(B.name, 2)]))
    assert len(moves.take) == 3
    assert moves.unserved == 5


def test_a_limit_that_was_lowered_is_kept_by_shedding():
    few, former = Member(A.name, 1), Member(A.name, 7)
    holders = dict.fromkeys(feeds(4), A.name)
    moves = decide(few, feeds(4), seen([former], holders=holders, serving=feeds(4)))
    assert len(moves.shed) == 3


def test_a_member_is_written_so_that_it_can_be_read():
    for member in (A, Member("host:1 of many", 12), Member("max=3")):
        assert Member.of(str(member)) == member


# ------------------------------------------------------------------ shares

limits = st.none() | st.integers(0, 40)
fleets = st.lists(st.tuples(limits, st.integers(0, 30)), min_size=1, max_size=8)


@given(fleets, st.integers(0, 100))
def test_shares_are_even_as_far_as_the_limits_allow(fleet, total):
    members = {Member(f"m{n}", limit): c for n, (limit, c) in enumerate(fleet)}
    found = shares(members, total)
    assert found.keys() == members.keys()
    assert all(m.max_feeds is None or found[m] <= m.max_feeds for m in members)
    room = sum(total if m.max_feeds is None else m.max_feeds for m in members)
    assert sum(found.values()) == min(total, room)
    below = [found[m] for m in members if m.has_room_beyond(found[m])]
    assert not below or max(found.values()) - min(below) <= 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_shares_move_as_little_as_they_can(counts):
    """Exactly what is above the even share, and not even that for the odd feeds."""
    members = {Member(f"m{n}"): count for n, count in enumerate(counts)}
    total = sum(counts)
    moved = sum(max(0, members[m] - n) for m, n in shares(members, total).items())
    even, odd = divmod(total, len(counts))
    most = sorted(counts, reverse=True)
    least = sum(max(0, c - even - (rank < odd)) for rank, c in enumerate(most))
    assert moved == least


# ------------------------------------------------------------------ caution


def test_a_newcomer_waits_for_one_beat():
    pulse = Pulse().beaten(100.0, LEASE)
    assert pulse.is_cautious
    assert not pulse.beaten(100.0 + BEAT, LEASE).is_cautious


def test_after_a_gap_of_more_than_half_a_lease_nothing_moves_for_two_beats():
    pulse = Pulse(at=100.0).beaten(100.0 + LEASE / 2 + 0.1, LEASE)
    following = pulse.beaten(pulse.at + BEAT, LEASE)
    last = following.beaten(following.at + BEAT, LEASE)
    states = [p.is_cautious for p in (pulse, following, last)]
    assert states == [True, True, False]


def test_half_a_lease_is_no_gap():
    assert not Pulse(at=100.0).beaten(100.0 + LEASE / 2, LEASE).is_cautious


# ------------------------------------------------------------------ whole fleets


def check(world, count, limits=()):
    """Every feed is owned once, and evenly."""
    owners = world.owners()
    assert sorted(owners) == feeds(count)
    served = world.serving()
    assert sorted(f for each in served.values() for f in each) == feeds(count)
    assert all(owners[feed] == name for name, each in served.items() for feed in each)
    sizes = [len(each) for name, each in served.items() if name not in limits]
    assert max(sizes) - min(sizes) <= 1


def settled(count, members, **options):
    world = World(**options)
    for number in range(members):
        world.join(f"host:{number}", feeds(count))
    world.run(SETTLED)
    check(world, count)
    world.take_moves()
    return world


def test_a_settled_fleet_moves_nothing():
    world = settled(300, 3)
    world.run(20 * LEASE)
    assert world.moves == []
    check(world, 300)


def test_members_that_start_together_share_without_a_move_too_many():
    world = World()
    for number in range(3):
        world.join(f"host:{number}", feeds(300))
    world.run(SETTLED)
    assert Counter(kind for _, _, kind, _ in world.moves) == {"take": 300}


names = st.sampled_from(["a newcomer", "host:1, a newcomer", "newcomer"])


@given(st.integers(1, 60), st.integers(1, 6), names, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_join_moves_exactly_the_excess(count, members, name, seed):
    world = settled(count, members, seed=seed)
    before = world.serving()
    world.run(world.rng.uniform(0, BEAT))
    world.join(name, feeds(count))
    world.run(SETTLED)
    check(world, count)
    taken = [move for move in world.moves if move[2] == "take"]
    shed = [move for move in world.moves if move[2] == "shed"]
    assert len(taken) == len(shed) == count // (members + 1)
    assert {who for _, who, _, _ in taken} <= {name}
    kept = world.serving()
    assert all(set(kept[name]) <= set(each) for name, each in before.items())


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_after_a_kill_all_is_owned_again_within_the_lease_and_one_beat(
    count, members, seed
):
    world = settled(count, members, seed=seed)
    world.run(world.rng.uniform(0, LEASE))
    world.members[0].kill()
    world.run(LEASE + BEAT + 0.21)  # and the claims themselves
    assert sorted(world.owners()) == feeds(count)
    world.run(SETTLED)
    check(world, count)
    assert not [move for move in world.moves if move[2] == "shed"]


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_who_leaves_hands_over_within_a_beat(count, members, seed):
    world = settled(count, members, seed=seed)
    world.members[0].leave()
    world.run(world.drain + BEAT + 0.21)
    check(world, count)


@given(
    st.integers(2, 40), st.sets(st.integers(0, 39)), st.integers(1, 5), st.integers()
)
@settings(max_examples=60, deadline=None)
def test_feeds_that_fail_wherever_they_are_move_no_other(count, failing, members, seed):
    world = World(seed=seed)
    for number in range(members):
        one = world.join(f"host:{number}", feeds(count))
        one.failing = {f"feed-{n:03}" for n in failing}
    world.run(SETTLED)
    world.take_moves()
    world.run(SETTLED)
    well = {feed for feed in feeds(count) if feed not in world.members[0].failing}
    assert set(world.owners()) >= well
    assert not {feed for _, _, _, feed in world.moves} & well


@given(st.integers(1, 60), st.integers(1, 6), st.floats(0.1, 60), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_store_that_is_frozen_moves_nothing(count, members, seconds, seed):
    world = settled(count, members, seed=seed)
    world.run(world.rng.uniform(0, BEAT))
    before = world.serving()
    world.freeze_store(seconds)
    world.run(seconds + SETTLED)
    assert world.moves == []
    assert world.serving() == before
    check(world, count)


def test_who_joins_while_the_store_is_frozen_takes_his_share_only():
    world = settled(300, 3)
    world.freeze_store(30.0)
    world.join("newcomer", feeds(300))
    world.run(30.0 + SETTLED)
    check(world, 300)
    assert Counter(kind for _, _, kind, _ in world.moves) == {"shed": 75, "take": 75}


@given(st.integers(1, 60), st.integers(2, 6), st.floats(0.1, 60), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_member_that_was_frozen_comes_back(count, members, seconds, seed):
    world = settled(count, members, seed=seed)
    world.run(world.rng.uniform(0, BEAT))
    world.members[0].freeze(seconds)
    world.run(seconds + SETTLED)
    check(world, count)


steps = st.one_of(
    st.tuples(st.just("join"), st.none() | st.integers(0, 30)),
    st.tuples(st.just("kill"), st.integers(0, 9)),
    st.tuples(st.just("leave"), st.integers(0, 9)),
    st.tuples(st.just("freeze"), st.integers(0, 9)),
    st.tuples(st.just("freeze store"), st.floats(0, 40)),
    st.tuples(st.just("wait"), st.floats(0, 3 * LEASE)),
)


@given(st.integers(1, 40), st.lists(steps, max_size=12), st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_in_the_end_every_feed_is_served_once(count, script, seed):
    world = World(seed=seed, drain=2 * BEAT)
    world.join("host:0", feeds(count))
    limited = set()
    for number, (what, value) in enumerate(script, 1):
        alive = [m for m in world.members[1:] if m.is_alive]
        if what == "join":
            world.join(f"host:{number}", feeds(count), value)
            limited |= {f"host:{number}"} if value is not None else set()
        elif what == "freeze store":
            world.freeze_store(value)
        elif what == "wait":
            world.run(value)
        elif alive:
            one = alive[value % len(alive)]
            one.freeze(value * BEAT) if what == "freeze" else getattr(one, what)()
    world.run(60.0 + 12 * LEASE)
    check(world, count, limited)
    world.take_moves()
    world.run(12 * LEASE)
    assert world.moves == []  # and it stays so


@pytest.mark.parametrize("limit", [0, 10, 100])
def test_members_with_a_limit_leave_the_rest_to_the_others(limit):
    world = World()
    for name, most in [("small", limit), ("host:1", None), ("host:2", None)]:
        world.join(name, feeds(300), most)
    world.run(SETTLED)
    sizes = {name: len(each) for name, each in world.serving().items()}
    rest = (300 - limit) // 2
    assert sizes == {"small": limit, "host:1": rest, "host:2": rest}


def test_fleets_of_two_files_share_a_store_and_no_feed():
    """As while a new file is rolled out: each knows its own members only."""
    world = World()
    for name, count in [("old:1", 10), ("old:2", 10), ("new:1", 20), ("new:2", 20)]:
        world.join(name, feeds(count)).fleet = f"of {count}"
    world.run(SETTLED)
    assert sorted(world.owners()) == feeds(20)
    for member in world.members[:2]:
        member.leave()
    world.run(SETTLED)
    assert {len(each) for each in world.serving().values()} == {10}
    assert sorted(world.owners()) == feeds(20)
