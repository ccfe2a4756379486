"""Chaos, bounded: a numbered feed arrives whole and in order, whatever happens to it.

``make chaos`` is the long version.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos import deadlines, memory, soak
from tests.chaos.events import block, data_of, number_of
from tests.chaos.plans import CUTS, PLACES, REFUSALS, STATUSES, delivery_of, plan_of
from tests.chaos.runs import FACES, WIRES, Verdict, run

pytestmark = pytest.mark.endurance

EVENTS = 2_000
REACH = 1_500
SECONDS = 18.0
SEEDS = (1, 5, 7)

MANY = range(3_000)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("wire", WIRES)
def test_a_numbered_feed_arrives_whole_and_in_order(face, wire, seed):
    verdict = run(face, wire, seed, events=EVENTS, reach=REACH, seconds=SECONDS)
    assert verdict.is_good, f"{verdict}\nto replay it: make chaos SEED={seed}"
    # As many as a feed of this size meets; without them nothing was shown.
    assert verdict.connections > 10
    assert sum(verdict.happened.values()) > 20


def test_the_same_seed_does_the_same():
    for number in MANY:
        assert plan_of(1, number, REACH) == plan_of(1, number, REACH)
        assert delivery_of(1, number, REACH) == delivery_of(1, number, REACH)
    first, second = ([plan_of(seed, n, REACH) for n in MANY] for seed in (1, 2))
    assert first != second


def test_every_fault_comes_up():
    plans = [plan_of(1, number, REACH) for number in MANY]
    names = {plan.name for plan in plans}
    assert names == {
        *(f"cut: {place}, {cut}" for place in PLACES for cut in CUTS),
        *(f"status: {s}{wait}" for s in STATUSES for wait in ("", ", 0 s", ", 1 s")),
        *(f"redirect: {where} origin" for where in ("same", "other")),
        *(f"refusal: {refusal}" for refusal in REFUSALS),
    }
    deliveries = Counter()
    for number in MANY:
        delivery = delivery_of(1, number, REACH)
        deliveries[delivery.newline, delivery.framing, delivery.coding] += 1
    assert len(deliveries) == 3 * 3 * 3


def test_redirects_come_to_an_end():
    assert all(plan_of(1, n, REACH, hops=3).kind != "redirect" for n in MANY)


def test_events_use_all_that_a_stream_may_have():
    texts = "".join(block(number).decode() for number in range(1, 203))
    for part in ("é", "世", "🎈", "\n: ", "\nretry: ", "/seen\n\n", "\ndata: \n"):
        assert part in texts
    assert len(data_of(101)) > 500
    assert number_of("") == 0
    assert number_of("7") == number_of("7/seen") == 7


@pytest.mark.parametrize(
    ("ids", "counts"),
    [
        ([1, 2, 3, 4], (0, 0, 0)),
        ([1, 2, 4], (1, 0, 0)),
        ([1, 2, 2, 3, 4], (0, 1, 0)),
        ([1, 3, 2, 4], (0, 0, 1)),
        ([1, 2, 1, 2, 3, 4], (0, 2, 1)),
        ([], (4, 0, 0)),
    ],
)
def test_the_verdict_counts_what_went_wrong(ids, counts):
    verdict = Verdict("a run", 4, ids)
    assert (verdict.lost, verdict.duplicated, verdict.out_of_order) == counts
    assert verdict.is_good is not any(counts)
    assert str(verdict).startswith("FAILED" if any(counts) else "ok")


@pytest.mark.parametrize("flaw", ["wrong", "leaked", "error"])
def test_the_verdict_is_bad_where_all_ids_are_good(flaw):
    verdict = Verdict("a run", 2, [1, 2])
    setattr(verdict, flaw, [(1, "x")] if flaw == "wrong" else "what happened")
    assert not verdict.is_good
    assert ("garbled" if flaw == "wrong" else "what happened") in str(verdict)


@pytest.mark.parametrize("face", FACES)
def test_a_bomb_is_left_in_time(face):
    """Ten times later than is promised."""
    _, coding, body = next(deadlines.bombs())
    assert max(deadlines.lateness(face, coding, body)) < 10 * deadlines.PROMISED


@pytest.mark.parametrize("face", FACES)
def test_a_soak_tells_memory_ten_times_and_the_faults(face):
    told = list(soak.soak(face, 2.0))
    assert len(told) == soak.MINUTES
    assert sum(rate for _, rate in told) > 0
    assert all(sample.blocks > 0 for sample, _ in told)


def test_what_grows_after_the_third_minute_fails_a_soak():
    steady = memory.Memory(resident=2**25, blocks=100_000, used=2**22, free=0)
    leaking = memory.Memory(resident=2**25, blocks=106_000, used=2**22, free=0)
    assert soak.grown([steady] * 10) == []
    assert soak.grown([leaking] * 3 + [steady] * 7) == []
    assert soak.grown([steady] * 9 + [leaking]) == ["blocks from 100,000 to 106,000"]
