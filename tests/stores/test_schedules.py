"""Any schedule of three processes under one name: a position never goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconnecting_sse.core.claims import Claim, Mark
from reconnecting_sse.stores import MemoryStore

MOVES = st.tuples(
    st.sampled_from(["claim", "handle", "commit", "renew", "recover", "release"]),
    st.sampled_from([0, 1, 2]),
)


class Process:
    """One that claims, handles and commits; whoever is not asked is frozen."""

    def __init__(self):
        self.claim, self.at, self.seq = None, 0, 0


@given(st.lists(MOVES, max_size=60), st.sampled_from([None, 10.0]))
def test_a_position_never_goes_back(moves, lease):  # noqa: C901
    now = [0.0]
    store = MemoryStore(lambda: now[0])
    processes = [Process() for _ in range(3)]
    owner, best = None, 0
    for move, number in moves:
        process = processes[number]
        now[0] += 4.0
        if move == "claim":
            found = store.claim("prices", lease, str(number))
            if isinstance(found, Claim):
                process.claim, process.seq = found, 0
                process.at = int(found.position or 0)
                owner = process
                assert process.at == best
        elif process.claim is None:
            continue
        elif move == "handle":
            process.at += 1
        elif move == "commit":
            process.seq += 1
            mark = Mark(process.seq, str(process.at))
            lost = store.commit([(process.claim, mark)])
            assert bool(lost) is (owner is not process)
            if not lost:
                assert process.at >= best
                best = process.at
        elif move == "renew":
            assert bool(store.renew([process.claim], 10.0)) is (owner is not process)
        elif move == "recover" and owner is process:
            process.claim, seq = store.recover(process.claim)
            assert seq == process.seq
        elif move == "release":
            store.release(process.claim)
        found = [place.position for place in store.places()]
        assert found in ([], [None], [str(best)]) or best == 0
