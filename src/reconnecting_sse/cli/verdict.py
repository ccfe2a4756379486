"""What was received, held against what there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    Item = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How two sequences of events differ.

    Attributes:
        lost: Expected, and never received.
        duplicated: Received once more than once.
        misordered: Received for the first time after one that comes later.
        foreign: Received, but not as it was sent: another ID, or other data.
    """

    expected: int
    received: int
    lost: int
    duplicated: int
    misordered: int
    foreign: int

    @classmethod
    def of(cls, expected: Sequence[Item], received: Sequence[Item]) -> Self:
        """The verdict over pairs of ID and data; those expected are all different."""
        places = {item: place for place, item in enumerate(expected)}
        times = Counter(received)
        arrived = [places[item] for item in times if item in places]
        return cls(
            expected=len(expected),
            received=len(received),
            lost=len(expected) - len(arrived),
            duplicated=sum(times[item] - 1 for item in times if item in places),
            misordered=sum(
                place < latest
                for place, latest in zip(arrived, accumulate(arrived, max), strict=True)
            ),
            foreign=sum(n for item, n in times.items() if item not in places),
        )

    @property
    def is_perfect(self) -> bool:
        """Whether every event came once, in order, and nothing else did."""
        return not (self.lost or self.duplicated or self.misordered or self.foreign)
