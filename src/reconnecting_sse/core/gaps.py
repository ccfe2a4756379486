"""Where events may have been missed, as far as attempts and their answers show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.cursor import hindrance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.answer import Answer
    from reconnecting_sse.core.notices import Notices

ELSEWHERE = "the response resumes at another position than the one asked for"


class Gaps:
    """Holds what was asked for against what was answered, and gives notice of a gap.

    Args:
        notices: Where it is given.
        headers: Response headers that name the position resumed after.
    """

    def __init__(self, notices: Notices, headers: Iterable[str]) -> None:
        self._notices = notices
        self._headers = tuple(name.lower() for name in headers)
        self._asked_for = ""
        self._unsendable = ""  # noticed already

    def asked_after(self, cursor: str) -> str:
        """What an attempt asks for: the cursor, unless it cannot be sent."""
        reason = hindrance(cursor)
        self._asked_for = "" if reason else cursor
        if reason and cursor != self._unsendable:
            self._unsendable = cursor
            self._notices.gap(reason, cursor)
        return self._asked_for

    def answered(self, answer: Answer, cursor: str) -> None:
        """A stream was opened after that."""
        resumed_after = answer.position(self._headers)
        if self._asked_for and resumed_after not in (None, self._asked_for):
            self._notices.gap(ELSEWHERE, cursor, resumed_after)
