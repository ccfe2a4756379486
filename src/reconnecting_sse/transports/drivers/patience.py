"""Of nothing there may be much: a few compressed bytes may be hours of decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.transports.drivers import waiting
from reconnecting_sse.transports.wire_errors import ClosedError, SilenceError

if TYPE_CHECKING:
    from reconnecting_sse.transports.wire_errors import Wire


class Patience:
    """Whether to go on with what has come, though nothing has come of it so far."""

    __slots__ = ("_longest", "_since", "_wire")

    def __init__(self, wire: Wire, longest: float | None) -> None:
        self._wire = wire
        self._longest = longest
        self._since = waiting.now()

    def check(self) -> None:
        """Nothing came of it again.

        Raises:
            ClosedError: The wire was closed meanwhile.
            SilenceError: That took longer than a silence may.
        """
        if self._wire.is_given_up:
            raise ClosedError
        longest = self._longest
        if longest is not None and waiting.now() - self._since > longest:
            raise SilenceError(longest)
