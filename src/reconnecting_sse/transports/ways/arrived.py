"""What a proxy has sent, taken bit by bit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.transports.ways.refusals import closed, not_understood

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_HEAD_LIMIT = 65536
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_END_LENGTH = 4


class Arrived:
    """What has come and was not looked at yet."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._data = bytearray()

    @property
    def is_empty(self) -> bool:
        return not self._data

    def exactly(self, count: int) -> Steps[bytes]:
        while len(self._data) < count:
            yield from self._more()
        return self._taken(count, count)

    def head(self) -> Steps[bytes]:
        """A message's head, without the blank line at its end."""
        looked_at = 0
        while (end := _HEAD_END.search(self._data, looked_at)) is None:
            if len(self._data) > _HEAD_LIMIT:
                raise not_understood(self._route)
            looked_at = max(0, len(self._data) - _END_LENGTH + 1)
            yield from self._more()
        return self._taken(*end.span())

    def _more(self) -> Steps[None]:
        data = yield None
        if not data:
            raise closed(self._route)
        self._data += data

    def _taken(self, count: int, passed: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:passed]
        return taken
