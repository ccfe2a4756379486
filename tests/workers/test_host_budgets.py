"""Who waits for a host, in time that passes only while nobody has anything to do."""

from __future__ import annotations

import asyncio
import selectors
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.budget import ConnectBudget
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.workers import budget as budgets
from reconnecting_sse.workers.budget import HostBudgets
from tests.core.test_connect_budget import waited

ROUNDING = 1e-6
SECONDS = st.floats(0, 3)


class Leaping(selectors.DefaultSelector):
    """Lets time leap to the next timer."""

    seconds = 0.0

    def select(self, timeout=None):
        self.seconds += timeout or 0.0
        return super().select(timeout and 0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop, and the clock that goes with it."""

    def __init__(self):
        self.leaping = Leaping()
        super().__init__(self.leaping)

    def time(self):
        return self.leaping.seconds


class Clock(clocks.Clock):
    def now(self):
        return asyncio.get_running_loop().time()


def played(play, *args):
    """What it returns, in such a loop."""
    before, clocks.CLOCK = clocks.CLOCK, Clock()
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            return runner.run(play(*args))
    finally:
        clocks.CLOCK = before


class Line:
    """Attempts at hosts: when they came, and when they began."""

    def __init__(self, per_second, burst):
        self.budgets = HostBudgets(per_second, burst)
        self.now = asyncio.get_running_loop().time
        self.came, self.begun = [], []

    async def attempt(self, name, after=0.0, host="a", patience=None):
        await asyncio.sleep(after)
        self.came.append((name, self.now()))
        async with asyncio.timeout(patience):
            await self.budgets.admit(host)
        self.begun.append((name, self.now()))

    async def play(self, attempts):
        """All of them, until they have begun or left; those that have begun."""
        tasks = [asyncio.create_task(attempt) for attempt in attempts]
        await asyncio.gather(*tasks, return_exceptions=True)
        return [name for name, _ in self.begun], [moment for _, moment in self.begun]


def test_first_come_first_served():
    async def play():
        line = Line(10, 2)
        return await line.play(line.attempt(n) for n in range(5))

    names, moments = played(play)
    assert names == [0, 1, 2, 3, 4]
    assert moments == pytest.approx([0, 0, 0.1, 0.2, 0.3])


def test_each_host_has_its_own():
    async def play():
        line = Line(10, 1)
        attempts = [line.attempt(host, host=host) for host in "aabbcc"]
        return await line.play(attempts)

    names, moments = played(play)
    assert names == list("abcabc")
    assert moments == pytest.approx([0, 0, 0, 0.1, 0.1, 0.1])


def test_whoever_leaves_the_line_gives_his_turn_to_the_next():
    async def play():
        line = Line(1, 1)
        attempts = [
            line.attempt(n, patience=0.5 if n in (1, 2, 4) else None) for n in range(6)
        ]
        return await line.play(attempts)

    names, moments = played(play)
    assert names == [0, 3, 5]
    assert moments == pytest.approx([0, 1, 2])


def test_after_the_loop_was_blocked_there_is_a_burst_and_no_more():
    async def block():
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().leaping.seconds += 10

    async def play():
        line = Line(10, 3)
        blocking = asyncio.create_task(block())
        found = await line.play(line.attempt(n) for n in range(9))
        await blocking
        return found

    _, moments = played(play)
    assert moments == pytest.approx([0, 0, 0, *[10.05] * 3, 10.15, 10.25, 10.35])


@settings(deadline=None)
@given(
    st.lists(st.tuples(SECONDS, st.none() | SECONDS), min_size=1, max_size=25),
    st.lists(st.tuples(SECONDS, SECONDS), max_size=3),
    st.floats(0.5, 50),
    st.integers(1, 10),
)
def test_however_they_come_and_go(attempts, blocks, per_second, burst):
    """No window has too much, nobody overtakes, and nobody waits without need."""

    async def block(after, seconds):
        await asyncio.sleep(after)
        asyncio.get_running_loop().leaping.seconds += seconds

    async def play():
        line = Line(per_second, burst)
        blocking = [asyncio.create_task(block(*b)) for b in blocks]
        names, moments = await line.play(
            line.attempt(n, after, patience=patience)
            for n, (after, patience) in enumerate(attempts)
        )
        await asyncio.gather(*blocking)
        return line.came, names, moments

    came, names, moments = played(play)
    for (first, begin), (last, end) in combinations(enumerate(moments), 2):
        assert last - first + 1 <= burst + per_second * (end - begin + ROUNDING)
    assert names == [name for name, _ in came if name in names]
    if not blocks:
        ideal, at = ConnectBudget(per_second, burst), dict(came)
        expected = [waited(ideal, at[name]) for name in names]
        assert moments == pytest.approx(expected, abs=ROUNDING)


def test_hosts_that_rest_are_forgotten(monkeypatch):
    monkeypatch.setattr(budgets, "MANY", 4)

    async def play():
        line = Line(1, 1)
        waiting = [line.attempt(n, host="busy") for n in range(20)]
        passing = [line.attempt(n, 2.0 * n, host=f"host {n}") for n in range(8)]
        names, _ = await line.play([*waiting, *passing])
        assert len(names) == 28
        busy = [moment for name, moment in line.begun if name >= 8]
        return busy, len(line.budgets._lines)

    busy, remembered = played(play)
    assert busy == pytest.approx(range(8, 20))
    assert remembered < 5


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)])
def test_numbers_without_a_meaning_are_refused_at_once(numbers):
    with pytest.raises(ValueError, match="attempts"):
        HostBudgets(*numbers)
