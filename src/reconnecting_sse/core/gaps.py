"""Where events may have been missed, as far as attempts and their answers show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.core.cursor import Carriage
    from reconnecting_sse.core.notices import Notices

PASSED_OVER = "an event larger than max_event_bytes was passed over"
ELSEWHERE = "the response resumes at another position than the one asked for"


class Gaps:
    """Holds what was asked for against what was answered, and gives notice of a gap.

    Attributes:
        is_watching: Whether answers are held against what was asked for.

    Args:
        notices: Where it is given.
        headers: Response headers that name the position resumed after.
        carriage: What can be asked for.
    """

    def __init__(
        self, notices: Notices, headers: Iterable[str], carriage: Carriage
    ) -> None:
        self.is_watching: bool = False
        self._notices = notices
        self._carriage = carriage
        self._headers = tuple(name.lower() for name in headers)
        self._asked_for = ""
        self._unsendable = ""  # noticed already

    def asked_after(self, cursor: str) -> str:
        """What an attempt asks for: the cursor, unless it cannot be sent."""
        obstacle = self._carriage.obstacle(cursor)
        self._asked_for = "" if obstacle else cursor
        if obstacle and cursor != self._unsendable:
            self._unsendable = cursor
            self._notices.gap(obstacle, cursor)
        return self._asked_for

    def answered(self, answer: Answer, cursor: str) -> None:
        """A stream was opened after that."""
        if not self.is_watching:
            return
        resumed_after = answer.position(self._headers)
        if self._asked_for and resumed_after not in (None, self._asked_for):
            self._notices.gap(ELSEWHERE, cursor, resumed_after)
