"""A server restarts under a million subscribers: when do they come back?

Every delay is drawn from the project's own policy objects, by the calls that a source
makes. Only time is simulated: all lose the server at once, it is away for a while, and
then it takes so many connections a second and answers 503 to the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tenacity import wait_exponential, wait_fixed

from reconnecting_sse import ReconnectPolicy
from reconnecting_sse.core.errors import StreamInterrupted
from reconnecting_sse.core.strategies import ReconnectState

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUBSCRIBERS = 1_000_000
DOWN_SECONDS = 20.0
CAPACITY_PER_SECOND = 50_000
BIN_SECONDS = 0.1
HORIZON_SECONDS = 120.0
DRAWS = 4096
"""Delays drawn for each number of failures; subscribers are given one of them."""
STEADY_AFTER = 10
"""Failures after which the delays are drawn from the same distribution."""


@dataclass(frozen=True)
class Scenario:
    """Which policy the subscribers have, and what the server had told them."""

    title: str
    policy: ReconnectPolicy
    retry_ms: int | None = None


SCENARIOS = (
    Scenario("our defaults", ReconnectPolicy()),
    Scenario("our defaults after retry: 20000", ReconnectPolicy(), retry_ms=20_000),
    Scenario("a constant 3 s", ReconnectPolicy(wait=wait_fixed(3.0))),
    Scenario(
        "exponential without jitter",
        ReconnectPolicy(wait=wait_exponential(multiplier=1, max=30)),
    ),
)


@dataclass
class Outcome:
    """Arrivals in each bin, and how it ended.

    Attributes:
        arrivals: Connection attempts in each bin.
        recovered: Seconds after the server's return until 99.9 % were connected, or
            None where that did not happen.
    """

    scenario: Scenario
    arrivals: list[int] = field(default_factory=list)
    recovered: float | None = None

    def per_second(self) -> list[int]:
        """Arrivals in each second."""
        step = round(1 / BIN_SECONDS)
        bins = self.arrivals
        return [sum(bins[at : at + step]) for at in range(0, len(bins), step)]

    @property
    def peak(self) -> int:
        """The most in any second."""
        return max(self.per_second())

    @property
    def peak_when_back(self) -> int:
        """The most in any second after the server's return."""
        return max(self.per_second()[int(DOWN_SECONDS) :])

    @property
    def mean(self) -> float:
        """Per second, while anybody was without a connection."""
        per_second = self.per_second()
        return sum(per_second) / len(per_second)


class Delays:
    """Delays by the number of failures, drawn from the scenario's own policy."""

    def __init__(self, scenario: Scenario, random: np.random.Generator) -> None:
        self._scenario = scenario
        self._random = random
        self._drawn: dict[int, NDArray[np.float64]] = {}

    def after(self, failures: NDArray[np.int64]) -> NDArray[np.float64]:
        """A delay for each subscriber."""
        delays = np.empty(len(failures))
        kinds = np.minimum(failures, STEADY_AFTER)
        for number in np.unique(kinds):
            chosen = kinds == number
            pool = self._pool(int(number))
            delays[chosen] = self._random.choice(pool, int(chosen.sum()))
        return delays

    def _pool(self, number: int) -> NDArray[np.float64]:
        if number not in self._drawn:
            policy, retry_ms = self._scenario.policy, self._scenario.retry_ms
            state = ReconnectState(
                StreamInterrupted("the server restarts", url="http://feed.test/"),
                attempt_number=number,
                start_time=0.0,
                now=0.0,
                idle_for=0.0,
                reconnection_time=policy.reconnection_time(retry_ms),
                is_server_directed=retry_ms is not None,
                was_open=True,
            )
            self._drawn[number] = np.array([policy.delay(state) for _ in range(DRAWS)])
        return self._drawn[number]


def simulate(scenario: Scenario, subscribers: int = SUBSCRIBERS) -> Outcome:
    """Play the restart until nearly all are back."""
    random = np.random.default_rng(1)
    delays, outcome = Delays(scenario, random), Outcome(scenario)
    failures = np.ones(subscribers, dtype=np.int64)
    due = delays.after(failures)
    waiting = np.arange(subscribers)
    for number in range(round(HORIZON_SECONDS / BIN_SECONDS)):
        end = (number + 1) * BIN_SECONDS
        is_due = due[waiting] < end
        arrived = waiting[is_due]
        outcome.arrivals.append(len(arrived))
        room = int(CAPACITY_PER_SECOND * BIN_SECONDS) if end > DOWN_SECONDS else 0
        random.shuffle(arrived)
        refused = arrived[room:]
        failures[refused] += 1
        due[refused] += delays.after(failures[refused])
        waiting = np.concatenate([waiting[~is_due], refused])
        if len(waiting) <= subscribers // 1000:
            outcome.recovered = end - DOWN_SECONDS
            break
    return outcome


def run(subscribers: int = SUBSCRIBERS) -> list[Outcome]:
    """All scenarios."""
    return [simulate(scenario, subscribers) for scenario in SCENARIOS]


if __name__ == "__main__":
    for done in run():
        print(done.scenario.title, done.peak, done.peak_when_back, done.mean)
