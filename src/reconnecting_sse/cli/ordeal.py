"""What the demo's server does to its client."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconnecting_sse.testing import FAULT_KINDS, RandomFaults

if TYPE_CHECKING:
    from reconnecting_sse.testing import Answer, FaultKind, RecordedRequest, Step

DEEDS: dict[FaultKind, str] = {
    "cut": "the server cut the connection",
    "reset": "the server reset the connection",
    "stall": "the server fell silent",
    "end": "the server ended the stream early",
    "close": "the server hung up without an answer",
    "busy": "the server answered 503",
}

_EVENT_SIZE = 32  # bytes at least, of an event of the demo in its HTTP chunk


class Ordeal:
    """Every kind of fault twice, in an order that the seed decides; then none.

    They are spread over the feed: none comes so late that others have no place.

    Attributes:
        happened: What became of each connection so far; None: no fault.
        deed: What the server did to the last connection, for a reader.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._count = count
        self._left: list[FaultKind] = [*FAULT_KINDS, *FAULT_KINDS]
        self._random.shuffle(self._left)
        self.happened: list[FaultKind | None] = []
        self.deed: str = "the server did not see it"

    def __call__(self, request: RecordedRequest, answer: Answer) -> Step:
        """The step that this connection gets instead of ``answer``, or ``answer``."""
        if not self._left:
            self.happened.append(None)
            self.deed = "the server sent all it has"
            return answer
        events = self._count - int(request.header("last-event-id") or 0)
        # On average an equal share, for each fault left and for the time after them;
        # twice that at the most.
        reach = 2 * events * _EVENT_SIZE // (len(self._left) + 2)
        kind = self._left.pop()
        self.happened.append(kind)
        self.deed = DEEDS[kind]
        fault = RandomFaults(self._random.getrandbits(32), kinds=[kind], reach=reach)
        return fault(request, answer)

    def survived(self, connections: int) -> list[FaultKind]:
        """The faults after which the client came again; ``connections``: its times."""
        return [kind for kind in self.happened[: connections - 1] if kind is not None]
